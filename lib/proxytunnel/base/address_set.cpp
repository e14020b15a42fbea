// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a set of addresses that somebody names: single ones, and networks.
#include "base/address_set.hpp"

#include <algorithm>
#include <optional>

namespace proxytunnel {
namespace {

unsigned bits_of(const Address& address) noexcept {
  return static_cast<unsigned>(address.bytes().size() * 8);
}

std::optional<Prefix> network_of(std::string_view text) noexcept {
  if (const auto network = Prefix::parse(text)) return network;
  const auto address = Address::parse(text);
  if (!address) return std::nullopt;
  return Prefix{*address, bits_of(*address)};
}

// A network of IPv4-mapped addresses is one of IPv4 (RFC 4291 section 2.5.5.2).
Prefix unmapped(const Prefix& network) noexcept {
  constexpr unsigned mapped_bits = 96;
  const Address address = network.address.unmapped();
  const bool is_mapped = address.version != network.address.version && network.length >= mapped_bits;
  return is_mapped ? Prefix{address, network.length - mapped_bits} : network;
}

}  // namespace

bool AddressSet::add(std::string_view text) {
  const auto network = network_of(text);
  if (network) networks_.push_back(unmapped(*network));
  return network.has_value();
}

bool AddressSet::add_all(std::string_view texts) {
  while (true) {
    const std::size_t end = std::min(texts.find(','), texts.size());
    if (!add(texts.substr(0, end))) return false;
    if (end == texts.size()) return true;
    texts.remove_prefix(end + 1);
  }
}

bool AddressSet::contains(const Address& address) const noexcept {
  if (networks_.empty()) return false;
  const Address plain = address.unmapped();
  return std::any_of(networks_.begin(), networks_.end(),
                     [&plain](const Prefix& network) { return network.contains(plain); });
}

std::string AddressSet::text() const {
  std::string list;
  for (const Prefix& network : networks_) list += (list.empty() ? "" : ",") + network.text();
  return list;
}

}  // namespace proxytunnel
