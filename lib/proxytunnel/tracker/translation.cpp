// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where a segment of an open tunnel stands: what of it is payload, what is shown, what it accounts for.
#include "tracker/translation.hpp"

#include <algorithm>

namespace proxytunnel {

Range payload_range(const SequenceSpace& space, const Segment& segment) noexcept {
  const std::uint32_t first = segment.sequence() + (segment.has(tcp_flag::syn) ? 1 : 0);
  const Offset begin = space.offset(first);
  return {begin, begin + segment.length};
}

Placement place_in_tunnel(Connection& connection, const Segment& segment) noexcept {
  const VirtualConnection& opened = *connection.open;
  Placement placement;
  placement.side = connection.side_of(segment.sender);
  SequenceSpace& own = connection.space[placement.side];
  const Range wire = payload_range(own, segment);
  own.advance(wire.end);
  const Offset base = opened.base[placement.side];
  placement.cut = static_cast<std::uint32_t>(std::clamp<Offset>(base - wire.begin, 0, segment.length));
  const Offset begin = std::max(wire.begin, base) - base;
  placement.shown = {begin, begin + segment.length - placement.cut};

  const Side peer = other(placement.side);
  if (segment.has(tcp_flag::ack)) {
    placement.acknowledged = connection.space[peer].offset(segment.acknowledgment()) - opened.base[peer];
    placement.acknowledgment_raised = placement.acknowledged < 0;
  }
  const bool closes = (segment.flags() & (tcp_flag::fin | tcp_flag::rst)) != 0;
  const bool has_payload = segment.length > placement.cut;
  const bool pure_acknowledgment = segment.length == 0 && !segment.has(tcp_flag::syn);
  const auto acknowledges_payload = [&] {
    return placement.acknowledged > 0 || sacks_behind(segment, connection.space[peer].sequence(opened.base[peer]));
  };
  placement.worth_showing = closes || has_payload || (pure_acknowledgment && acknowledges_payload());
  return placement;
}

Translation translation_of(const Connection& connection, const Segment& segment, const Placement& placement,
                           Checksums checksums) noexcept {
  const VirtualConnection& opened = *connection.open;
  const Side peer = other(placement.side);
  const std::uint32_t peer_base = connection.space[peer].sequence(opened.base[peer]);
  Translation change;
  change.sender = opened.ends[placement.side];
  change.receiver = opened.ends[peer];
  change.sequence = connection.space[placement.side].sequence(opened.base[placement.side] + placement.shown.begin);
  change.acknowledgment = placement.acknowledgment_raised ? peer_base : segment.acknowledgment();
  change.cut = placement.cut;
  // A sequence number stands for an offset near it only: far behind the base, nothing can be below it any more.
  if (placement.acknowledged < limits::largest_window) change.sack_floor = peer_base;
  change.checksums = checksums;
  return change;
}

void account(VirtualConnection& opened, const Segment& segment, const Placement& placement) {
  Attempt& attempt = opened.attempt;
  attempt.last = std::max(attempt.last, segment.frame.number);
  const Direction direction = opened.direction(placement.side);
  PayloadAccount& own = attempt.payload[direction];
  const Range shown = placement.shown;
  if (shown.begin < shown.end) {
    const auto captured = static_cast<std::uint32_t>(segment.payload.size());
    const std::uint32_t left = captured > placement.cut ? captured - placement.cut : 0;
    own.seen(shown.begin, left, static_cast<std::uint32_t>(shown.end - shown.begin));
    if (attempt.first_payload == 0) attempt.first_payload = segment.frame.number;
  }
  if (segment.has(tcp_flag::fin)) own.finished(shown.end);
  if (segment.has(tcp_flag::ack)) attempt.payload[other(direction)].acknowledged(placement.acknowledged);
}

}  // namespace proxytunnel
