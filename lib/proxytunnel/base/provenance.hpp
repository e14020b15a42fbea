// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how an origin's address is known, and an address with that knowledge.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/endpoint.hpp"

namespace proxytunnel {

/// Where an address comes from, strongest evidence first.
enum class Provenance : std::uint8_t {
  literal,                ///< the request said an address
  wan_leg,                ///< the proxy's own connection to the origin was found
  socks_reply,            ///< BND of the reply (reply_rules.hpp)
  dns_in_capture,         ///< a DNS answer in the capture
  name_resolution_block,  ///< of a pcapng file
  hosts_file,
  dns_live,     ///< looked up while the capture was read
  dns_unasked,  ///< an answer in the capture to no question in it: never chosen
  synthetic,    ///< made up from the name (synthetic.hpp)
  carrier       ///< the PROXY protocol: an end of the carrying connection
};

/// The spelling of the report: "dns-in-capture".
constexpr std::string_view name_of(Provenance provenance) noexcept {
  switch (provenance) {
    case Provenance::literal:
      return "literal";
    case Provenance::wan_leg:
      return "wan-leg";
    case Provenance::socks_reply:
      return "socks-reply";
    case Provenance::dns_in_capture:
      return "dns-in-capture";
    case Provenance::name_resolution_block:
      return "name-resolution-block";
    case Provenance::hosts_file:
      return "hosts-file";
    case Provenance::dns_live:
      return "dns-live";
    case Provenance::dns_unasked:
      return "dns-unasked";
    case Provenance::synthetic:
      return "synthetic";
    case Provenance::carrier:
      return "carrier";
  }
  return "";
}

/// An address that something names for a target.
struct Candidate {
  Address address;
  std::optional<Address> asked_by;  ///< to whom a DNS answer was given
  Provenance provenance = Provenance::dns_in_capture;

  bool operator==(const Candidate&) const = default;
};

}  // namespace proxytunnel
