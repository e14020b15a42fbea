// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the IP packet in a captured frame, and makes the link header for another IP packet like it.
// spec: https://www.tcpdump.org/linktypes.html; IEEE 802.3, IEEE 802.1Q, RFC 1042 (LLC/SNAP), RFC 3032 (MPLS),
// RFC 2516 (PPPoE), RFC 1661 (PPP)
#include "decode/link.hpp"

#include <algorithm>
#include <bit>

namespace unproxy {

using proxytunnel::put16;
using proxytunnel::put32;
using proxytunnel::Reader;

namespace {

namespace ethertype {
constexpr std::uint16_t ipv4 = 0x0800, ipv6 = 0x86dd, vlan = 0x8100, service_vlan = 0x88a8, old_vlan = 0x9100,
                        mpls = 0x8847, mpls_multicast = 0x8848, pppoe_session = 0x8864;
}
namespace ppp {
constexpr std::uint16_t ipv4 = 0x0021, ipv6 = 0x0057, mpls = 0x0281, mpls_multicast = 0x0283;
}
/// A smaller or equal value in an ethertype's place is the length of an 802.3 frame.
constexpr std::uint16_t longest_802_3 = 1500;
constexpr std::uint16_t longest_ppp = 65535;
/// In the protocol field of a cooked header: LLC follows, without a length.
constexpr std::uint16_t cooked_llc = 4;

constexpr std::uint32_t family_ipv4 = 2, family_ipv6 = 30;
constexpr unsigned version_of_family(std::uint32_t family) noexcept {
  switch (family) {
    case family_ipv4:
      return 4;
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD, Npcap
    case 28:  // FreeBSD
    case family_ipv6:
      return 6;
    default:
      return 0;
  }
}
constexpr std::uint32_t swapped(std::uint32_t value) noexcept {
  return value >> 24 | (value >> 8 & 0xff00) | (value & 0xff00) << 8 | value << 24;
}

/// What in a link header tells the version of the IP packet behind it.
enum class Naming : std::uint8_t { nothing, fixed, ethertype, ppp, big_endian_family, little_endian_family };

/// A 16-bit field that counts the bytes from `from` to the end of the packet.
struct LengthField {
  std::size_t at = 0, from = 0;
  std::size_t most = 0;  ///< the largest value it can have
};

/// A link header taken apart.
struct Shape {
  Reason reason = Reason::none;
  Naming naming = Naming::nothing;
  unsigned version = 0;  ///< 0 if only the IP header itself tells
  std::uint32_t network = 0;
  std::size_t size = 0;
  std::size_t named_at = 0;  ///< where the field that tells the version begins
  std::size_t length_count = 0;
  std::array<LengthField, decode_limits::link_lengths> lengths{};
};

/// An ethertype, or a length in its place.
struct Type {
  std::size_t at = 0;
  std::uint16_t value = 0;
};

/// Reads a link header from its first byte to the IP packet.
class Walk {
 public:
  explicit Walk(Bytes bytes) noexcept : reader_(bytes) {}
  Shape of(std::uint32_t link_type) noexcept;

 private:
  void begin(std::uint32_t link_type) noexcept;
  void cooked(Type type) noexcept;
  void follow(Type type) noexcept;
  bool vlan() noexcept;
  bool llc() noexcept;
  void mpls() noexcept;
  void pppoe() noexcept;
  void null() noexcept;
  void loop() noexcept;

  Type next_type() noexcept {
    const std::size_t at = reader_.position();
    return {at, reader_.u16()};
  }
  bool one_more_layer() noexcept {
    if (++layers_ > decode_limits::link_layers) shape_.reason = Reason::too_many_headers;
    return shape_.reason == Reason::none;
  }
  bool add_length(LengthField field) noexcept {
    if (shape_.length_count == shape_.lengths.size()) {
      shape_.reason = Reason::too_many_headers;
      return false;
    }
    shape_.lengths[shape_.length_count++] = field;
    return true;
  }
  void named(Naming naming, unsigned version, std::size_t at = 0) noexcept {
    if (version == 0) return not_ip();
    shape_.naming = naming;
    shape_.version = version;
    shape_.named_at = at;
  }
  void not_ip() noexcept { shape_.reason = Reason::not_ip; }

  Reader reader_;
  Shape shape_;
  unsigned layers_ = 0;
};

Shape Walk::of(std::uint32_t link_type) noexcept {
  begin(link_type);
  if (!reader_.complete()) shape_.reason = Reason::cut_short;
  shape_.size = reader_.position();
  return shape_;
}

/// Ethernet: receiver(6) sender(6) type(2)
/// Linux cooked v1: packet_type(2) hardware(2) address_length(2) address(8) type(2)
/// Linux cooked v2: type(2) reserved(2) interface(4) hardware(2) packet_type(1) address_length(1) address(8)
void Walk::begin(std::uint32_t link_type) noexcept {
  switch (link_type) {
    case linktype::ethernet:
      reader_.skip(12);
      return follow(next_type());
    case linktype::linux_sll:
      reader_.skip(14);
      return cooked(next_type());
    case linktype::linux_sll2: {
      const Type type = next_type();
      reader_.skip(18);
      return cooked(type);
    }
    case linktype::null:
      return null();
    case linktype::loop:
      return loop();
    case linktype::ipv4:
      return named(Naming::fixed, 4);
    case linktype::ipv6:
      return named(Naming::fixed, 6);
    case linktype::raw:
    case linktype::raw_bsd:
    case linktype::raw_openbsd:
      return;
    default:
      shape_.reason = Reason::unsupported_link_type;
  }
}

void Walk::cooked(Type type) noexcept {
  if (type.value > longest_802_3) return follow(type);
  if (type.value != cooked_llc) return not_ip();
  if (llc()) follow(next_type());
}

void Walk::follow(Type type) noexcept {
  for (;; type = next_type()) {
    switch (type.value) {
      case ethertype::ipv4:
        return named(Naming::ethertype, 4, type.at);
      case ethertype::ipv6:
        return named(Naming::ethertype, 6, type.at);
      case ethertype::mpls:
      case ethertype::mpls_multicast:
        return mpls();
      case ethertype::pppoe_session:
        return pppoe();
      case ethertype::vlan:
      case ethertype::service_vlan:
      case ethertype::old_vlan:
        if (!vlan()) return;
        break;
      default:
        if (type.value > longest_802_3) return not_ip();
        if (!add_length({type.at, reader_.position(), longest_802_3}) || !llc()) return;
    }
  }
}

/// priority(3 bits) drop_eligible(1 bit) identifier(12 bits); the type follows
bool Walk::vlan() noexcept {
  const std::uint32_t identifier = reader_.u16() & 0x0fffU;
  shape_.network = std::rotl(shape_.network, 12) ^ identifier;
  return one_more_layer();
}

/// dsap(1) ssap(1) control(1), with SNAP: organization(3); then the type follows, and the result is true
bool Walk::llc() noexcept {
  constexpr std::uint16_t snap = 0xaaaa, ip = 0x0606;
  constexpr std::uint8_t unnumbered = 3;
  constexpr std::uint32_t ethernet = 0, cisco_bridged = 0xf8;
  const std::uint16_t saps = reader_.u16();
  if (reader_.u8() == unnumbered) {
    if (saps == ip) {
      named(Naming::fixed, 4);
      return false;
    }
    const std::uint32_t organization = saps == snap ? std::uint32_t{reader_.u8()} << 16 | reader_.u16() : ~0U;
    if (organization == ethernet || organization == cisco_bridged) return one_more_layer();
  }
  not_ip();
  return false;
}

/// label(20 bits) class(3 bits) bottom(1 bit) ttl(8 bits), up to and with the label that is the bottom
void Walk::mpls() noexcept {
  constexpr std::uint32_t bottom = 0x100;
  while (one_more_layer() && reader_.complete()) {
    if ((reader_.u32() & bottom) != 0) return;
  }
}

/// version_and_type(1) code(1) session(2) length(2), then PPP: protocol(2, or its second byte alone if that is odd)
void Walk::pppoe() noexcept {
  constexpr std::uint16_t session_data = 0x1100;
  if (reader_.u16() != session_data) return not_ip();
  reader_.skip(2);
  const std::size_t at = reader_.position();
  reader_.skip(2);
  if (!add_length({at, reader_.position(), longest_ppp})) return;
  std::uint16_t protocol = reader_.u8();
  if ((protocol & 1) == 0) protocol = static_cast<std::uint16_t>(protocol << 8 | reader_.u8());
  switch (protocol) {
    case ppp::ipv4:
      return named(Naming::ppp, 4, reader_.position() - 1);
    case ppp::ipv6:
      return named(Naming::ppp, 6, reader_.position() - 1);
    case ppp::mpls:
    case ppp::mpls_multicast:
      return mpls();
    default:
      not_ip();
  }
}

/// family(4), in the byte order of the machine that captured
void Walk::null() noexcept {
  const std::uint32_t family = reader_.u32();
  if (const unsigned version = version_of_family(family)) return named(Naming::big_endian_family, version);
  named(Naming::little_endian_family, version_of_family(swapped(family)));
}

/// family(4), in network order
void Walk::loop() noexcept {
  named(Naming::big_endian_family, version_of_family(reader_.u32()));
}

bool can_hold(const Shape& shape, unsigned version, std::size_t packet_length) noexcept {
  if (shape.naming == Naming::fixed && shape.version != version) return false;
  return std::all_of(shape.lengths.begin(), shape.lengths.begin() + static_cast<std::ptrdiff_t>(shape.length_count),
                     [&](const LengthField& field) { return shape.size - field.from + packet_length <= field.most; });
}

void name_version(const Shape& shape, unsigned version, std::uint8_t* header) noexcept {
  std::uint8_t* const field = header + shape.named_at;
  const bool is_v4 = version == 4;
  const std::uint32_t family = is_v4 ? family_ipv4 : family_ipv6;
  switch (shape.naming) {
    case Naming::ethertype:
      return put16(field, is_v4 ? ethertype::ipv4 : ethertype::ipv6);
    case Naming::ppp:
      *field = static_cast<std::uint8_t>(is_v4 ? ppp::ipv4 : ppp::ipv6);
      return;
    case Naming::big_endian_family:
      return put32(field, family);
    case Naming::little_endian_family:
      return put32(field, swapped(family));
    case Naming::nothing:
    case Naming::fixed:
      return;
  }
}

}  // namespace

LinkFrame find_ip(std::uint32_t link_type, Bytes frame, std::uint32_t wire_length) noexcept {
  LinkFrame found;
  const Shape shape = Walk(frame).of(link_type);
  found.reason = shape.reason;
  if (found.reason == Reason::none && shape.size == frame.size()) found.reason = Reason::cut_short;
  if (found.reason != Reason::none) return found;

  const Bytes packet = frame.subspan(shape.size);
  const unsigned version = packet[0] >> 4;
  // Behind MPLS there may be anything: a control word, an Ethernet frame.
  if ((version != 4 && version != 6) || (shape.version != 0 && shape.version != version)) {
    found.reason = Reason::not_ip;
    return found;
  }
  found.header = frame.first(shape.size);
  found.packet = packet;
  found.wire_length =
      std::max(wire_length, static_cast<std::uint32_t>(frame.size())) - static_cast<std::uint32_t>(shape.size);
  found.network = shape.network;
  return found;
}

LinkHeader adapt(std::uint32_t link_type, Bytes header, unsigned version, std::size_t packet_length,
                 LinkHeaderRoom& room) noexcept {
  const Shape shape = Walk(header).of(link_type);
  if (shape.reason != Reason::none || shape.size != header.size() || header.size() > room.size()) return {};
  // RAW has three numbers, of which only one may stand in a file.
  if (shape.size == 0 && shape.naming == Naming::nothing) return {};
  if (!can_hold(shape, version, packet_length)) return {};
  const bool names_version = shape.version == 0 || shape.version == version;
  if (names_version && shape.length_count == 0) return {link_type, header};

  std::copy(header.begin(), header.end(), room.begin());
  if (!names_version) name_version(shape, version, room.data());
  for (std::size_t i = 0; i < shape.length_count; ++i) {
    const LengthField& field = shape.lengths[i];
    put16(&room[field.at], static_cast<std::uint32_t>(shape.size - field.from + packet_length));
  }
  return {link_type, Bytes(room).first(header.size())};
}

}  // namespace unproxy
