// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --correlate, --wan and --skew on the command line.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "options.hpp"

namespace CLI {
class App;
}

namespace unproxy {

/// What --view takes.
[[nodiscard]] const std::map<std::string, View>& view_words();

/// As they stand there.
struct CorrelateWords {
  std::optional<double> skew;  ///< seconds
};

void define_correlate(CLI::App& app, CorrelateWords& words, Options& options);

/// Takes them over; otherwise what is wrong with them. All other options are read by then.
std::optional<std::string> take_correlate(const CorrelateWords& words, Options& options);

}  // namespace unproxy
