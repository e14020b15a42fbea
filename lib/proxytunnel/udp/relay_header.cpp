// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the header in front of each datagram that a SOCKS5 proxy relays.
// spec: RFC 1928 section 7
#include "udp/relay_header.hpp"

namespace proxytunnel {

// RSV(2)=0 FRAG(1) ATYP(1) address port(2), where the address has 4 bytes (ATYP 1), 16 (4), or a length byte and that
// many (3)
Parsed<RelayHeader> parse_relay_header(Bytes bytes) noexcept {
  constexpr std::uint8_t ipv4 = 1, name = 3, ipv6 = 4;
  Reader reader(bytes);
  const std::uint16_t reserved = reader.u16();
  RelayHeader header;
  header.fragment = reader.u8();
  const std::uint8_t type = reader.u8();
  if (!reader.complete()) return Parsed<RelayHeader>::need_more();
  if (reserved != 0 || (type != ipv4 && type != name && type != ipv6)) return Parsed<RelayHeader>::malformed();
  const std::size_t length = type == ipv4 ? 4 : type == ipv6 ? 16 : reader.u8();
  const Bytes host = reader.take(length);
  const std::uint16_t port = reader.u16();
  if (!reader.complete()) return Parsed<RelayHeader>::need_more();
  if (host.empty()) return Parsed<RelayHeader>::malformed();
  header.target = type == name ? Target::named(text_of(host), port) : Target::literal(Address::from(host), port);
  return Parsed<RelayHeader>::ok(std::move(header), reader.position());
}

}  // namespace proxytunnel
