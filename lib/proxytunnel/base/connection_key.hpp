// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what tells one TCP connection from all others.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/endpoint.hpp"
#include "base/segment.hpp"
#include "base/table_hash.hpp"

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

  /// Of a table of connections.
  [[nodiscard]] std::uint64_t hash(const TableHash& table) const noexcept {
    std::array<std::uint32_t, TableHash::most_words> words;
    std::memcpy(words.data(), low.address.octets.data(), 16);
    std::memcpy(words.data() + 4, high.address.octets.data(), 16);
    words[8] = std::uint32_t{low.port} << 16 | high.port;
    words[9] = parent;
    words[10] = static_cast<std::uint32_t>(network);
    words[11] = static_cast<std::uint32_t>(network >> 32);
    words[12] = std::uint32_t{low.address.version} << 8 | high.address.version;
    words[13] = decrypted ? 1 : 0;
    return table.of(words);
  }
};

/// For the containers of the standard library.
struct ConnectionKeyHash {
  TableHash table;
  std::size_t operator()(const ConnectionKey& connection) const noexcept { return connection.hash(table); }
};

}  // namespace proxytunnel
