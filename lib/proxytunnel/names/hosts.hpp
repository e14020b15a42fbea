// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one line of a hosts file.
// spec: hosts(5)
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"

namespace proxytunnel {

struct HostsEntry {
  Address address;
  std::vector<std::string_view> names;  ///< views into the line; the canonical name first, then aliases; at least one
};

/// Reads `address name [alias ...] [# comment]`, parted by blanks and tabs, with or without its line end. nullopt for a
/// line that names nothing: empty, a comment, an address alone, or one that is no address as Address::parse knows it
/// (with a zone, such as fe80::1%lo0).
[[nodiscard]] std::optional<HostsEntry> parse_hosts_line(std::string_view line) noexcept;

}  // namespace proxytunnel
