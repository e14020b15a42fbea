// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes decoding: frames of any link type, fragments and DNS answers among them.
//
// Input: byte 0 chooses the link type; then frames, each behind its 16-bit length.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "decode/decode.hpp"
#include "names/dns.hpp"

using namespace unproxy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static constexpr std::uint32_t link_types[] = {linktype::ethernet,   linktype::null, linktype::loop,
                                                 linktype::linux_sll,  linktype::raw,  linktype::ipv4,
                                                 linktype::linux_sll2, linktype::ipv6, linktype::raw_bsd};
  proxytunnel::Reader reader{{bytes, size}};
  Interface interface;
  interface.link_type = link_types[reader.u8() % std::size(link_types)];
  Decoder decoder;
  Packet packet;
  while (!reader.rest().empty() && reader.complete()) {
    const std::size_t length = std::min<std::size_t>(reader.u16(), reader.rest().size());
    const Bytes taken = reader.take(length);
    const std::vector<std::uint8_t> exact(taken.begin(), taken.end());
    packet.data = exact;
    packet.wire_length = static_cast<std::uint32_t>(exact.size());
    ++packet.number;
    packet.time += 1'000'000;
    const Decoded& decoded = decoder.decode(packet, interface);
    if (decoded.kind == Transport::tcp) {
      if (decoded.segment.header.size() < 20 || decoded.segment.payload.size() > decoded.segment.length) std::abort();
      LinkHeaderRoom room;
      const LinkHeader link = adapt(interface.link_type, decoded.link_header, 6, 1000, room);
      if (link.bytes.size() > room.size()) std::abort();
    } else if (decoded.kind == Transport::udp) {
      static_cast<void>(proxytunnel::read_dns_answer(decoded.datagram.payload));
    }
  }
  return 0;
}
