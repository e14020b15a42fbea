// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one input on its way through the program: decryption, the core, its output, what is told of it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "report/report.hpp"

namespace unproxy {

/// All counts but those by reason, of counters that are const or not.
template <class Counters>
auto counts_of(Counters& counters) {
  auto& files = *counters.files;
  return std::array{&counters.connections,  &counters.tunnels,       &counters.dropped_connections,
                    &counters.gave_way,     &counters.names_dropped, &files.packets_read,
                    &files.packets_written, &files.secrets_dropped};
}

/// What an input gave, besides its output and lines.
struct InputResult {
  std::vector<proxytunnel::InputSummary> inputs;  ///< one; with --sequence, one for each file
  std::optional<proxytunnel::WindowSummary> window;
  proxytunnel::ReportCounters counters;
  proxytunnel::TunnelId attempts = 0;
  int exit_code = 0;
  bool is_done = false;  ///< false: it could not be read, or its output not be written; its lines are of no use
};

class InputRun {
 public:
  /// Both are borrowed.
  InputRun(const Options& options, const StopFlag& stop);
  ~InputRun();

  /// Takes one of Options::inputs to its end; with --sequence, all of them. What goes wrong is told on standard error.
  InputResult operator()(std::size_t index, LineSink& lines);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

/// Words on standard error. They may come from a capture.
void complain(const std::string& words);

}  // namespace unproxy
