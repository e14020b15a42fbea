// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a captured packet of which a part of the TCP segment is left: the frame around it follows.
// spec: RFC 791, RFC 8200, RFC 9293, RFC 1624
#pragma once

#include <cstdint>
#include <vector>

#include "base/segment.hpp"
#include "decode/decode.hpp"
#include "synth/translate.hpp"

namespace unproxy {

/// Where a segment is in the frame that was captured. Views are borrowed.
struct CapturedSegment {
  proxytunnel::Segment segment;
  proxytunnel::Bytes frame;
  std::uint32_t wire_length = 0;  ///< of the frame
  proxytunnel::LinkHeader link;   ///< of the innermost packet
  proxytunnel::Bytes packet;      ///< the innermost IP packet, from its header on
  bool is_wrapped = false;        ///< in another packet
};

struct SplicedFrame {
  std::vector<std::uint8_t> bytes;
  std::uint32_t wire_length = 0;
};

/// The frame with a part of its segment. It becomes shorter where every length in front of the segment can follow.
/// Where others wrap the packet, the frame keeps its size: what is left over is padding behind the innermost packet,
/// made so that checksums of those stay right. A segment that is not in the frame as it stands, since it was put
/// together from fragments, gets a frame of the innermost link layer and a new IP header.
SplicedFrame splice(const CapturedSegment& captured, const proxytunnel::Translation& change);

}  // namespace unproxy
