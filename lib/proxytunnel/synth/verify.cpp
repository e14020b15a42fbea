// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether the TCP checksum of a captured segment is right: what its receiver looks at first.
#include "synth/verify.hpp"

#include "synth/ip_header.hpp"

namespace proxytunnel {

Checksum verify(const Segment& segment) noexcept {
  if (segment.payload.size() < segment.length || segment.checksum() == 0) return Checksum::unknown;
  const auto length = static_cast<std::uint32_t>(segment.header.size()) + segment.length;
  const Sum pseudo = pseudo_header(Transport::tcp, segment.sender, segment.receiver, length);
  const Sum all = pseudo + Sum::of(segment.header) + Sum::of(segment.payload);  // the header is of whole words
  if (all.folded() == 0xffff) return Checksum::right;
  const bool is_left =
      left_to_network_card(Transport::tcp, segment.sender, segment.receiver, length, segment.checksum());
  return is_left ? Checksum::unknown : Checksum::wrong;
}

}  // namespace proxytunnel
