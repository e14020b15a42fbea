// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which options go together with --sequence.
#include "sequence_option.hpp"

#include <algorithm>
#include <filesystem>

namespace unproxy {
namespace {

bool is_stream(const std::string& input) {
  std::error_code none;
  const auto status = std::filesystem::status(input, none);
  return input == "-" || (std::filesystem::exists(status) && !is_regular_file(status) && !is_directory(status));
}

}  // namespace

std::optional<std::string> first_stream(const Options& options) {
  const auto found = std::find_if(options.inputs.begin(), options.inputs.end(), is_stream);
  if (found == options.inputs.end()) return std::nullopt;
  return *found == "-" ? "standard input" : *found;
}

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
