// SPDX-License-Identifier: GPL-2.0-or-later
// summary: link layers behind what a capturing system put before them, and 802.11, which mostly has such a thing.
// spec: IEEE 802.11 section 9.2; https://www.radiotap.org; https://www.tcpdump.org/linktypes.html (Prism, AVS, PPI,
// ERF, NFLOG); Endace ERF types reference
#include <algorithm>

#include "decode/link.hpp"
#include "decode/link_walk.hpp"

namespace proxytunnel {

/// frame_control(2) duration(2) addresses(3 * 6) sequence(2), then if both distribution system bits are set:
/// address(6), QoS: control(2), with the order bit: HT control(4); all in little-endian order; LLC
void LinkWalk::ieee802_11() noexcept {
  constexpr std::uint8_t type_mask = 0x0f, data = 0x08, no_data = 0x40, qos = 0x80;
  constexpr std::uint8_t both_ds = 0x03, more_fragments = 0x04, is_protected = 0x40, order = 0x80, aggregate = 0x80;
  const std::size_t start = reader_.position();
  const std::uint8_t kind = reader_.u8(), flags = reader_.u8();
  if ((kind & type_mask) != data || (kind & no_data) != 0) return not_ip();
  reader_.skip(20);
  const bool is_later_fragment = (little16() & 0x0f) != 0;
  if ((flags & both_ds) == both_ds) reader_.skip(6);
  bool is_aggregate = false;
  if ((kind & qos) != 0) {
    is_aggregate = (reader_.u8() & aggregate) != 0;
    reader_.skip((flags & order) != 0 ? 5 : 1);
  }
  if ((flags & is_protected) != 0) shape_.reason = Reason::encrypted;
  if (is_later_fragment || (flags & more_fragments) != 0) shape_.reason = Reason::fragment_cut_short;
  if (is_aggregate) shape_.reason = Reason::encapsulated;
  if (shape_.reason != Reason::none) return;
  const std::size_t odd = (reader_.position() - start) % padding_to_;
  if (odd != 0) reader_.skip(padding_to_ - odd);
  if (llc()) follow(next_type());
}

/// version(1) padding(1) length(2) present(4, and 4 more for each whose highest bit is set), then the fields that are
/// present, each at a multiple of its size: time(8) flags(1), more; all in little-endian order
void LinkWalk::radiotap() noexcept {
  constexpr std::uint32_t more_present = 0x80000000, time_present = 1, flags_present = 2;
  constexpr std::uint8_t is_padded = 0x20;
  const std::size_t start = reader_.position();
  reader_.skip(2);
  const std::size_t end = start + little16();
  const std::uint32_t present = little32();
  for (std::uint32_t word = present; (word & more_present) != 0 && reader_.complete();) word = little32();
  if ((present & flags_present) != 0) {
    if ((present & time_present) != 0) reader_.skip(8 + (reader_.position() - start) % 8);
    if ((reader_.u8() & is_padded) != 0) padding_to_ = 4;
  }
  skip_to(end);
  if (shape_.reason == Reason::none) begin(linktype::ieee802_11);
}

/// Prism: message(4) length(4), in the byte order of the machine that captured; AVS: version(4) length(4), in network
/// order. One link type may have either.
void LinkWalk::prism_or_avs() noexcept {
  constexpr std::uint32_t avs = 0x80211000, avs_mask = 0xfffff000, longest = 0xffff;
  const std::size_t start = reader_.position();
  const bool is_avs = (reader_.u32() & avs_mask) == avs;
  std::uint32_t length = reader_.u32();
  if (!is_avs && length > longest) length = swapped(length);
  if (length > longest) return not_ip();
  skip_to(start + length);
  if (shape_.reason == Reason::none) begin(linktype::ieee802_11);
}

/// version(1) flags(1) length(2) link_type(4), then fields, up to that length; in little-endian order
void LinkWalk::ppi() noexcept {
  const std::size_t start = reader_.position();
  reader_.skip(2);
  const std::size_t end = start + little16();
  const std::uint32_t inner = little32();
  skip_to(end);
  if (inner == linktype::ppi || !one_more_layer()) return not_ip();
  begin(inner);
}

/// time(8) type(1) flags(1) record_length(2) lost(2) wire_length(2), extension headers(8 each, as long as the highest
/// bit of the type and of each extension is set), then what the type says: Ethernet has offset(1) padding(1) before it
void LinkWalk::erf() noexcept {
  reader_.skip(8);
  const std::uint8_t type = reader_.u8();
  reader_.skip(7);
  for (std::uint8_t more = type; (more & 0x80) != 0 && one_more_layer() && reader_.complete(); reader_.skip(7)) {
    more = reader_.u8();
  }
  if (shape_.reason != Reason::none) return;
  const ErfLink link = link_of_erf(type & 0x7f, reader_.rest());
  reader_.skip(link.skipped);
  begin(link.link_type);
}

/// family(1) version(1) resource(2), then attributes: length(2) type(2) value, up to a multiple of 4, in the byte order
/// of the machine that captured; the packet is one of them
void LinkWalk::nflog() noexcept {
  constexpr std::uint16_t payload = 9;
  reader_.skip(4);
  while (one_more_layer() && reader_.complete()) {
    const Bytes head = reader_.rest().first(std::min<std::size_t>(reader_.rest().size(), 4));
    const bool is_big = head.size() == 4 && head[2] == 0 && head[3] != 0;  // there are less than 256 types
    const std::size_t length = is_big ? reader_.u16() : little16();
    const std::uint16_t type = is_big ? reader_.u16() : little16();
    if (type == payload) return begin(linktype::raw);
    if (length < 4) return not_ip();
    reader_.skip((length + 3) / 4 * 4 - 4);
  }
}

ErfLink link_of_erf(unsigned type, Bytes data) noexcept {
  switch (type) {
    case 2:   // ETH
    case 11:  // COLOR_ETH
    case 16:  // DSM_COLOR_ETH
    case 20:  // COLOR_HASH_ETH
      return {linktype::ethernet, 2};
    case 22:  // IPV4
    case 23:  // IPV6
      return {linktype::raw, 0};
    case 1:   // HDLC_POS
    case 10:  // COLOR_HDLC_POS
    case 15:  // DSM_COLOR_HDLC_POS
    case 17:  // COLOR_MC_HDLC_POS
    case 19:  // COLOR_HASH_POS
      // Either of two: Cisco's own begins with its address.
      return {!data.empty() && (data[0] == 0x0f || data[0] == 0x8f) ? linktype::c_hdlc : linktype::ppp, 0};
    default:
      return {};
  }
}

}  // namespace proxytunnel
