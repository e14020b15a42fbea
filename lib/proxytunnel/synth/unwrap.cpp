// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes virtual datagrams: a relayed datagram without its SOCKS header, with other addresses.
#include "synth/unwrap.hpp"

#include <algorithm>

#include "synth/ip_header.hpp"

namespace proxytunnel {
namespace {

constexpr std::uint32_t udp_header = 8;

// The header as the parent had it: its checksum covers ports and length, too.
Sum parent_header(const Datagram& datagram) noexcept {
  const std::uint32_t length = udp_header + datagram.length;
  return pseudo_header(Transport::udp, datagram.sender, datagram.receiver, length) + Sum(datagram.sender.port) +
         Sum(datagram.receiver.port) + Sum(length & 0xffffU);
}

Sum shown_payload(const Datagram& datagram, const Unwrapping& change, Bytes shown) noexcept {
  const bool left = left_to_network_card(Transport::udp, datagram.sender, datagram.receiver,
                                         udp_header + datagram.length, datagram.checksum);
  if (change.checksums == Checksums::compute || left || datagram.checksum == 0) return Sum::of(shown);
  const Bytes header = datagram.payload.first(std::min<std::size_t>(change.cut, datagram.payload.size()));
  const Sum rest = Sum(0xffff) - (parent_header(datagram) + Sum(datagram.checksum)) - Sum::of(header);
  return header.size() % 2 == 0 ? rest : rest.swapped();
}

}  // namespace

void unwrap(const Datagram& datagram, const Unwrapping& change, VirtualPacket& result) noexcept {
  result.transport = Transport::udp;
  result.sender = change.sender;
  result.receiver = change.receiver;
  result.ip = datagram.ip;
  if (change.checksums == Checksums::compute) result.ip.checksum_error = 0;
  result.transport_size = udp_header;
  result.payload = datagram.payload.subspan(std::min<std::size_t>(change.cut, datagram.payload.size()));
  result.length = datagram.length - change.cut;
  result.frame = datagram.frame;
  write_ip(result);

  std::uint8_t* udp = result.headers.data() + result.ip_size;
  const std::uint32_t length = udp_header + result.length;
  put16(udp, result.sender.port);
  put16(udp + 2, result.receiver.port);
  put16(udp + 4, length > 0xffff ? 0 : length);
  put16(udp + 6, 0);
  const bool left_out = datagram.checksum == 0 && result.ip.version == 4 && change.checksums == Checksums::follow;
  if (left_out) return;
  const Sum total = pseudo_header(Transport::udp, result.sender, result.receiver, length) + Sum::of({udp, udp_header}) +
                    shown_payload(datagram, change, result.payload);
  const std::uint16_t checksum = total.checksum();
  put16(udp + 6, checksum == 0 ? 0xffff : checksum);  // 0 would mean that there is none
}

}  // namespace proxytunnel
