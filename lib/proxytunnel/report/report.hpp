// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the JSON report: one entry for each attempt, opened or not.
// spec: docs/contract.md, "proxytunnel-report/1"
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/event.hpp"

namespace proxytunnel {

struct InputSummary {
  std::string file;
  std::string sha256;  ///< empty: not asked for
  std::uint64_t packets = 0, bytes = 0;
  std::optional<Time> first_time, last_time;
  std::string damaged;     ///< empty: not damaged
  std::string unreadable;  ///< empty: it was read
};

/// An attempt with what only the tool knows of it.
struct ReportEntry {
  Attempt attempt;
  std::size_t input = 0;
  PerDirection<std::string> sha256;  ///< empty: null
};

struct ReportCounters {
  std::uint64_t packets_read = 0, packets_written = 0, connections = 0, tunnels = 0, dropped_connections = 0;
  std::map<std::string, std::uint64_t> packets_passed_over;  ///< by reason
};

struct Report {
  std::vector<InputSummary> inputs;
  std::vector<ReportEntry> tunnels;
  std::vector<SkippedEvent> skipped;
  ReportCounters counters;
  bool interrupted = false;

  /// Attempts come in the order in which they ended; everything shown is in the order of their ids.
  void sort();
};

enum class Passwords : std::uint8_t { redact, show };

/// Which program wrote the report.
struct Tool {
  std::string name, version;
};

/// Takes the report piece by piece: a report of a large capture is never one text in memory.
using Put = std::function<void(std::string_view)>;

void write_report(const Report& report, const Tool& tool, Passwords passwords, const Put& put);

/// The table of --list: one line for each attempt.
void write_list(const Report& report, const Put& put);

}  // namespace proxytunnel
