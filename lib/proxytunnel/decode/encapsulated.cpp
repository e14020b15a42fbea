// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the packet that an IP packet wraps.
#include "decode/encapsulated.hpp"

#include <algorithm>

#include "base/layer_path.hpp"
#include "decode/link_walk.hpp"

namespace proxytunnel {
namespace {

/// Values of GRE's protocol type; all others are ethertypes.
namespace gre_type {
constexpr std::uint16_t erspan = 0x88be, erspan_3 = 0x22eb, wccp = 0x883e, ppp = 0x880b;
}
constexpr std::uint16_t ethernet_as_type = 0x6558;

/// A wrapper's header, read up to what it wraps.
class Wrapped {
 public:
  Wrapped(Bytes bytes, std::uint32_t wire_length) noexcept : reader(bytes), wire_length_(wire_length) {}

  [[nodiscard]] Inner of_type(const Wrapping& wrapping, std::uint16_t type) const noexcept {
    if (!reader.complete()) return without(wrapping, Reason::cut_short);
    const bool is_ethernet = type == ethernet_as_type;
    return {wrapping, is_ethernet ? find_ip(linktype::ethernet, reader.rest(), rest())
                                  : find_ip_behind(type, reader.rest(), rest())};
  }
  [[nodiscard]] Inner of_link(const Wrapping& wrapping, std::uint32_t link_type) const noexcept {
    if (!reader.complete()) return without(wrapping, Reason::cut_short);
    return {wrapping, find_ip(link_type, reader.rest(), rest())};
  }
  static Inner without(const Wrapping& wrapping, Reason reason) noexcept {
    Inner inner{wrapping, {}};
    inner.link.reason = reason;
    return inner;
  }

  Reader reader;

 private:
  /// Bytes on the wire behind what was read.
  [[nodiscard]] std::uint32_t rest() const noexcept {
    return std::max(wire_length_, static_cast<std::uint32_t>(reader.position())) -
           static_cast<std::uint32_t>(reader.position());
  }

  std::uint32_t wire_length_;
};

/// TEIDs and call identifiers are given by the end that receives: by its address, so that they are told apart.
std::uint64_t giver_of(const IpPacket& ip) noexcept {
  std::uint64_t giver = 0;
  for (const std::uint8_t octet : ip.receiver.octets) giver = mix_fixed(giver, octet);
  return giver;
}

/// Type I has no header. Type II: version(4 bits) vlan(12 bits) class(3 bits) encapsulation(2 bits) truncated(1 bit)
/// session(10 bits) reserved(12 bits) index(20 bits). Type III: the first 4 alike, time(4) group(2)
/// protocol_frame(1 bit) frame_type(5 bits) hardware(6 bits) direction(1 bit) granularity(2 bits) optional(1 bit),
/// with that last bit: 8 more.
Inner in_erspan(Wrapped wrapped, bool has_header) noexcept {
  constexpr std::uint32_t type_2 = 1, type_3 = 2, session = 0x3ff, optional = 1, frame_type = 0x1f, ip_frame = 2;
  if (!has_header) return wrapped.of_link({.wrapper = Wrapper::erspan}, linktype::ethernet);
  const std::uint32_t first = wrapped.reader.u32();
  const Wrapping wrapping{.wrapper = Wrapper::erspan, .id = first & session};
  const std::uint32_t version = first >> 28;
  wrapped.reader.skip(4);
  if (version == type_2) return wrapped.of_link(wrapping, linktype::ethernet);
  if (version != type_3) return Wrapped::without(wrapping, Reason::encapsulated);
  const std::uint32_t second = wrapped.reader.u32();
  if ((second & optional) != 0) wrapped.reader.skip(8);
  const std::uint32_t kind = second >> 10 & frame_type;
  if (kind == ip_frame) return wrapped.of_link(wrapping, linktype::raw);
  if (kind != 0) return Wrapped::without(wrapping, Reason::encapsulated);
  return wrapped.of_link(wrapping, linktype::ethernet);
}

/// flags(13 bits) version(3 bits) type(2), then what the flags name: checksum(2) and offset(2), key(4), sequence(4),
/// routes: family(2) offset(1) length(1) route, up to one of family and length 0. In version 1 the key is length(2)
/// call(2), and an acknowledgment(4) may follow the sequence.
Inner in_gre(const IpPacket& ip) noexcept {
  constexpr std::uint16_t checksum = 0x8000, routing = 0x4000, key = 0x2000, sequence = 0x1000, acknowledgment = 0x80,
                          version = 7;
  Wrapped wrapped(ip.payload, ip.wire_length);
  Reader& reader = wrapped.reader;
  const std::uint16_t flags = reader.u16(), type = reader.u16();
  const bool is_pptp = (flags & version) == 1;
  Wrapping wrapping{.wrapper = Wrapper::gre};
  if ((flags & version) > 1) return Wrapped::without(wrapping, Reason::encapsulated);
  if ((flags & (checksum | routing)) != 0) reader.skip(4);
  if ((flags & key) != 0) wrapping.id = is_pptp ? reader.u32() & 0xffff : reader.u32();
  if (is_pptp) wrapping.giver = giver_of(ip);
  if ((flags & sequence) != 0) reader.skip(4);
  if (is_pptp && (flags & acknowledgment) != 0) reader.skip(4);
  for (bool more = (flags & routing) != 0; more && reader.complete();) {
    const std::uint16_t family = reader.u16();
    reader.skip(1);
    const std::uint8_t length = reader.u8();
    more = family != 0 || length != 0;
    reader.skip(length);
  }
  const Bytes rest = reader.rest();
  switch (type) {
    case gre_type::erspan:
    case gre_type::erspan_3: {
      Inner inner = in_erspan(wrapped, type == gre_type::erspan_3 || (flags & sequence) != 0);
      if (!inner.wrapping.id) inner.wrapping.id = wrapping.id;
      return inner;
    }
    case gre_type::ppp:
      return wrapped.of_link(wrapping, linktype::ppp);
    case gre_type::wccp:
      // Version 2 has 4 bytes before the packet.
      if (!rest.empty() && rest[0] >> 4 != 4) reader.skip(4);
      return wrapped.of_type(wrapping, ethertype::ipv4);
    default:
      break;
  }
  Inner inner = wrapped.of_type(wrapping, type);
  const bool is_strange = inner.link.reason == Reason::not_ip && type != ethernet_as_type;
  if (is_strange) inner.link.reason = Reason::encapsulated;
  return inner;
}

/// flags(1) reserved(3) vni(3) reserved(1). With the group policy, 2 of the reserved bytes name a group.
std::optional<Inner> in_vxlan(Wrapped wrapped) noexcept {
  constexpr std::uint8_t has_vni = 0x08, known = 0x88;
  const std::uint8_t flags = wrapped.reader.u8();
  wrapped.reader.skip(3);
  const std::uint32_t vni = wrapped.reader.u32() >> 8;
  if ((flags & has_vni) == 0 || (flags & ~known) != 0) return std::nullopt;
  return wrapped.of_link({.wrapper = Wrapper::vxlan, .id = vni}, linktype::ethernet);
}

/// flags(1) reserved(2) next_protocol(1) vni(3) reserved(1)
std::optional<Inner> in_vxlan_gpe(Wrapped wrapped) noexcept {
  constexpr std::uint8_t has_vni = 0x08, has_next = 0x04;
  constexpr std::uint8_t ipv4 = 1, ipv6 = 2, ethernet = 3;
  const std::uint8_t flags = wrapped.reader.u8();
  wrapped.reader.skip(2);
  const std::uint8_t next = wrapped.reader.u8();
  const Wrapping wrapping{.wrapper = Wrapper::vxlan, .id = wrapped.reader.u32() >> 8};
  if ((flags & has_vni) == 0) return std::nullopt;
  if ((flags & has_next) == 0 || next == ethernet) return wrapped.of_link(wrapping, linktype::ethernet);
  if (next == ipv4 || next == ipv6) return wrapped.of_link(wrapping, linktype::raw);
  return Wrapped::without(wrapping, Reason::encapsulated);
}

/// version(2 bits) options_in_4_bytes(6 bits) flags(1) type(2) vni(3) reserved(1) options
std::optional<Inner> in_geneve(Wrapped wrapped) noexcept {
  const std::uint8_t first = wrapped.reader.u8();
  wrapped.reader.skip(1);
  const std::uint16_t type = wrapped.reader.u16();
  const Wrapping wrapping{.wrapper = Wrapper::geneve, .id = wrapped.reader.u32() >> 8};
  wrapped.reader.skip(std::size_t{4} * (first & 0x3f));
  constexpr std::uint16_t lowest_ethertype = 0x0600;
  if (first >> 6 != 0 || type < lowest_ethertype) return std::nullopt;
  return wrapped.of_type(wrapping, type);
}

/// version(3 bits) protocol(1 bit) reserved(1 bit) extension(1 bit) sequence(1 bit) npdu(1 bit) message(1) length(2)
/// teid(4), with any of the last three bits: sequence(2) npdu(1) next(1), and with the first of them extension headers:
/// length_in_4_bytes(1) content next(1), as long as next is not 0. The packet has no link layer, or Ethernet's.
std::optional<Inner> in_gtp(Wrapped wrapped) noexcept {
  constexpr std::uint8_t version_and_protocol = 0xf0, version_1 = 0x30, optional = 0x07, extension = 0x04, g_pdu = 255;
  Reader& reader = wrapped.reader;
  const std::uint8_t flags = reader.u8(), message = reader.u8();
  reader.skip(2);
  const Wrapping wrapping{.wrapper = Wrapper::gtp, .id = reader.u32()};
  if ((flags & version_and_protocol) != version_1 || message != g_pdu) return std::nullopt;
  std::uint8_t next = 0;
  if ((flags & optional) != 0) {
    reader.skip(3);
    next = reader.u8();
  }
  if ((flags & extension) == 0) next = 0;
  while (next != 0 && reader.complete()) {
    const std::size_t size = std::size_t{4} * reader.u8();
    if (size == 0) return Wrapped::without(wrapping, Reason::encapsulated);
    reader.skip(size - 2);
    next = reader.u8();
  }
  const Bytes rest = reader.rest();
  const unsigned version = rest.empty() ? 0 : rest[0] >> 4;
  Inner inner = wrapped.of_link(wrapping, version == 4 || version == 6 ? linktype::raw : linktype::ethernet);
  if (inner.link.reason == Reason::not_ip) inner.link.reason = Reason::encapsulated;
  return inner;
}

struct Port {
  std::uint16_t number;
  std::optional<Inner> (*find)(Wrapped) noexcept;
};
// 8472 is what Linux took before there was a number; flannel and others still do.
constexpr Port ports[] = {{4789, in_vxlan}, {8472, in_vxlan}, {4790, in_vxlan_gpe}, {6081, in_geneve}, {2152, in_gtp}};

/// sender_port(2) receiver_port(2) length(2) checksum(2)
std::optional<Inner> in_udp(const IpPacket& ip) noexcept {
  constexpr std::size_t udp_header = 8;
  if (ip.payload.size() < udp_header) return std::nullopt;
  const std::uint16_t from = get16(ip.payload.data()), to = get16(&ip.payload[2]), length = get16(&ip.payload[4]);
  for (const Port& port : ports) {
    if (port.number != from && port.number != to) continue;
    const std::uint32_t size = length < udp_header ? ip.wire_length : std::min<std::uint32_t>(length, ip.wire_length);
    const Bytes datagram = ip.payload.first(std::min<std::size_t>(ip.payload.size(), size));
    constexpr std::size_t header = 8;  // of all of them
    const std::size_t wire = size - udp_header;
    if (datagram.size() - udp_header < header && wire >= header) return Wrapped::without({}, Reason::cut_short);
    auto inner = port.find(Wrapped(datagram.subspan(udp_header), size - static_cast<std::uint32_t>(udp_header)));
    if (inner && inner->wrapping.wrapper == Wrapper::gtp) inner->wrapping.giver = giver_of(ip);
    return inner;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Inner> find_inner(const IpPacket& ip) noexcept {
  switch (ip.protocol) {
    case ip_protocol::udp:
      return in_udp(ip);
    case ip_protocol::ipip:
      return Wrapped(ip.payload, ip.wire_length).of_type({.wrapper = Wrapper::ip}, ethertype::ipv4);
    case ip_protocol::ipv6:
      return Wrapped(ip.payload, ip.wire_length).of_type({.wrapper = Wrapper::ip}, ethertype::ipv6);
    case ip_protocol::gre:
      return in_gre(ip);
    default:
      return std::nullopt;
  }
}

}  // namespace proxytunnel
