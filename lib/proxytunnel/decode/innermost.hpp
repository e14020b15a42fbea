// SPDX-License-Identifier: GPL-2.0-or-later
// summary: goes from packet to packet, down to the innermost one: the same for a whole capture and for one frame of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/encapsulation.hpp"
#include "decode/encapsulated.hpp"
#include "decode/ip.hpp"
#include "decode/link.hpp"

namespace proxytunnel {

/// From the packet that `link` found down to the one in it that wraps no other, or to the one whose payload begins at
/// `end` (null: none). `link` and `ip` are that packet's, `encapsulation` is what wraps it. Outcomes: as of find_ip()
/// and decode_ip(), `too_many_headers` beyond Encapsulation::most, and those of put_together(link, ip), which is to
/// make a datagram of a fragment, or to tell why it cannot: its views must live as long as those of the frame, or until
/// it is called again.
template <class PutTogether, class Visit>
Reason find_innermost(LinkFrame& link, IpPacket& ip, Encapsulation& encapsulation, const std::uint8_t* end,
                      PutTogether put_together, Visit visit) {
  for (;;) {
    if (link.reason != Reason::none) return link.reason;
    visit(link);
    ip = decode_ip(link.packet, link.wire_length);
    const Reason reason = ip.is_fragment ? put_together(link, ip) : ip.reason;
    if (reason != Reason::none || ip.payload.data() == end) return reason;
    const std::optional<Inner> inner = find_inner(ip);
    if (!inner) return Reason::none;
    if (!encapsulation.add(inner->wrapping)) return Reason::too_many_headers;
    link = inner->link;
  }
}

/// Where a packet is.
struct PacketPlace {
  std::uint32_t vlan = 0;  ///< as of a LinkFrame
  Encapsulation encapsulation;
};

/// The place of the packet whose payload begins at `end`. `sources` are the captured frame, and after it the datagrams
/// that were put together from fragments on the way to it, in that order. A packet that is not found there is nowhere:
/// the place is empty.
PacketPlace place_of(std::uint32_t link_type, std::span<const Bytes> sources, const std::uint8_t* end) noexcept;

}  // namespace proxytunnel
