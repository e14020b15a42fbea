// SPDX-License-Identifier: GPL-2.0-or-later
// summary: copies of packets that were read before their turn, first in, first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "capture/capture.hpp"

namespace unproxy {

/// Their bytes stand one behind the other in large blocks: by the turn of a packet no cache has it any more, and what
/// stands in order comes before it is asked for.
class WaitingPackets {
 public:
  /// Copies the packet with its options.
  void add(const Packet& packet);
  /// The oldest one, valid until the next call; there must be one.
  const Packet& take();

  [[nodiscard]] bool empty() const noexcept { return packets_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return packets_.size(); }
  /// Bytes of all that wait.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const Packet& oldest() const noexcept { return packets_.front(); }
  [[nodiscard]] const Packet& newest() const noexcept { return packets_.back(); }

 private:
  struct Block {
    std::vector<std::uint8_t> room;  // never grows: packets are views of it
    std::size_t used = 0;
    std::size_t packets = 0;  // that wait
  };

  [[nodiscard]] Block& block_for(std::size_t size);
  void release_oldest_block();

  std::deque<Packet> packets_;
  std::deque<Block> blocks_;
  std::vector<Block> spare_;
  Packet taken_;
  std::size_t bytes_ = 0;
};

}  // namespace unproxy
