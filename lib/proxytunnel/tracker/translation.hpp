// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where a segment of open tunnels stands: whose payload it is, what is shown, what it accounts for.
#pragma once

#include <limits>
#include <vector>

#include "tracker/connection.hpp"
#include "tracker/outcome.hpp"

namespace proxytunnel {

/// The offsets of a segment's payload in its stream, as on the wire.
[[nodiscard]] Range payload_range(const SequenceSpace& space, const Segment& segment) noexcept;

/// The window that leaves nothing out.
constexpr Range everything{std::numeric_limits<Offset>::min(), std::numeric_limits<Offset>::max()};

/// One packet of one virtual conversation, made from (a part of) a segment.
struct Placement {
  VirtualConnection* opened = nullptr;  ///< whose it is
  Side side = Side::initiator;
  Range shown;            ///< payload, as offsets in the virtual stream
  std::uint32_t cut = 0;  ///< bytes of the segment's payload in front of it
  /// Of the other side's payload, in its virtual stream; negative: handshake only.
  Offset acknowledged = 0;
  bool ends_segment = true;  ///< the last byte of the segment is its last byte: what closes, closes here
  /// False for what the conversation has already or must not have: handshake bytes, SYNs, and pure acknowledgments of
  /// handshake bytes, for which the synthetic one stands.
  bool worth_showing = true;
};

/// Places a segment of a connection with tunnels, as far as its payload is in `window` (offsets on the wire): one
/// placement for each conversation that it means something to, in order. `placements` is filled anew.
void place_in_tunnels(Connection& connection, const Segment& segment, Range window, std::vector<Placement>& placements);

/// What changes in the segment's header.
[[nodiscard]] Translation translation_of(const Connection& connection, const Segment& segment,
                                         const Placement& placement, Checksums checksums) noexcept;

/// Counts the payload and what it acknowledges.
void account(const Segment& segment, const Placement& placement);

/// Whose payload the segment's bytes are, as far as that is known. `parts` is filled anew.
void tell_parts(const Connection& connection, const Segment& segment, std::vector<Part>& parts);

}  // namespace proxytunnel
