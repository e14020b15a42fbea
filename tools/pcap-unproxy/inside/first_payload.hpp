// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the first payload of a conversation, in turns: what one side said before the other one went on.
#pragma once

#include <cstddef>
#include <vector>

#include "base/direction.hpp"
#include "tcp/stream_buffer.hpp"

namespace unproxy {

/// What one side sent at a stretch; of datagrams, one of them.
struct Turn {
  proxytunnel::Direction direction;
  std::vector<std::uint8_t> bytes;
};

/// Keeps at most 4 KiB of each direction, and as much that waits behind a hole.
class FirstPayload {
 public:
  static constexpr std::size_t most_bytes = 4096;  ///< of each direction: a ClientHello, the head of a request
  static constexpr std::size_t most_turns = 8;
  static constexpr unsigned most_packets = 32;

  /// Bytes at an offset of their direction, in whatever order. Where a byte comes twice, the first one counts.
  void add_segment(proxytunnel::Direction direction, proxytunnel::Offset offset, proxytunnel::Bytes bytes);
  /// The next datagram.
  void add_datagram(proxytunnel::Direction direction, proxytunnel::Bytes bytes);

  /// True once no more is kept.
  [[nodiscard]] bool is_full() const noexcept { return is_full_; }
  [[nodiscard]] const std::vector<Turn>& turns() const noexcept { return turns_; }

 private:
  void say(proxytunnel::Direction direction, proxytunnel::Bytes bytes);

  proxytunnel::PerDirection<proxytunnel::StreamBuffer> streams_;
  proxytunnel::PerDirection<std::size_t> said_{0, 0};  ///< bytes in turns
  std::vector<Turn> turns_;
  unsigned packets_ = 0;
  bool is_full_ = false;
};

}  // namespace unproxy
