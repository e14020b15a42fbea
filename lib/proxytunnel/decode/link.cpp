// SPDX-License-Identifier: GPL-2.0-or-later
// summary: finds the IP packet in a captured frame, and makes the link header for another IP packet like it.
#include "decode/link.hpp"

#include <algorithm>

#include "decode/ip.hpp"
#include "decode/link_walk.hpp"

namespace proxytunnel {

namespace {

bool can_hold(const LinkShape& shape, unsigned version, std::size_t packet_length) noexcept {
  if (shape.naming == Naming::fixed && shape.version != version) return false;
  return std::all_of(shape.lengths.begin(), shape.lengths.begin() + static_cast<std::ptrdiff_t>(shape.length_count),
                     [&](const LengthField& field) { return shape.size - field.from + packet_length <= field.most; });
}

void name_version(const LinkShape& shape, unsigned version, std::uint8_t* header) noexcept {
  std::uint8_t* const field = header + shape.named_at;
  const bool is_v4 = version == 4;
  const std::uint32_t family = is_v4 ? family_ipv4 : family_ipv6;
  switch (shape.naming) {
    case Naming::ethertype:
      return put16(field, is_v4 ? ethertype::ipv4 : ethertype::ipv6);
    case Naming::ppp:
      *field = static_cast<std::uint8_t>(is_v4 ? ppp_protocol::ipv4 : ppp_protocol::ipv6);
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

namespace {

/// receiver(6) sender(6) type(2): what nearly all frames have, and no more.
constexpr std::size_t plain_ethernet = 14;

/// The IP version that an Ethernet header names which nothing stands behind but the packet; 0: another header.
unsigned version_of_plain(std::uint32_t link_type, Bytes header) noexcept {
  if (link_type != linktype::ethernet || header.size() < plain_ethernet) return 0;
  const std::uint16_t type = get16(&header[12]);
  return type == ethertype::ipv4 ? 4 : type == ethertype::ipv6 ? 6 : 0;
}

LinkFrame found_by(const LinkShape& shape, Bytes frame, std::uint32_t wire_length) noexcept {
  LinkFrame found;
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
  found.link_type = shape.link_type;
  found.header = frame.subspan(shape.begin, shape.size - shape.begin);
  found.packet = packet;
  found.wire_length =
      std::max(wire_length, static_cast<std::uint32_t>(frame.size())) - static_cast<std::uint32_t>(shape.size);
  found.vlan = shape.vlan;
  return found;
}

}  // namespace

LinkFrame find_ip(std::uint32_t link_type, Bytes frame, std::uint32_t wire_length) noexcept {
  if (const unsigned version = version_of_plain(link_type, frame); version != 0 && frame.size() > plain_ethernet) {
    LinkShape shape;
    shape.link_type = link_type;
    shape.size = plain_ethernet;
    shape.version = version;
    return found_by(shape, frame, wire_length);
  }
  return found_by(LinkWalk(frame).of(link_type), frame, wire_length);
}

bool is_plainly_tcp(std::uint32_t link_type, Bytes frame) noexcept {
  constexpr std::size_t ipv4_protocol = 9, ipv6_next_header = 6, enough = plain_ethernet + 20;
  const unsigned version = frame.size() < enough ? 0 : version_of_plain(link_type, frame);
  if (version == 0 || frame[plain_ethernet] >> 4 != version) return false;
  return frame[plain_ethernet + (version == 4 ? ipv4_protocol : ipv6_next_header)] == ip_protocol::tcp;
}

LinkFrame find_ip_behind(std::uint16_t ethertype, Bytes bytes, std::uint32_t wire_length) noexcept {
  return found_by(LinkWalk(bytes).behind(ethertype), bytes, wire_length);
}

LinkHeader adapt(const LinkHeader& link, unsigned version, std::size_t packet_length, LinkHeaderRoom& room) noexcept {
  const Bytes header = link.bytes;
  if (header.size() == plain_ethernet && version_of_plain(link.link_type, header) == version) return link;
  const LinkShape shape = LinkWalk(header).of(link.link_type);
  const bool is_whole = shape.begin == 0 && shape.size == header.size() && header.size() <= room.size();
  if (shape.reason != Reason::none || !is_whole) return {};
  // RAW has three numbers, of which only one may stand in a file.
  if (shape.size == 0 && shape.naming == Naming::nothing) return {};
  if (!can_hold(shape, version, packet_length)) return {};
  const bool names_version = shape.version == 0 || shape.version == version;
  if (names_version && shape.length_count == 0) return link;

  std::copy(header.begin(), header.end(), room.begin());
  if (!names_version) name_version(shape, version, room.data());
  for (std::size_t i = 0; i < shape.length_count; ++i) {
    const LengthField& field = shape.lengths[i];
    put16(&room[field.at], static_cast<std::uint32_t>(shape.size - field.from + packet_length));
  }
  return {link.link_type, Bytes(room).first(header.size())};
}

}  // namespace proxytunnel
