// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where a segment of an open tunnel stands: what of it is payload, what is shown, what it accounts for.
#pragma once

#include "tracker/connection.hpp"

namespace proxytunnel {

/// The offsets of a segment's payload in its stream, as on the wire.
[[nodiscard]] Range payload_range(const SequenceSpace& space, const Segment& segment) noexcept;

struct Placement {
  Side side = Side::initiator;
  Range shown;              ///< payload on the wire, as offsets from the base
  std::uint32_t cut = 0;    ///< bytes of handshake in front of it
  Offset acknowledged = 0;  ///< of the other side's payload, as offset from its base; negative: handshake only
  bool acknowledgment_raised = false;
  /// False for what the virtual conversation has already or must not have: repeated handshake bytes and SYNs, and pure
  /// acknowledgments of handshake bytes, for which the synthetic one stands.
  bool worth_showing = false;
};

/// Places a segment of an open connection; moves its sequence space on.
[[nodiscard]] Placement place_in_tunnel(Connection& connection, const Segment& segment) noexcept;

/// What changes in the segment's header.
[[nodiscard]] Translation translation_of(const Connection& connection, const Segment& segment,
                                         const Placement& placement, Checksums checksums) noexcept;

/// Counts the segment's payload and what it acknowledges.
void account(VirtualConnection& opened, const Segment& segment, const Placement& placement);

}  // namespace proxytunnel
