// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is told of attempts and connections, line by line, from whoever reads an input to whoever writes the
//          report, the list and the logs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/segment.hpp"
#include "options.hpp"
#include "report/rows.hpp"

namespace unproxy {

/// Where a line goes.
enum class Table : std::uint8_t {
  report,
  skipped,
  legs,
  correlation,
  list,
  list_csv,
  conn,
  socks,
  tunnel,
  proxytunnel,
  csv,
  ndjson
};
constexpr std::size_t tables = 12;

/// A line without its end. Attempts are numbered in each input from 0; in the line their numbers are to be those of the
/// run, which nobody knows before the inputs before it are done.
struct Line {
  Table table = Table::report;
  proxytunnel::TunnelId id = proxytunnel::no_tunnel;  ///< of the attempt that it tells of; no_tunnel: no number in it
  proxytunnel::TunnelId parent = proxytunnel::no_tunnel;
  std::uint32_t numbers_at = 0;  ///< where they stand in it: id, input, parent, as numbers_text() has them
  std::string_view text;         ///< borrowed
};

class LineSink {
 public:
  virtual ~LineSink() = default;
  LineSink() = default;
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  /// The first packet of the input; before its lines.
  virtual void begin(proxytunnel::Time first_packet) = 0;
  virtual void add(const Line& line) = 0;
};

[[nodiscard]] proxytunnel::RowForm form_of(Table table, const Options& options) noexcept;

struct Numbers {
  proxytunnel::TunnelId id;
  std::size_t input;
  proxytunnel::TunnelId parent;
};
/// As they stand in a table's lines.
std::string numbers_text(Table table, const Options& options, const Numbers& numbers);

/// A line of an input whose first attempt is `base` in the run. `room` may hold the result.
std::string_view renumbered(const Line& line, const Options& options, std::size_t input, proxytunnel::TunnelId base,
                            std::string& room);

/// What is told of an attempt that ended, and of a connection that was not followed, as the options ask for it.
void tell_attempt(const proxytunnel::ReportEntry& entry, const Options& options, LineSink& sink);
void tell_skipped(const proxytunnel::SkippedEvent& event, const Options& options, LineSink& sink);

}  // namespace unproxy
