// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which options go together with --sequence.
#include "sequence_option.hpp"

#include "inputs.hpp"

namespace unproxy {

std::optional<std::string> check_sequence(const Options& options) {
  if (!options.sequence) return std::nullopt;
  if (options.live) return "--sequence is for the files of one capture; -i captures anew";
  if (const auto stream = first_stream(options)) {
    return "--sequence looks for the first time stamp of each file before it reads them, and " + *stream +
           " cannot be read twice: give files";
  }
  if (options.engine == Engine::tshark || !options.keylog.empty()) {
    return "--sequence cannot decrypt, since tshark reads one file: put the files together with mergecap, and give "
           "that one";
  }
  return std::nullopt;
}

}  // namespace unproxy
