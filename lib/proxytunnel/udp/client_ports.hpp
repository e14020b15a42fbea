// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from which port which association of a client sends, and whom it asked from there.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "base/endpoint.hpp"
#include "base/recent.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// A client's port, as one relay knows it.
struct ClientPort {
  Endpoint relay, client;
  std::uint8_t layer = 0;
  NetworkId network = 0;

  auto operator<=>(const ClientPort&) const = default;
};

/// What is known of it.
struct PortUse {
  TunnelId id = no_tunnel;               ///< whose it is
  std::optional<std::uint32_t> asked{};  ///< the flow of the association that was asked latest from it
  bool has_asked_several = false;        ///< not always the same one

  void ask(std::uint32_t flow) noexcept {
    has_asked_several |= asked.has_value() && *asked != flow;
    asked = flow;
  }
};

/// What belongs to an association that is gone needs no care: its id is nobody's.
using ClientPorts = Recent<ClientPort, PortUse>;

}  // namespace proxytunnel
