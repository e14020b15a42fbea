// SPDX-License-Identifier: GPL-2.0-or-later
// summary: every bound on what one captured packet may make the decoder keep or do, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/segment.hpp"

namespace proxytunnel::decode_limits {

/// VLAN tags, MPLS labels and LLC headers of one frame together. Providers stack four or five.
constexpr unsigned link_layers = 16;

/// Length fields (802.3, PPPoE) of one link header that an adapted header sets anew: PPPoE in an LLC frame has two.
constexpr std::size_t link_lengths = 2;

/// The longest link header that can be adapted. `link_layers` keeps every header that is found well below it.
constexpr std::size_t link_header = 128;

/// IPv6 extension headers of one packet. RFC 8200 section 4.1 has seven in its longest recommended chain.
constexpr unsigned extension_headers = 16;

/// The largest datagram that fragments can make up (RFC 791 section 3.1; RFC 8200 section 4.5).
constexpr std::size_t datagram_bytes = 65535;

/// Fragments of one datagram: 64 KiB at the old minimum MTU of 576 bytes are 119.
constexpr std::size_t fragments_per_datagram = 128;

/// Bytes kept for one datagram: a whole one, and as much again of fragments that overlap.
constexpr std::size_t fragment_bytes_per_datagram = 2 * datagram_bytes;

/// Datagrams waiting for fragments at once; the oldest goes first.
constexpr std::size_t fragmented_datagrams = 1024;

/// Bytes of all waiting fragments together: what Linux keeps (ipfrag_high_thresh).
constexpr std::size_t fragment_bytes = std::size_t{4} << 20;

/// How long a datagram may wait for its fragments (RFC 8200 section 4.5; RFC 1122 section 3.3.2), in capture time.
constexpr Time fragment_wait = 60'000'000'000;

}  // namespace proxytunnel::decode_limits
