// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one form of a host name by which names are compared.
// spec: RFC 4343 (letter case), RFC 1034 section 3.1 (the root's dot)
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace proxytunnel {

/// The longest text of a DNS name: 255 octets on the wire, less the first length and the root (RFC 1035 section 2.3.4).
constexpr std::size_t longest_dns_name = 253;

/// ASCII letters in lower case, one dot at the end dropped. Other bytes stay: nothing is known of their meaning.
inline std::string canonical_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string canonical(name);
  std::transform(canonical.begin(), canonical.end(), canonical.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return canonical;
}

}  // namespace proxytunnel
