// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which network a connection is in where its two directions name different ones: the two TEIDs of a bearer of
// GTP-U, the call ids of PPTP, the VNIs of routing that is not symmetric.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/connection_key.hpp"
#include "base/recent.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// Two networks of which each has one direction of a connection are one to it if what one direction says answers what
/// the other said: an acknowledgment of its numbers. The network of the direction that was seen first stands for both.
/// Asked for segments of the wire that are in a network; all others cost nothing.
class Networks {
 public:
  /// At least as many connections are known, those used last, and at most twice as many.
  explicit Networks(std::size_t connections) noexcept
      : known_(connections), beside_(connections), shared_(connections) {}

  /// The network under which the connection of this segment is known. Call it once for each segment.
  NetworkId of(const Segment& segment);
  /// Likewise for what TLS carries in the connection of this key, which was asked for before.
  NetworkId of(const ConnectionKey& key);
  /// Likewise for a datagram: the one that the latest connection which both networks share is known under.
  NetworkId of(const Datagram& datagram);

 private:
  /// One direction of a connection, in one network.
  struct Heard {
    bool any = false;
    std::uint32_t first = 0, next = 0;            ///< sequence numbers
    std::optional<std::uint32_t> acknowledged{};  ///< the latest

    void hear(const Segment& segment) noexcept;
    /// True if one acknowledged what the other sent.
    [[nodiscard]] bool talks_with(const Heard& another) const noexcept;
    [[nodiscard]] bool acknowledges(const Heard& sent) const noexcept;
  };
  struct Known {
    NetworkId shown_as = 0;
    std::array<Heard, 2> heard{};  ///< of the end that is first in the key, of the other one
    bool is_shared = false;        ///< with another network, which has the other direction

    [[nodiscard]] bool is_half(std::size_t side) const noexcept { return !is_shared && !heard[1 - side].any; }
  };
  void note_beside(const ConnectionKey& key);
  [[nodiscard]] std::optional<NetworkId> find_other_half(const ConnectionKey& key, std::size_t side,
                                                         const Heard& heard);

  Recent<ConnectionKey, Known> known_;
  Recent<ConnectionKey, std::vector<NetworkId>> beside_;  ///< of the same ends, by the key without network
  Recent<NetworkId, NetworkId> shared_;
};

}  // namespace proxytunnel
