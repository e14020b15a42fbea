// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what tells one TCP connection from all others.
#pragma once

#include <cstdint>

#include "base/endpoint.hpp"
#include "base/segment.hpp"
#include "base/siphash.hpp"

namespace proxytunnel {

/// The two ends in a fixed order, so that both directions have one key; the network in which they are; the tunnel that
/// carries them, which is in one network only; and whether it is the stream that TLS carries between them.
struct ConnectionKey {
  Endpoint low, high;
  TunnelId parent = no_tunnel;
  bool decrypted = false;
  NetworkId network = 0;

  static ConnectionKey of(const Endpoint& one, const Endpoint& another, TunnelId parent, NetworkId network = 0,
                          bool decrypted = false) noexcept {
    const NetworkId of_wire = parent == no_tunnel ? network : 0;
    return one < another ? ConnectionKey{one, another, parent, decrypted, of_wire}
                         : ConnectionKey{another, one, parent, decrypted, of_wire};
  }
  /// Of the connection that a segment belongs to.
  static ConnectionKey of(const Segment& segment) noexcept {
    return of(segment.sender, segment.receiver, segment.parent, segment.frame.network, segment.decrypted);
  }
  bool operator==(const ConnectionKey&) const = default;
  auto operator<=>(const ConnectionKey&) const = default;

  /// Two addresses of IPv4 are one word, and mostly the ports are the next; which words there are stands beside them.
  [[nodiscard]] std::uint64_t hash(const HashKey& key) const noexcept {
    TableHash hash(key);
    const bool is_v4 = low.address.is_v4() && high.address.is_v4();
    if (is_v4) {
      hash.add(low.address.word(0) << 32 | high.address.word(0));
    } else {
      hash.add(low.address.word(0));
      hash.add(low.address.word(8));
      hash.add(high.address.word(0));
      hash.add(high.address.word(8));
    }
    const bool is_carried = parent != no_tunnel;  // and then it is in no network of its own
    if (is_carried) {
      hash.add(parent);
    } else if (network != 0) {
      hash.add(network);
    }
    const unsigned kind = (low.address.is_v4() ? 1U : 0U) | (high.address.is_v4() ? 2U : 0U) | (is_carried ? 4U : 0U) |
                          (network != 0 ? 8U : 0U) | (decrypted ? 16U : 0U);
    return hash.finish(static_cast<std::uint64_t>(low.port) << 24 | static_cast<std::uint64_t>(high.port) << 8 | kind);
  }
};

/// For the containers of the standard library.
struct ConnectionKeyHash {
  HashKey key;
  std::size_t operator()(const ConnectionKey& connection) const noexcept { return connection.hash(key); }
};

}  // namespace proxytunnel
