// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes virtual datagrams: a relayed datagram without its SOCKS header, with other addresses.
// spec: RFC 768, RFC 8200 section 8.1, RFC 1624
#pragma once

#include "synth/translate.hpp"
#include "synth/virtual_packet.hpp"

namespace proxytunnel {

/// What changes when a relayed datagram becomes one of the virtual conversation.
struct Unwrapping {
  Endpoint sender, receiver;
  std::uint32_t cut = 0;  ///< bytes of SOCKS header at the head of the payload; at most its length
  Checksums checksums = Checksums::follow;
};

/// Fills headers, payload, length, ip, sender, receiver and frame of `result`; the rest is the caller's. The result
/// borrows the datagram's payload and envelope. The checksum follows from the parent's, as that of a segment does
/// (synth/translate.hpp). One that the sender left out stays out, except over IPv6, which demands one.
void unwrap(const Datagram& datagram, const Unwrapping& change, VirtualPacket& result) noexcept;

}  // namespace proxytunnel
