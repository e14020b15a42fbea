// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one line of a hosts file.
#include "names/hosts.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

// The next word, which is cut off the front of the text; empty at the end.
std::string_view take_word(std::string_view& text) noexcept {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<HostsEntry> parse_hosts_line(std::string_view line) noexcept {
  line = line.substr(0, line.find('#'));
  const auto address = Address::parse(take_word(line));
  if (!address) return std::nullopt;
  HostsEntry entry{*address, {}};
  for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) entry.names.push_back(name);
  if (entry.names.empty()) return std::nullopt;
  return entry;
}

}  // namespace proxytunnel
