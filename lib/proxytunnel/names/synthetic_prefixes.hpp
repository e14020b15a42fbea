// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the prefixes that synthetic addresses are taken from; whatever is inside them is no evidence for a name.
// spec: RFC 2544 appendix C.2.2 (198.18.0.0/15), RFC 4193 section 3.1 (fd00::/8)
#pragma once

#include <optional>
#include <string_view>

#include "base/endpoint.hpp"

namespace proxytunnel {

/// 198.18.0.0/15: for benchmarks of network devices, so never an origin on the Internet.
constexpr Prefix default_synthetic4{{{198, 18}, 4}, 15};
/// fd70:726f:7879::/48: "proxy" in a unique local prefix.
constexpr Prefix default_synthetic6{{{0xfd, 0x70, 0x72, 0x6f, 0x78, 0x79}, 6}, 48};

/// Bits of a prefix, at most: room enough for synthetic addresses to differ.
[[nodiscard]] constexpr unsigned longest_synthetic_prefix(unsigned version) noexcept {
  return version == 4 ? 24 : 96;
}

/// Nothing if it is no prefix of that version (4 or 6), or one that is too long.
[[nodiscard]] inline std::optional<Prefix> parse_synthetic_prefix(std::string_view text, unsigned version) noexcept {
  const auto prefix = Prefix::parse(text);
  const bool is_usable =
      prefix && prefix->address.version == version && prefix->length <= longest_synthetic_prefix(version);
  return is_usable ? prefix : std::nullopt;
}

struct SyntheticPrefixes {
  Prefix v4 = default_synthetic4;
  Prefix v6 = default_synthetic6;

  /// Whether an address lies inside either prefix; ::ffff:a.b.c.d counts as a.b.c.d.
  [[nodiscard]] bool contain(const Address& address) const noexcept {
    const Address plain = address.unmapped();
    return v4.contains(plain) || v6.contains(plain);
  }
};

}  // namespace proxytunnel
