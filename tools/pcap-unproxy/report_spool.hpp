// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the report and the list say of attempts: kept on a disk until all inputs are done.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "line_spool.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "report/report.hpp"

namespace unproxy {

/// Lines with ids. Attempts end in any order; everything that is shown is in the order of ids. In memory are 16 bytes
/// for each.
class OrderedLines {
 public:
  explicit OrderedLines(std::string directory) : lines_(std::move(directory)) {}

  void add(proxytunnel::TunnelId id, std::string_view line) { places_.push_back({lines_.add(line), id}); }
  [[nodiscard]] std::size_t count() const noexcept { return places_.size(); }
  /// Only the first `count` lines that were added are kept.
  void cut(std::size_t count);
  void sort();
  /// Throws OutputError, as LineSpool does.
  template <class Visit>
  void each(Visit visit) {
    for (const Place& place : places_) visit(lines_.at(place.begin));
  }

 private:
  struct Place {
    std::uint64_t begin;
    proxytunnel::TunnelId id;
  };

  LineSpool lines_;
  std::deque<Place> places_;  // never moved as it grows
};

class ReportSpool {
 public:
  /// Options are borrowed.
  explicit ReportSpool(const Options& options);

  /// Keeps a line of the report or of the list; `id` as the run counts.
  void add(Table table, proxytunnel::TunnelId id, std::string_view text);

  /// What came since begin_input() is not told.
  void begin_input();
  void forget_input();

  /// After the last input, once. Both throw OutputError; nothing was lost before.
  void write_entries(proxytunnel::ReportWriter& writer);
  /// `width`: of a table; 0: as wide as it is.
  void write_list(std::size_t width, const proxytunnel::Put& put);

 private:
  const Options& options_;
  OrderedLines tunnels_, rows_;
  LineSpool skipped_, legs_, correlation_;
  /// Where the latest input begins.
  std::size_t first_tunnel_ = 0, first_row_ = 0;
  std::uint64_t first_skipped_ = 0, first_leg_ = 0, first_correlation_ = 0;
};

}  // namespace unproxy
