// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a captured packet of which a part of the TCP segment is left: the frame around it follows.
#include "splice.hpp"

#include <algorithm>

#include "synth/checksum.hpp"
#include "synth/virtual_packet.hpp"

namespace unproxy {
namespace {

using proxytunnel::Bytes;
using proxytunnel::LinkHeader;
using proxytunnel::LinkHeaderRoom;
using proxytunnel::Sum;
using proxytunnel::VirtualPacket;

bool holds(Bytes outer, Bytes inner) noexcept {
  return inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size();
}

void append(std::vector<std::uint8_t>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// The IP header, options and extension headers included, of a packet of `length` bytes.
void set_ip_length(std::uint8_t* ip, std::size_t size, std::size_t length, const proxytunnel::IpFields& fields) {
  constexpr std::size_t most = 0xffff, ipv6_header = 40;
  if (fields.version == 6) {
    proxytunnel::put16(ip + 4, static_cast<std::uint32_t>(length - ipv6_header > most ? 0 : length - ipv6_header));
    return;
  }
  const std::size_t header = std::min<std::size_t>(std::size_t{4} * (ip[0] & 0x0f), size);
  proxytunnel::put16(ip + 2, static_cast<std::uint32_t>(length > most ? 0 : length));
  proxytunnel::put16(ip + 10, 0);
  const Sum right(Sum::of({ip, header}).checksum());
  proxytunnel::put16(ip + 10, (right + Sum(fields.checksum_error)).folded());
}

SplicedFrame of_new_packet(const CapturedSegment& captured, const VirtualPacket& made) {
  LinkHeaderRoom room;
  const Bytes headers = made.header_bytes();
  const std::size_t wire = headers.size() + made.length;
  const LinkHeader link = adapt(captured.link, made.ip.version, wire, room);
  SplicedFrame spliced;
  append(spliced.bytes, link.bytes);
  append(spliced.bytes, headers);
  append(spliced.bytes, made.payload);
  spliced.wire_length = static_cast<std::uint32_t>(link.bytes.size() + wire);
  return spliced;
}

// The two bytes that make the sum of the packet what it was before.
void balance(std::vector<std::uint8_t>& bytes, std::size_t begin, std::size_t padding, std::size_t end, Sum before) {
  padding += (padding - begin) % 2;
  if (padding + 2 > end) return;
  const Sum after = Sum::of(Bytes(bytes).subspan(begin, end - begin));
  proxytunnel::put16(&bytes[padding], (before - after).folded());
}

}  // namespace

SplicedFrame splice(const CapturedSegment& captured, const proxytunnel::Translation& change) {
  const proxytunnel::Segment& segment = captured.segment;
  VirtualPacket made;
  translate(segment, change, made);
  const Bytes frame = captured.frame, packet = captured.packet;
  const bool is_in_frame = holds(frame, packet) && holds(packet, segment.header);
  if (!is_in_frame) return of_new_packet(captured, made);

  const Bytes tcp = made.header_bytes().subspan(made.ip_size);
  const auto ip_at = static_cast<std::size_t>(packet.data() - frame.data());
  const auto ip_size = static_cast<std::size_t>(segment.header.data() - packet.data());
  const std::size_t wire = ip_size + tcp.size() + made.length;
  SplicedFrame spliced;
  LinkHeaderRoom room;
  const LinkHeader link = adapt(captured.link, made.ip.version, wire, room);
  const bool is_all_in_front =
      !captured.is_wrapped && link.link_type == captured.link.link_type && link.bytes.size() == ip_at;
  if (is_all_in_front) {
    append(spliced.bytes, link.bytes);
    append(spliced.bytes, packet.first(ip_size));
    append(spliced.bytes, tcp);
    append(spliced.bytes, made.payload);
    set_ip_length(&spliced.bytes[ip_at], ip_size, wire, made.ip);
    spliced.wire_length = static_cast<std::uint32_t>(ip_at + wire);
    return spliced;
  }
  const std::size_t ip_end = ip_at + ip_size + segment.header.size() + segment.payload.size();
  const Sum before = Sum::of(frame.subspan(ip_at, ip_end - ip_at));
  spliced.bytes.assign(frame.begin(), frame.end());
  spliced.wire_length = captured.wire_length;
  const auto at = spliced.bytes.begin() + static_cast<std::ptrdiff_t>(ip_at + ip_size);
  const auto payload = std::copy(tcp.begin(), tcp.end(), at);
  const auto padding = std::copy(made.payload.begin(), made.payload.end(), payload);
  std::fill(padding, spliced.bytes.begin() + static_cast<std::ptrdiff_t>(ip_end), std::uint8_t{0});
  set_ip_length(&spliced.bytes[ip_at], ip_size, wire, made.ip);
  balance(spliced.bytes, ip_at, static_cast<std::size_t>(padding - spliced.bytes.begin()), ip_end, before);
  return spliced;
}

}  // namespace unproxy
