// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: the files of the logs.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lines.hpp"
#include "log/log_file.hpp"
#include "options.hpp"

namespace unproxy {

/// One of the logs.
struct LogTable {
  Table table;
  Log log;
  std::string_view file;
  std::span<const proxytunnel::Column> columns;
};
[[nodiscard]] std::span<const LogTable> log_tables();
/// The files that the options ask for, and where.
[[nodiscard]] std::vector<std::string> log_paths(const Options& options);

class LogFiles {
 public:
  /// Makes the directory, and the files in it. Throws OutputError.
  explicit LogFiles(const Options& options);

  /// The first packet of the run has this time.
  void begin(proxytunnel::Time first_packet);
  /// A row, if there is such a log.
  void add(Table table, std::string_view row);
  /// What comes is of the next input; what came since then is not told.
  void begin_input();
  void forget_input();
  /// `last`: the time of the latest packet. All logs that could be written are there, even if it throws OutputError.
  void finish(proxytunnel::Time last);

 private:
  std::deque<LogFile> files_;
  LogFile* of_table_[tables] = {};
};

}  // namespace unproxy
