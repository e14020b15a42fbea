// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the options of captures from an interface, and of rings of output files, with dumpcap's names.
// spec: dumpcap(1)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "options.hpp"

namespace CLI {
class App;
}

namespace unproxy {

/// As they stand on the command line.
struct LiveWords {
  LiveSource source;
  std::vector<std::string> autostop, ring;
  bool no_promiscuous = false, list_interfaces = false;
};

void define_live(CLI::App& app, LiveWords& words);
void define_ring(CLI::App& app, LiveWords& words);

/// Takes them over; otherwise what is wrong with them. All other options are read by then.
std::optional<std::string> take_live(const LiveWords& words, Options& options);

/// What -D prints. Throws CaptureError.
std::string interfaces_text();

}  // namespace unproxy
