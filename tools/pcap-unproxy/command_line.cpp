// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how the program was called, for the report.
#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace unproxy {
namespace {

struct LeftOut {
  char letter;  ///< '\0': none
  std::string_view name;
  bool has_value;
};
constexpr std::array left_out = {
    LeftOut{'w', "--write", true},       LeftOut{'d', "--output-dir", true}, LeftOut{'\0', "--report", true},
    LeftOut{'\0', "--log-dir", true},    LeftOut{'j', "--jobs", true},       LeftOut{'\0', "--progress", true},
    LeftOut{'b', "--ring-buffer", true}, LeftOut{'\0', "--split", true},     LeftOut{'\0', "--max-open-files", true},
    LeftOut{'q', "--quiet", false},      LeftOut{'v', "--verbose", false},
};

/// How many words an option takes that is left out, its own included; 0: it is not.
std::size_t left_out_at(std::string_view word) {
  for (const LeftOut& each : left_out) {
    if (word == each.name) return each.has_value ? 2 : 1;
    if (each.has_value && word.starts_with(each.name) && word.substr(each.name.size()).starts_with('=')) return 1;
    const bool is_short = each.letter != '\0' && word.size() >= 2 && word[0] == '-' && word[1] == each.letter;
    if (is_short && each.has_value) return word.size() == 2 ? 2 : 1;
  }
  const bool is_of_flags = word.size() >= 2 && word[0] == '-' && word.find_first_not_of("qv", 1) == std::string::npos;
  return is_of_flags ? 1 : 0;
}

}  // namespace

std::vector<std::string> deciding_words(int argc, const char* const* argv) {
  std::vector<std::string> words = {"pcap-unproxy"};
  const auto count = static_cast<std::size_t>(argc);
  bool are_options = true;
  for (std::size_t i = 1; i < count;) {
    const std::string_view word = argv[i];
    are_options = are_options && word != "--";
    const std::size_t skipped = are_options ? left_out_at(word) : 0;
    if (skipped == 0) words.emplace_back(word);
    i += std::max<std::size_t>(skipped, 1);
  }
  return words;
}

}  // namespace unproxy
