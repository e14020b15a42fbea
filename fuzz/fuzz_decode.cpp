// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes decoding: frames of any link type, fragments among them; what the snapshot length cuts off changes
//          nothing in what is left.
//
// Input: byte 0 chooses the link type; then frames, each behind its 16-bit length.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "decode/decode.hpp"
#include "demand.hpp"

using namespace proxytunnel;

namespace {

void check(const Decoded& decoded) {
  demand(decoded.link.bytes.size() <= decode_limits::link_header, "a link header that can be kept");
  if (decoded.kind == Decoded::Kind::udp) {
    demand(decoded.datagram.payload.size() <= decoded.datagram.length, "no more payload than on the wire");
  } else if (decoded.kind == Decoded::Kind::tcp) {
    demand(decoded.segment.header.size() >= 20, "a whole header");
    demand(decoded.segment.payload.size() <= decoded.segment.length, "no more payload than on the wire");
    LinkHeaderRoom room;
    const LinkHeader link = adapt(decoded.link, 6, 1000, room);
    demand(link.bytes.size() <= room.size(), "room for the link header");
  } else {
    demand(decoded.reason != Reason::none, "a reason");
  }
}

template <class Unit>
void check_cut(const Unit& whole, const Unit& cut) {
  demand(whole.sender == cut.sender && whole.receiver == cut.receiver, "the same ends");
  demand(whole.length == cut.length, "the length on the wire");
  demand(cut.payload.size() <= whole.payload.size(), "no more payload than in the whole frame");
  demand(std::equal(cut.payload.begin(), cut.payload.end(), whole.payload.begin()), "the beginning of the payload");
}

void check_cut(CapturedFrame frame) {
  const std::vector<std::uint8_t> half(frame.data.begin(),
                                       frame.data.begin() + static_cast<std::ptrdiff_t>(frame.data.size() / 2));
  Decoder of_whole, of_cut;
  const Decoded& whole = of_whole.decode(frame);
  frame.data = half;
  const Decoded& cut = of_cut.decode(frame);
  check(cut);
  if (cut.kind == Decoded::Kind::other) return;
  demand(cut.kind == whole.kind, "the same transport");
  if (cut.kind == Decoded::Kind::tcp) check_cut(whole.segment, cut.segment);
  if (cut.kind == Decoded::Kind::udp) check_cut(whole.datagram, cut.datagram);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static constexpr std::uint32_t link_types[] = {linktype::ethernet,
                                                 linktype::null,
                                                 linktype::loop,
                                                 linktype::linux_sll,
                                                 linktype::raw,
                                                 linktype::ipv4,
                                                 linktype::linux_sll2,
                                                 linktype::ipv6,
                                                 linktype::raw_bsd,
                                                 linktype::ppp,
                                                 linktype::c_hdlc,
                                                 linktype::ieee802_11_radiotap,
                                                 linktype::ieee802_11_prism,
                                                 linktype::ppi,
                                                 linktype::erf,
                                                 linktype::nflog,
                                                 linktype::fddi};
  proxytunnel::Reader reader{{bytes, size}};
  CapturedFrame frame;
  frame.link_type = link_types[reader.u8() % std::size(link_types)];
  Decoder decoder;
  while (!reader.rest().empty() && reader.complete()) {
    const std::size_t length = std::min<std::size_t>(reader.u16(), reader.rest().size());
    const Bytes taken = reader.take(length);
    const std::vector<std::uint8_t> exact(taken.begin(), taken.end());
    frame.data = exact;
    frame.wire_length = static_cast<std::uint32_t>(exact.size());
    ++frame.number;
    frame.time += 1'000'000;
    check(decoder.decode(frame));
    if (!exact.empty()) check_cut(frame);
  }
  return 0;
}
