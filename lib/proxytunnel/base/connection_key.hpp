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

  /// Two addresses of IPv4 are one word; the last word, which has the versions, tells that from others.
  [[nodiscard]] std::uint64_t hash(const HashKey& key) const noexcept {
    TableHash hash(key);
    const auto word = [](const Endpoint& end, std::size_t at) { return little_endian(&end.address.octets[at]); };
    if (low.address.is_v4() && high.address.is_v4()) {
      hash.add(word(low, 0) << 32 | word(high, 0));
    } else {
      hash.add(word(low, 0));
      hash.add(word(low, 8));
      hash.add(word(high, 0));
      hash.add(word(high, 8));
    }
    if (network != 0) hash.add(network);
    hash.add(static_cast<std::uint64_t>(parent) << 32 | static_cast<std::uint32_t>(low.port) << 16 | high.port);
    return hash.finish(static_cast<std::uint64_t>(low.address.version) << 16 |
                       static_cast<std::uint64_t>(high.address.version) << 8 | static_cast<std::uint64_t>(decrypted));
  }
};

/// For the containers of the standard library.
struct ConnectionKeyHash {
  HashKey key;
  std::size_t operator()(const ConnectionKey& connection) const noexcept { return connection.hash(key); }
};

}  // namespace proxytunnel
