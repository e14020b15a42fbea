// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from a captured packet to the TCP segment or UDP datagram in it.
// spec: RFC 9293 section 3.1 (TCP), RFC 768 (UDP), RFC 2675 section 4 (UDP jumbograms)
#include "decode/decode.hpp"

#include <algorithm>

namespace proxytunnel {

namespace {

constexpr std::size_t shortest_tcp_header = 20, udp_header = 8;

/// Why `size` bytes at the start of the payload are not there; `none` if they are.
Reason lack_of(const IpPacket& ip, std::size_t size, Reason malformed) noexcept {
  if (size <= ip.payload.size()) return Reason::none;
  return size > ip.wire_length ? malformed : Reason::cut_short;
}

}  // namespace

const Decoded& Decoder::decode(const CapturedFrame& frame) {
  decoded_.kind = Decoded::Kind::other;
  decoded_.link = decoded_.outer_link = {};
  decoded_.packet = {};
  decoded_.fragments = {};
  encapsulation_.clear();
  decoded_.reason = decode_frame(frame);
  return decoded_;
}

Reason Decoder::decode_frame(const CapturedFrame& frame) {
  LinkFrame link = find_ip(frame.link_type, frame.data, frame.wire_length);
  IpPacket ip;
  const Reason reason = find_innermost(
      link, ip, encapsulation_, nullptr,
      [&](const LinkFrame& of, IpPacket& fragment) { return put_together(fragment, of.vlan, frame); },
      [this](const LinkFrame& found) {
        decoded_.link = {found.link_type, found.header};
        decoded_.packet = found.packet;
        if (encapsulation_.packed().empty()) decoded_.outer_link = decoded_.link;
      });
  if (reason != Reason::none) return reason;
  const Frame of{.number = frame.number,
                 .time = frame.time,
                 .envelope = {},
                 .vlan = link.vlan,
                 .network = encapsulation_.network(),
                 .encapsulation = encapsulation_.packed()};
  switch (ip.protocol) {
    case ip_protocol::tcp:
      decoded_.segment.frame = of;
      return decode_tcp(ip);
    case ip_protocol::udp:
      decoded_.datagram.frame = of;
      return decode_udp(ip);
    default:
      return Reason::other_protocol;
  }
}

// The next datagram takes the place of the one in which a packet with this link layer may be.
void Decoder::keep_link() noexcept {
  const Bytes header = decoded_.link.bytes;
  std::copy(header.begin(), header.end(), link_room_.begin());
  decoded_.link.bytes = Bytes(link_room_).first(header.size());
}

/// Makes `ip` the whole datagram, if this fragment completes it; else tells why not.
Reason Decoder::put_together(IpPacket& ip, std::uint32_t vlan, const CapturedFrame& frame) {
  // Only the first fragment's protocol counts in IPv6, but senders give all fragments the same.
  if (!leads_on(ip.protocol)) return Reason::other_protocol;
  if (ip.is_beyond_frame || ip.payload.size() < ip.wire_length) return Reason::fragment_cut_short;
  const bool is_v4 = ip.fields.version == 4;
  const FragmentKey key{.sender = ip.sender,
                        .receiver = ip.receiver,
                        .identification = ip.place.identification,
                        .vlan = vlan,
                        .network = encapsulation_.network(),
                        .protocol = is_v4 ? ip.protocol : std::uint8_t{0}};
  keep_link();
  switch (fragments_.add(key, {ip.place.offset, ip.place.more, ip.protocol, ip.payload, frame.number}, frame.time)) {
    case FragmentTable::Outcome::waiting:
      return Reason::fragment;
    case FragmentTable::Outcome::malformed:
      return Reason::malformed_ip;
    case FragmentTable::Outcome::over_limit:
      return Reason::fragment_limit;
    case FragmentTable::Outcome::complete:
      break;
  }
  decoded_.fragments = fragments_.frames();
  ip.payload = fragments_.datagram();
  ip.wire_length = static_cast<std::uint32_t>(ip.payload.size());
  ip.protocol = fragments_.protocol();
  ip.is_fragment = false;
  skip_extension_headers(ip);
  return ip.is_fragment ? Reason::malformed_ip : ip.reason;
}

/// sender_port(2) receiver_port(2) sequence(4) acknowledgment(4) header_words(4 bits) reserved(4 bits) flags(1)
/// window(2) checksum(2) urgent(2) options
Reason Decoder::decode_tcp(const IpPacket& ip) noexcept {
  if (const Reason lack = lack_of(ip, shortest_tcp_header, Reason::malformed_tcp); lack != Reason::none) return lack;
  const std::size_t header_size = std::size_t{4} * (ip.payload[12] >> 4);
  if (header_size < shortest_tcp_header) return Reason::malformed_tcp;
  if (const Reason lack = lack_of(ip, header_size, Reason::malformed_tcp); lack != Reason::none) return lack;

  Segment& segment = decoded_.segment;
  segment.sender = {ip.sender, get16(ip.payload.data())};
  segment.receiver = {ip.receiver, get16(&ip.payload[2])};
  segment.ip = ip.fields;
  segment.header = ip.payload.first(header_size);
  segment.payload = ip.payload.subspan(header_size);
  segment.length = ip.wire_length - static_cast<std::uint32_t>(header_size);
  decoded_.kind = Decoded::Kind::tcp;
  return Reason::none;
}

/// sender_port(2) receiver_port(2) length(2) checksum(2)
Reason Decoder::decode_udp(const IpPacket& ip) noexcept {
  if (const Reason lack = lack_of(ip, udp_header, Reason::malformed_udp); lack != Reason::none) return lack;
  const std::uint16_t length = get16(&ip.payload[4]);
  const bool is_jumbo = length == 0 && ip.fields.version == 6;
  if (length < udp_header && !is_jumbo) return Reason::malformed_udp;
  const std::uint32_t size = is_jumbo ? ip.wire_length : std::min<std::uint32_t>(length, ip.wire_length);

  Datagram& datagram = decoded_.datagram;
  datagram.sender = {ip.sender, get16(ip.payload.data())};
  datagram.receiver = {ip.receiver, get16(&ip.payload[2])};
  datagram.ip = ip.fields;
  datagram.checksum = get16(&ip.payload[6]);
  datagram.payload = ip.payload.first(std::min<std::size_t>(ip.payload.size(), size)).subspan(udp_header);
  datagram.length = size - static_cast<std::uint32_t>(udp_header);
  decoded_.kind = Decoded::Kind::udp;
  return Reason::none;
}

}  // namespace proxytunnel
