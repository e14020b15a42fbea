// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the IP header of a virtual packet, and what transport checksums take from it.
#include "synth/ip_header.hpp"

#include <cstring>

namespace proxytunnel {

namespace {

Sum of_address(const Address& address) noexcept {
  if (!address.is_v4()) return Sum::of(address.bytes());
  const std::uint32_t word = get32(address.octets.data());
  return Sum((word >> 16) + (word & 0xffffU));
}

// The pseudo header without the length.
Sum of_ends(Transport transport, const Endpoint& sender, const Endpoint& receiver) noexcept {
  return of_address(sender.address) + of_address(receiver.address) + Sum(number_of(transport));
}

Sum of_length(std::uint32_t length) noexcept {
  return Sum((length >> 16) + (length & 0xffffU));
}

}  // namespace

Sum pseudo_header(Transport transport, const Endpoint& sender, const Endpoint& receiver,
                  std::uint32_t length) noexcept {
  return of_ends(transport, sender, receiver) + of_length(length);
}

bool left_to_network_card(Transport transport, const Endpoint& sender, const Endpoint& receiver, std::uint32_t length,
                          std::uint16_t checksum) noexcept {
  const Sum ends = of_ends(transport, sender, receiver);
  return checksum == ends.folded() || checksum == (ends + of_length(length)).folded();
}

namespace {

std::uint8_t write_ipv4(const VirtualPacket& packet, std::uint32_t length, std::uint8_t* at) noexcept {
  std::memset(at, 0, 20);
  at[0] = 0x45;
  at[1] = packet.ip.traffic_class;
  put16(at + 2, length + 20 > 0xffff ? 0 : length + 20);
  put16(at + 4, packet.ip.identification);
  at[6] = packet.ip.dont_fragment ? 0x40 : 0;
  at[8] = packet.ip.hop_limit;
  at[9] = number_of(packet.transport);
  std::memcpy(at + 12, packet.sender.address.octets.data(), 4);
  std::memcpy(at + 16, packet.receiver.address.octets.data(), 4);
  const Sum right(Sum::of({at, 20}).checksum());
  put16(at + 10, (right + Sum(packet.ip.checksum_error)).folded());
  return 20;
}

std::uint8_t write_ipv6(const VirtualPacket& packet, std::uint32_t length, std::uint8_t* at) noexcept {
  put32(at,
        0x60000000U | static_cast<std::uint32_t>(packet.ip.traffic_class) << 20 | (packet.ip.flow_label & 0xfffffU));
  put16(at + 4, length > 0xffff ? 0 : length);
  at[6] = number_of(packet.transport);
  at[7] = packet.ip.hop_limit;
  std::memcpy(at + 8, packet.sender.address.octets.data(), 16);
  std::memcpy(at + 24, packet.receiver.address.octets.data(), 16);
  return 40;
}

}  // namespace

void write_ip(VirtualPacket& packet) noexcept {
  const std::uint32_t length = packet.transport_size + packet.length;
  packet.ip.version = packet.sender.address.version;
  packet.ip_size = packet.ip.version == 4 ? write_ipv4(packet, length, packet.headers.data())
                                          : write_ipv6(packet, length, packet.headers.data());
}

}  // namespace proxytunnel
