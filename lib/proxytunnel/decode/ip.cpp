// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads IPv4 and IPv6 headers, down to the transport header or to a fragment.
// spec: RFC 791, RFC 8200, RFC 2675 (jumbograms), RFC 4302 (AH), RFC 8754 (segment routing)
#include "decode/ip.hpp"

#include <algorithm>

#include "decode/limits.hpp"

namespace proxytunnel {

namespace {

constexpr std::size_t ipv4_header = 20, ipv6_header = 40, fragment_header = 8;

/// True if `size` bytes are captured; otherwise sets the reason: either they were cut off or they never were there.
bool has(IpPacket& packet, std::size_t size) noexcept {
  if (size <= packet.payload.size()) return true;
  packet.reason = size > packet.wire_length ? Reason::malformed_ip : Reason::cut_short;
  return false;
}

void take(IpPacket& packet, std::size_t size) noexcept {
  packet.payload = packet.payload.subspan(size);
  packet.wire_length -= static_cast<std::uint32_t>(size);
}

/// Cuts off what does not belong to the packet: link padding and trailer.
void end_at(IpPacket& packet, std::uint32_t length) noexcept {
  packet.is_beyond_frame = length > packet.wire_length;
  packet.wire_length = std::min(packet.wire_length, length);
  packet.payload = packet.payload.first(std::min<std::size_t>(packet.payload.size(), packet.wire_length));
}

/// How far a header checksum is off. The one's complement sum of a right header is 0xffff, which is zero; of any
/// other it is the received checksum minus the right one.
std::uint16_t checksum_error(Bytes header) noexcept {
  constexpr std::size_t checksum_at = 10;
  if (get16(&header[checksum_at]) == 0) return 0;
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < header.size(); at += 2) sum += get16(&header[at]);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return sum == 0xffff ? std::uint16_t{0} : static_cast<std::uint16_t>(sum);
}

/// version(4 bits) header_words(4 bits) traffic_class(1) total_length(2)
/// identification(2) reserved(1 bit) dont_fragment(1 bit) more_fragments(1 bit) offset_in_8_bytes(13 bits)
/// ttl(1) protocol(1) checksum(2) sender(4) receiver(4) options
void decode_ipv4(IpPacket& packet) noexcept {
  constexpr std::uint16_t dont_fragment = 0x4000, more_fragments = 0x2000, offset = 0x1fff;
  if (!has(packet, ipv4_header)) return;
  const std::uint8_t* const header = packet.payload.data();
  const std::size_t header_size = std::size_t{4} * (header[0] & 0xfU);
  const std::uint16_t total_length = get16(header + 2);
  if (header_size < ipv4_header || (total_length != 0 && total_length < header_size)) {
    packet.reason = Reason::malformed_ip;
    return;
  }
  if (!has(packet, header_size)) return;

  const std::uint16_t flags = get16(header + 6);
  packet.fields.version = 4;
  packet.fields.traffic_class = header[1];
  packet.fields.identification = get16(header + 4);
  packet.fields.dont_fragment = (flags & dont_fragment) != 0;
  packet.fields.hop_limit = header[8];
  packet.fields.checksum_error = checksum_error(packet.payload.first(header_size));
  packet.protocol = header[9];
  packet.sender = Address::from({header + 12, 4});
  packet.receiver = Address::from({header + 16, 4});
  packet.place = {packet.fields.identification, (flags & offset) * 8U, (flags & more_fragments) != 0};
  packet.is_fragment = packet.place.offset != 0 || packet.place.more;
  if (total_length != 0) end_at(packet, total_length);
  take(packet, header_size);
}

/// next_header(1) length_in_8_bytes_less_one(1), then options: type(1) length(1) value, or the single byte 0.
/// The value of the Jumbo Payload option; 0 if there is none.
std::uint32_t jumbo_length(Bytes hop_by_hop) noexcept {
  constexpr std::uint8_t pad_one = 0, jumbo_payload = 0xc2;
  Reader reader(hop_by_hop);
  reader.skip(1);
  const std::size_t size = std::size_t{8} * (reader.u8() + 1U);
  while (reader.complete() && reader.position() < size) {
    const std::uint8_t type = reader.u8();
    if (type == pad_one) continue;
    const std::uint8_t length = reader.u8();
    if (type == jumbo_payload && length == 4) return reader.u32();
    reader.skip(length);
  }
  return 0;
}

/// version(4 bits) traffic_class(8 bits) flow_label(20 bits) payload_length(2) next_header(1) hop_limit(1)
/// sender(16) receiver(16)
void decode_ipv6(IpPacket& packet) noexcept {
  if (!has(packet, ipv6_header)) return;
  const std::uint8_t* const header = packet.payload.data();
  const std::uint32_t first_word = get32(header);
  packet.fields.version = 6;
  packet.fields.traffic_class = static_cast<std::uint8_t>(first_word >> 20);
  packet.fields.flow_label = first_word & 0xfffff;
  packet.fields.hop_limit = header[7];
  packet.protocol = header[6];
  packet.sender = Address::from({header + 8, 16});
  packet.receiver = Address::from({header + 24, 16});
  take(packet, ipv6_header);

  std::uint32_t length = get16(header + 4);
  if (length == 0 && packet.protocol == ip_protocol::hop_by_hop) length = jumbo_length(packet.payload);
  if (length != 0) end_at(packet, length);
  skip_extension_headers(packet);
}

/// next_header(1) reserved(1) offset_in_8_bytes(13 bits) reserved(2 bits) more_fragments(1 bit) identification(4)
void take_fragment_header(IpPacket& packet) noexcept {
  const std::uint8_t* const header = packet.payload.data();
  const std::uint16_t place = get16(header + 2);
  packet.protocol = header[0];
  packet.place = {get32(header + 4), place & 0xfff8U, (place & 1) != 0};
  packet.is_fragment = packet.place.offset != 0 || packet.place.more;
  take(packet, fragment_header);
}

/// next_header(1) length(1) type(1) segments_left(1) reserved(4), then addresses(16 each): the final receiver comes
/// last, but first in type 4, segment routing.
void read_routing_header(IpPacket& packet, std::size_t size) noexcept {
  constexpr std::uint8_t source_route = 0, mobile_home = 2, segment_routing = 4;
  constexpr std::size_t fixed_part = 8, address_size = 16;
  const Bytes header = packet.payload.first(size);
  const std::uint8_t type = header[2], segments_left = header[3];
  if (segments_left == 0 || size < fixed_part + address_size) return;
  if (type == segment_routing) packet.receiver = Address::from(header.subspan(fixed_part, address_size));
  if (type == source_route || type == mobile_home) packet.receiver = Address::from(header.last(address_size));
}

/// The size of an extension header from its first two bytes: next_header(1) length(1).
std::size_t extension_size(std::uint8_t protocol, std::uint8_t length) noexcept {
  return protocol == ip_protocol::authentication ? (length + 2U) * 4 : (length + 1U) * 8;
}

bool is_extension(std::uint8_t protocol, unsigned version) noexcept {
  switch (protocol) {
    case ip_protocol::authentication:
      return true;
    case ip_protocol::hop_by_hop:
    case ip_protocol::routing:
    case ip_protocol::fragment:
    case ip_protocol::destination_options:
    case ip_protocol::mobility:
    case ip_protocol::host_identity:
    case ip_protocol::shim6:
      return version == 6;
    default:
      return false;
  }
}

}  // namespace

void skip_extension_headers(IpPacket& packet) noexcept {
  for (unsigned count = 0; is_extension(packet.protocol, packet.fields.version); ++count) {
    if (count == decode_limits::extension_headers) {
      packet.reason = Reason::too_many_headers;
      return;
    }
    if (!has(packet, fragment_header)) return;
    if (packet.protocol == ip_protocol::fragment) {
      take_fragment_header(packet);
      if (packet.is_fragment) return;
      continue;
    }
    const std::size_t size = extension_size(packet.protocol, packet.payload[1]);
    if (!has(packet, size)) return;
    if (packet.protocol == ip_protocol::routing) read_routing_header(packet, size);
    packet.protocol = packet.payload[0];
    take(packet, size);
  }
}

IpPacket decode_ip(Bytes bytes, std::uint32_t wire_length) noexcept {
  IpPacket packet;
  packet.payload = bytes;
  packet.wire_length = wire_length;
  end_at(packet, wire_length);
  if (!has(packet, 1)) return packet;
  switch (bytes[0] >> 4) {
    case 4:
      decode_ipv4(packet);
      if (packet.reason == Reason::none && !packet.is_fragment) skip_extension_headers(packet);
      break;
    case 6:
      decode_ipv6(packet);
      break;
    default:
      packet.reason = Reason::malformed_ip;
  }
  return packet;
}

bool leads_on(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case ip_protocol::tcp:
    case ip_protocol::udp:
    case ip_protocol::ipip:
    case ip_protocol::ipv6:
    case ip_protocol::gre:
      return true;
    default:
      return is_extension(protocol, 6);
  }
}

}  // namespace proxytunnel
