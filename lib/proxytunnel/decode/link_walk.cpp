// SPDX-License-Identifier: GPL-2.0-or-later
// summary: link layers: Ethernet, cooked, PPP and others, and what is stacked in them.
// spec: https://www.tcpdump.org/linktypes.html; IEEE 802.3, IEEE 802.1Q, RFC 1042 (LLC/SNAP), RFC 3032 (MPLS),
// RFC 2516 (PPPoE), RFC 1661 (PPP), RFC 1662 (its HDLC framing)
#include "decode/link_walk.hpp"

namespace proxytunnel {

LinkShape LinkWalk::of(std::uint32_t link_type) noexcept {
  begin(link_type);
  return finished();
}

// What has no link layer before its type is RAW.
LinkShape LinkWalk::behind(std::uint16_t ethertype) noexcept {
  follow({0, ethertype});
  shape_.link_type = linktype::raw;
  shape_.begin = reader_.position();
  return finished();
}

LinkShape LinkWalk::finished() noexcept {
  if (!reader_.complete()) shape_.reason = Reason::cut_short;
  shape_.size = reader_.position();
  return shape_;
}

/// Ethernet: receiver(6) sender(6) type(2)
/// Linux cooked v1: packet_type(2) hardware(2) address_length(2) address(8) type(2)
/// Linux cooked v2: type(2) reserved(2) interface(4) hardware(2) packet_type(1) address_length(1) address(8)
/// FDDI: frame_control(1) receiver(6) sender(6), then LLC
/// PPP with direction: direction(1)
void LinkWalk::begin(std::uint32_t link_type) noexcept {
  shape_.link_type = link_type;
  shape_.begin = reader_.position();
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
    case linktype::fddi:
      reader_.skip(13);
      if (llc()) follow(next_type());
      return;
    case linktype::ppp:
    case linktype::ppp_serial:
      return framed_ppp();
    case linktype::ppp_pppd:
    case linktype::ppp_with_dir:
      reader_.skip(1);
      return begin(linktype::ppp);
    case linktype::ppp_ether:
      return pppoe();
    case linktype::c_hdlc:
      return c_hdlc();
    case linktype::ieee802_11:
      return ieee802_11();
    case linktype::ieee802_11_radiotap:
      return radiotap();
    case linktype::ieee802_11_prism:
    case linktype::ieee802_11_avs:
      return prism_or_avs();
    case linktype::ppi:
      return ppi();
    case linktype::erf:
      return erf();
    case linktype::nflog:
      return nflog();
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

void LinkWalk::cooked(Type type) noexcept {
  if (type.value > longest_802_3) return follow(type);
  if (type.value != cooked_llc) return not_ip();
  if (llc()) follow(next_type());
}

void LinkWalk::follow(Type type) noexcept {
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
bool LinkWalk::vlan() noexcept {
  const std::uint32_t identifier = reader_.u16() & 0x0fffU;
  shape_.vlan = std::rotl(shape_.vlan, 12) ^ identifier;
  return one_more_layer();
}

/// dsap(1) ssap(1) control(1), with SNAP: organization(3); then the type follows, and the result is true
bool LinkWalk::llc() noexcept {
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
void LinkWalk::mpls() noexcept {
  constexpr std::uint32_t bottom = 0x100;
  while (one_more_layer() && reader_.complete()) {
    if ((reader_.u32() & bottom) != 0) return;
  }
}

/// version_and_type(1) code(1) session(2) length(2), then PPP
void LinkWalk::pppoe() noexcept {
  constexpr std::uint16_t session_data = 0x1100;
  if (reader_.u16() != session_data) return not_ip();
  reader_.skip(2);
  const std::size_t at = reader_.position();
  reader_.skip(2);
  if (add_length({at, reader_.position(), longest_ppp})) ppp();
}

/// protocol(2, or its second byte alone if that is odd)
void LinkWalk::ppp() noexcept {
  std::uint16_t protocol = reader_.u8();
  if ((protocol & 1) == 0) protocol = static_cast<std::uint16_t>(protocol << 8 | reader_.u8());
  switch (protocol) {
    case ppp_protocol::ipv4:
      return named(Naming::ppp, 4, reader_.position() - 1);
    case ppp_protocol::ipv6:
      return named(Naming::ppp, 6, reader_.position() - 1);
    case ppp_protocol::mpls:
    case ppp_protocol::mpls_multicast:
      return mpls();
    default:
      not_ip();
  }
}

/// address(1) control(1), both left out if the ends agreed on that, then PPP (RFC 1662 section 3.2)
void LinkWalk::framed_ppp() noexcept {
  constexpr std::uint8_t all_stations = 0xff;
  const Bytes rest = reader_.rest();
  if (!rest.empty() && rest[0] == all_stations) reader_.skip(2);
  ppp();
}

/// address(1) control(1), then an ethertype
void LinkWalk::c_hdlc() noexcept {
  constexpr std::uint16_t unicast = 0x0f00, multicast = 0x8f00;
  const std::uint16_t address = reader_.u16();
  if (address != unicast && address != multicast) return not_ip();
  const Type type = next_type();
  if (type.value <= longest_802_3) return not_ip();
  follow(type);
}

/// family(4), in the byte order of the machine that captured
void LinkWalk::null() noexcept {
  const std::uint32_t family = reader_.u32();
  if (const unsigned version = version_of_family(family)) return named(Naming::big_endian_family, version);
  named(Naming::little_endian_family, version_of_family(swapped(family)));
}

/// family(4), in network order
void LinkWalk::loop() noexcept {
  named(Naming::big_endian_family, version_of_family(reader_.u32()));
}

}  // namespace proxytunnel
