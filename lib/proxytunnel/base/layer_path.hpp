// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of conversations on which every reader of a capture agrees, whatever ids, names and addresses it
// gives. spec: docs/decisions/0012
#pragma once

#include "base/segment.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// The finalizer of splitmix64. There is no secret in it, since two programs must agree; nothing is looked up by it but
/// the few conversations of one frame.
[[nodiscard]] constexpr std::uint64_t mix_fixed(std::uint64_t state, std::uint64_t value) noexcept {
  state += value + 0x9e3779b97f4a7c15;
  state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
  state = (state ^ state >> 27) * 0x94d049bb133111eb;
  return state ^ state >> 31;
}

/// Of the TCP connection on the wire between two ends; the same for both orders.
[[nodiscard]] LayerPath path_on_wire(const Endpoint& one, const Endpoint& another) noexcept;

/// Of a tunnel's virtual conversation: inside the conversation that carries it, the places where the tunnel's bytes
/// begin in the streams of the client and of the proxy.
[[nodiscard]] LayerPath path_of_tunnel(LayerPath carrier, Offset client_base, Offset server_base) noexcept;

/// Of what TLS carries, decrypted, in a conversation.
[[nodiscard]] LayerPath path_of_tls(LayerPath carrier) noexcept;

/// Of the conversation that a segment belongs to.
[[nodiscard]] inline LayerPath path_of(const Segment& segment) noexcept {
  return segment.is_on_wire() ? path_on_wire(segment.sender, segment.receiver) : segment.path;
}

}  // namespace proxytunnel
