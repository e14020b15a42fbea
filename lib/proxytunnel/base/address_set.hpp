// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a set of addresses that somebody names: single ones, and networks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"

namespace proxytunnel {

class AddressSet {
 public:
  /// Adds an address ("10.0.0.1", "fd00::1") or a network ("10.0.0.0/8"; host bits are cleared). False, and nothing was
  /// added, if the text is neither.
  bool add(std::string_view text);
  /// Adds several with commas between them. False if one of them is neither: then those before it were added.
  bool add_all(std::string_view texts);

  /// ::ffff:a.b.c.d counts as a.b.c.d, here and among what was added.
  [[nodiscard]] bool contains(const Address& address) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }
  /// Networks with commas between them, as add_all() takes them.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Prefix> networks_;
};

}  // namespace proxytunnel
