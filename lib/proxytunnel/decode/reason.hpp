// SPDX-License-Identifier: GPL-2.0-or-later
// summary: why a captured packet is neither a TCP segment nor a UDP datagram.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxytunnel {

enum class Reason : std::uint8_t {
  none,                   ///< there is no reason: it is one
  unsupported_link_type,  ///< the interface's link type is not known
  not_ip,                 ///< ARP and the like, or bytes that are no IPv4 or IPv6 packet
  cut_short,              ///< a header was not captured whole
  too_many_headers,       ///< more layers or extension headers than decode_limits allow
  malformed_ip,
  malformed_tcp,
  malformed_udp,
  encapsulated,        ///< wrapped in what is not followed: another payload of GRE or GTP-U, 802.11 aggregates
  other_protocol,      ///< ICMP (also an error that quotes TCP), ESP, SCTP, no next header
  fragment,            ///< one of a datagram that is not complete yet
  fragment_cut_short,  ///< a fragment not captured whole: its datagram cannot be put together
  fragment_limit,      ///< its datagram has more fragments or bytes than decode_limits allow
  encrypted,           ///< 802.11 with a key
};
constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::encrypted) + 1;

/// The name of a reason in the report: lower-case words with hyphens; static storage.
constexpr std::string_view name_of(Reason reason) noexcept {
  constexpr std::array<std::string_view, reason_count> names{
      "none",         "unsupported-link-type", "not-ip",         "cut-short",    "too-many-headers",
      "malformed-ip", "malformed-tcp",         "malformed-udp",  "encapsulated", "other-protocol",
      "fragment",     "fragment-cut-short",    "fragment-limit", "encrypted"};
  return names[static_cast<std::size_t>(reason)];
}

}  // namespace proxytunnel
