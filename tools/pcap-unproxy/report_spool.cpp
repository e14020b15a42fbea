// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the report and the list say of attempts: kept on a disk until all inputs are done.
#include "report_spool.hpp"

#include <algorithm>
#include <filesystem>

#include "capture/unnamed_file.hpp"
#include "report/csv.hpp"
#include "report/list.hpp"

namespace unproxy {
namespace {

// Beside the report, where room for it is needed anyway; a device has no such place.
std::string directory_for(const std::string& report) {
  std::error_code none;
  const auto kind = std::filesystem::status(report, none).type();
  const bool is_file = kind == std::filesystem::file_type::regular || kind == std::filesystem::file_type::not_found;
  if (report.empty() || report == "-" || !is_file) return temporary_directory();
  const auto directory = std::filesystem::path(report).parent_path();
  return directory.empty() ? "." : directory.string();
}

}  // namespace

void OrderedLines::cut(std::size_t count) {
  if (count >= places_.size()) return;
  lines_.cut(places_[count].begin);
  places_.resize(count);
}

void OrderedLines::sort() {
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.id < b.id; });
}

ReportSpool::ReportSpool(const Options& options)
    : options_(options),
      tunnels_(directory_for(options.report)),
      rows_(temporary_directory()),
      skipped_(directory_for(options.report)),
      legs_(directory_for(options.report)),
      correlation_(directory_for(options.report)) {}

void ReportSpool::add(Table table, proxytunnel::TunnelId id, std::string_view text) {
  if (table == Table::report) tunnels_.add(id, text);
  if (table == Table::skipped) skipped_.add(text);
  if (table == Table::legs) legs_.add(text);
  if (table == Table::correlation) correlation_.add(text);
  if (table == Table::list || table == Table::list_csv) rows_.add(id, text);
}

void ReportSpool::begin_input() {
  first_tunnel_ = tunnels_.count();
  first_row_ = rows_.count();
  first_skipped_ = skipped_.end();
  first_leg_ = legs_.end();
  first_correlation_ = correlation_.end();
}

void ReportSpool::forget_input() {
  tunnels_.cut(first_tunnel_);
  rows_.cut(first_row_);
  skipped_.cut(first_skipped_);
  legs_.cut(first_leg_);
  correlation_.cut(first_correlation_);
}

void ReportSpool::write_entries(proxytunnel::ReportWriter& writer) {
  tunnels_.sort();
  tunnels_.each([&writer](std::string_view json) { writer.tunnel(json); });
  const auto each_of = [](LineSpool& lines, auto visit) {
    std::string_view json;
    for (std::uint64_t place = 0; place < lines.end(); place += json.size() + 1) {
      json = lines.at(place);
      visit(json);
    }
  };
  each_of(skipped_, [&writer](std::string_view json) { writer.skipped(json); });
  each_of(legs_, [&writer](std::string_view json) { writer.leg(json); });
  each_of(correlation_, [&writer](std::string_view json) { writer.leg_source(json); });
}

void ReportSpool::write_list(std::size_t width, const proxytunnel::Put& put) {
  rows_.sort();
  if (options_.list == List::csv) {
    put(proxytunnel::csv_title());
    rows_.each([&put](std::string_view row) {
      put(row);
      put("\n");
    });
    return;
  }
  proxytunnel::ListSizes sizes;
  rows_.each([&sizes](std::string_view row) { sizes.measure(row); });
  const proxytunnel::ListTable table(sizes, width);
  put(table.title());
  rows_.each([&table, &put](std::string_view row) { put(table.line(row)); });
}

}  // namespace unproxy
