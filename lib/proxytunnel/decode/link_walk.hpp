// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads a link header from its first byte to the IP packet, and tells what its fields are.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "decode/limits.hpp"
#include "decode/linktype.hpp"
#include "decode/reason.hpp"

namespace proxytunnel {

namespace ethertype {
constexpr std::uint16_t ipv4 = 0x0800, ipv6 = 0x86dd, vlan = 0x8100, service_vlan = 0x88a8, old_vlan = 0x9100,
                        mpls = 0x8847, mpls_multicast = 0x8848, pppoe_session = 0x8864;
}
namespace ppp_protocol {
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
struct LinkShape {
  Reason reason = Reason::none;
  Naming naming = Naming::nothing;
  unsigned version = 0;  ///< 0 if only the IP header itself tells
  std::uint32_t vlan = 0;
  std::uint32_t link_type = linktype::raw;
  std::size_t begin = 0;     ///< of the link layer itself
  std::size_t size = 0;      ///< up to the IP packet, with what stands before `begin`
  std::size_t named_at = 0;  ///< where the field that tells the version begins
  std::size_t length_count = 0;
  std::array<LengthField, decode_limits::link_lengths> lengths{};
};

/// An ethertype, or a length in its place.
struct Type {
  std::size_t at = 0;
  std::uint16_t value = 0;
};

/// Goes through a link header. Use it once.
class LinkWalk {
 public:
  explicit LinkWalk(Bytes bytes) noexcept : reader_(bytes) {}
  LinkShape of(std::uint32_t link_type) noexcept;
  LinkShape behind(std::uint16_t ethertype) noexcept;

 private:
  LinkShape finished() noexcept;
  void begin(std::uint32_t link_type) noexcept;
  void cooked(Type type) noexcept;
  void follow(Type type) noexcept;
  bool vlan() noexcept;
  bool llc() noexcept;
  void mpls() noexcept;
  void pppoe() noexcept;
  void ppp() noexcept;
  void framed_ppp() noexcept;
  void c_hdlc() noexcept;
  void ieee802_11() noexcept;
  void radiotap() noexcept;
  void prism_or_avs() noexcept;
  void ppi() noexcept;
  void erf() noexcept;
  void nflog() noexcept;
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
  [[nodiscard]] std::uint16_t little16() noexcept { return static_cast<std::uint16_t>(std::rotl(reader_.u16(), 8)); }
  [[nodiscard]] std::uint32_t little32() noexcept { return swapped(reader_.u32()); }
  /// Up to `position`, which headers of their own length name; what was read already does not count again.
  void skip_to(std::size_t position) noexcept {
    if (position < reader_.position()) return not_ip();
    reader_.skip(position - reader_.position());
  }

  Reader reader_;
  LinkShape shape_;
  unsigned layers_ = 0;
  std::size_t padding_to_ = 1;  ///< radiotap: the 802.11 header is padded to a multiple of it
};

}  // namespace proxytunnel
