// SPDX-License-Identifier: GPL-2.0-or-later
// summary: when a SOCKS reply's BND may be taken for the address of the origin.
#include "names/reply_rules.hpp"

namespace proxytunnel {
namespace {

bool is_destination(const Address& address) noexcept {
  constexpr Address loopback6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 6};
  const unsigned first = address.octets[0];
  if (address.is_v4()) return first != 0 && first != 127 && first < 224;
  return !address.is_unspecified() && address != loopback6 && first != 0xff;
}

}  // namespace

bool can_be_origin(const Endpoint& bound, std::uint16_t target_port, const Endpoint& client, const Endpoint& proxy,
                   const SyntheticPrefixes& synthetic) noexcept {
  if (bound.port != target_port || bound.port == 0 || bound.port == client.port) return false;
  const Address address = bound.address.unmapped();
  if (address == proxy.address.unmapped() || address == client.address.unmapped()) return false;
  return is_destination(address) && !synthetic.contain(address);
}

}  // namespace proxytunnel
