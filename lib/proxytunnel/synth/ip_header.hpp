// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the IP header of a virtual packet, and what transport checksums take from it.
// spec: RFC 791, RFC 8200
#pragma once

#include "synth/checksum.hpp"
#include "synth/virtual_packet.hpp"

namespace proxytunnel {

/// The protocol numbers of both transports.
[[nodiscard]] constexpr std::uint8_t number_of(Transport transport) noexcept {
  return transport == Transport::tcp ? 6 : 17;
}

/// RFC 9293 section 3.1 and RFC 768 (IPv4), RFC 8200 section 8.1 (IPv6). `length` counts transport header and payload.
[[nodiscard]] Sum pseudo_header(Transport transport, const Endpoint& sender, const Endpoint& receiver,
                                std::uint32_t length) noexcept;

/// True if `checksum` is the sum of the pseudo header alone: with the length or (large segments on some systems)
/// without it. So a sender leaves the rest to its network card.
[[nodiscard]] bool left_to_network_card(Transport transport, const Endpoint& sender, const Endpoint& receiver,
                                        std::uint32_t length, std::uint16_t checksum) noexcept;

/// Writes the IP header at the start of `packet.headers` and sets ip_size and ip.version; everything else of the packet
/// but the transport header is filled in. No options and extension headers. Lengths that 16 bits cannot hold become 0,
/// as segmentation offload writes them.
void write_ip(VirtualPacket& packet) noexcept;

}  // namespace proxytunnel
