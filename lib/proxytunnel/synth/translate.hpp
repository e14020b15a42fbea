// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes virtual segments: a parent's segment with other addresses, or the three that open a conversation.
// spec: RFC 9293 section 3.1, RFC 1624, RFC 2018 (SACK), RFC 7323 section 2 (window scale)
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "synth/virtual_packet.hpp"

namespace proxytunnel {

enum class Checksums : std::uint8_t {
  follow,  ///< what was wrong stays wrong; what was left to the network card is computed
  compute  ///< all are computed
};

/// What changes when a segment of the parent becomes one of the virtual conversation.
struct Translation {
  Endpoint sender, receiver;
  std::uint32_t sequence = 0;        ///< of the first byte that is shown
  std::uint32_t acknowledgment = 0;  ///< written only if the segment has ACK
  std::uint32_t cut = 0;             ///< bytes at the head of the payload that are not shown; at most its length
  /// Bytes behind `cut` that are shown; what follows belongs to another conversation.
  std::uint32_t keep = std::numeric_limits<std::uint32_t>::max();
  /// Flags of the segment that the virtual one does not have.
  std::uint8_t dropped_flags = 0;
  bool keeps_syn = false;  ///< otherwise a SYN that carried payload (RFC 7413) stands before what is shown
  /// SACK blocks are cut to the range of the parent's numbers that begins at `floor` (and, if there is a `size`, is
  /// that long), then moved down by `shift`.
  struct Sack {
    std::uint32_t floor = 0;
    std::optional<std::uint32_t> size;
    std::uint32_t shift = 0;
  };
  std::optional<Sack> sack;
  Checksums checksums = Checksums::follow;
};

/// Fills headers, payload, length, ip, sender, receiver and frame of `result`; the rest is the caller's. The result
/// borrows the segment's payload and envelope. Pure: depends on nothing else.
///
/// The checksum follows from the parent's own and the change of the headers (RFC 1624); the payload is read only where
/// some of it is cut, or where the parent left the checksum to its network card.
void translate(const Segment& segment, const Translation& change, VirtualPacket& result) noexcept;

/// True if a SACK option names bytes behind `floor`.
[[nodiscard]] bool sacks_behind(const Segment& segment, std::uint32_t floor) noexcept;

/// What a side's own SYN said, as far as the capture shows it.
struct SynOptions {
  std::uint16_t mss = 0;             ///< 0: absent
  std::uint8_t window_scale = 0xff;  ///< 0xff: absent
  bool sack_permitted = false;
  std::uint16_t window = 0;  ///< 0: no SYN was seen
};

/// Reads the options of a SYN or SYN/ACK; malformed ones end the list.
SynOptions read_syn_options(const Segment& syn) noexcept;

/// One of the three segments that open a virtual conversation.
struct Opening {
  VirtualKind kind = VirtualKind::syn;  ///< syn, syn_ack or ack
  Endpoint sender, receiver;
  IpFields ip;
  std::uint32_t sequence = 0, acknowledgment = 0;
  std::uint16_t window = 0;
  SynOptions options;  ///< written into syn and syn_ack
};

/// Fills headers, ip, sender, receiver, kind, payload and length of `result`.
void synthesize(const Opening& opening, VirtualPacket& result) noexcept;

}  // namespace proxytunnel
