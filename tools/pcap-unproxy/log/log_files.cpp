// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: the files of the logs.
#include "log/log_files.hpp"

#include <filesystem>
#include <optional>

#include "log/zeek_logs.hpp"

namespace unproxy {

std::span<const LogTable> log_tables() {
  static const LogTable all[] = {
      {Table::conn, Log::zeek, "conn.log", conn_columns()},
      {Table::socks, Log::zeek, "socks.log", socks_columns()},
      {Table::tunnel, Log::zeek, "tunnel.log", tunnel_columns()},
      {Table::proxytunnel, Log::zeek, "proxytunnel.log", proxytunnel_columns()},
      {Table::csv, Log::csv, "proxytunnel.csv", proxytunnel::fact_columns()},
      {Table::ndjson, Log::ndjson, "proxytunnel.ndjson", proxytunnel::fact_columns()},
  };
  return all;
}

namespace {

std::string path_of(const LogTable& table, const Options& options) {
  return (std::filesystem::path(options.log_dir) / table.file).string();
}

}  // namespace

std::vector<std::string> log_paths(const Options& options) {
  std::vector<std::string> paths;
  for (const LogTable& each : log_tables()) {
    if (options.logs.contains(each.log)) paths.push_back(path_of(each, options));
  }
  return paths;
}

LogFiles::LogFiles(const Options& options) {
  if (options.logs.empty()) return;
  make_directory(options.log_dir);
  for (const LogTable& each : log_tables()) {
    if (!options.logs.contains(each.log)) continue;
    const std::string_view name = each.file.substr(0, each.file.find('.'));
    files_.emplace_back(path_of(each, options), name, form_of(each.table, options), each.columns);
    of_table_[static_cast<std::size_t>(each.table)] = &files_.back();
  }
}

void LogFiles::begin(proxytunnel::Time first_packet) {
  for (LogFile& file : files_) file.begin(first_packet);
}

void LogFiles::add(Table table, std::string_view row) {
  if (LogFile* file = of_table_[static_cast<std::size_t>(table)]) file->add(row);
}

void LogFiles::begin_input() {
  for (LogFile& file : files_) file.mark();
}

void LogFiles::forget_input() {
  for (LogFile& file : files_) file.cut_to_mark();
}

void LogFiles::finish(proxytunnel::Time last) {
  std::optional<OutputError> error;
  for (LogFile& file : files_) {
    try {
      file.finish(last);
    } catch (const OutputError& each) {
      error = each;
    }
  }
  if (error) throw *error;
}

}  // namespace unproxy
