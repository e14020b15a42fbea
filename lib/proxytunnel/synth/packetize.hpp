// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes segments of a byte stream that has none: the second policy, for decrypted TLS only.
// spec: RFC 9293 section 3.1
#pragma once

#include <array>
#include <cstdint>

#include "base/segment.hpp"

namespace proxytunnel {

/// The first sequence number of one direction, so that a stream has the same numbers in every program: a hash of its
/// path, the first sequence number of the same direction of what carries it and the frame that brought the first bytes.
[[nodiscard]] std::uint32_t packetized_isn(LayerPath path, std::uint32_t parent_isn, FrameNumber opening) noexcept;

/// A segment that is put together in memory of its own.
struct Packetized {
  std::array<std::uint8_t, 20> header{};
  Segment segment;  ///< its header is `header`: do not copy
};

/// Fills `result` with a segment for (a part of) a chunk. The window is the largest there is without scaling. The
/// checksum is the pseudo header's sum alone, as if a network card were to complete it.
void packetize(const Chunk& chunk, Bytes payload, unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgment,
               Packetized& result) noexcept;

}  // namespace proxytunnel
