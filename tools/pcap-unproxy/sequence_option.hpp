// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --sequence and --window on the command line, and which options go together with them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "options.hpp"

namespace CLI {
class App;
}

namespace unproxy {

/// As they stand there.
struct SequenceWords {
  std::optional<std::string> window;  ///< FIRST..LAST
  std::optional<std::size_t> look_back, look_ahead;
  std::string files_from;  ///< empty: not given
};

void define_sequence(CLI::App& app, SequenceWords& words, Options& options);

/// Reads the list of --files-from, if there is one, into Options::inputs; otherwise what is wrong with it.
std::optional<std::string> take_listed_files(const SequenceWords& words, Options& options);

/// Takes them over; otherwise what is wrong with them. All other options are read by then.
std::optional<std::string> take_sequence(const SequenceWords& words, Options& options);

}  // namespace unproxy
