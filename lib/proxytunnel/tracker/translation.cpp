// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where a segment of open tunnels stands: whose payload it is, what is shown, what it accounts for.
#include "tracker/translation.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

// How far `offset` of the parent's stream is in the virtual stream of a conversation. Negative: before the base.
Offset virtual_offset(const Tunnels& tunnels, const VirtualConnection& opened, Side side, Offset offset) noexcept {
  const Share* share = tunnels.shares[side].before(opened.attempt.id, offset);
  if (share == nullptr) return offset < opened.base[side] ? offset - opened.base[side] : opened.size[side];
  const Offset behind = std::min(offset, share->range.end) - share->range.begin;
  const bool is_first = share->at == 0;
  const Offset reached = share->at + (is_first ? behind : std::max<Offset>(behind, 0));
  // A FIN behind a bounded share closes the virtual stream, too, and has a number of its own.
  const auto& fin_at = tunnels.fin_at[side];
  return reached + (share->has_end() && fin_at && offset > *fin_at ? 1 : 0);
}

/// What all placements of a segment have in common.
struct Place {
  Side side, peer;
  Range wire;
  std::optional<Offset> acknowledged;  ///< on the wire
};

Placement placement_of(const Tunnels& tunnels, const Place& place, VirtualConnection& opened) noexcept {
  Placement placement;
  placement.opened = &opened;
  placement.side = place.side;
  if (place.acknowledged) placement.acknowledged = virtual_offset(tunnels, opened, place.peer, *place.acknowledged);
  return placement;
}

void place_payload(Tunnels& tunnels, const Place& place, Range window, std::vector<Placement>& placements) {
  const Range wanted{std::max(place.wire.begin, window.begin), std::min(place.wire.end, window.end)};
  const Shares& shares = tunnels.shares[place.side];
  for (auto share = shares.behind(wanted.begin); share != shares.list().end(); ++share) {
    const Range piece{std::max(wanted.begin, share->range.begin), std::min(wanted.end, share->range.end)};
    if (piece.begin >= piece.end) break;
    VirtualConnection* opened = tunnels.owner_of(&*share);
    if (opened == nullptr) continue;
    Placement& placement = placements.emplace_back(placement_of(tunnels, place, *opened));
    const Offset begin = share->at + (piece.begin - share->range.begin);
    placement.shown = {begin, begin + piece.end - piece.begin};
    placement.cut = static_cast<std::uint32_t>(piece.begin - place.wire.begin);
    placement.ends_segment = piece.end == place.wire.end;
  }
}

// What closes the parent closes every conversation, and so does what acknowledges that. `shown`: the latest
// conversation when it was shown before; those that opened since then have it now, the others have it already.
void place_close(Tunnels& tunnels, const Place& place, TunnelId& shown, std::vector<Placement>& placements) {
  const VirtualConnection* has_it = nullptr;
  if (!placements.empty() && placements.back().ends_segment) has_it = placements.back().opened;
  const auto add = [&](VirtualConnection& opened) {
    if (&opened == has_it || opened.superseded) return;
    Placement placement = placement_of(tunnels, place, opened);
    const Offset at = std::max<Offset>(virtual_offset(tunnels, opened, place.side, place.wire.end), 0);
    placement.shown = {at, at};
    placement.cut = static_cast<std::uint32_t>(place.wire.end - place.wire.begin);
    placements.push_back(placement);
  };
  if (shown == tunnels.latest_id()) {  // repeated: to the one that has the latest bytes
    if (has_it == nullptr) add(tunnels.owner_of_latest(place.side));
    return;
  }
  auto each = shown == no_tunnel ? tunnels.list.begin() : tunnels.list.upper_bound(shown);
  for (; each != tunnels.list.end(); ++each) add(each->second);
  shown = tunnels.latest_id();
}

// A pure acknowledgment belongs to the conversation whose bytes it acknowledges or, by SACK, those behind them.
void place_acknowledgment(Connection& connection, const Segment& segment, const Place& place,
                          std::vector<Placement>& placements) {
  Tunnels& tunnels = *connection.tunnels;
  const Shares& shares = tunnels.shares[place.peer];
  const Offset acknowledged = place.acknowledged.value_or(0);
  const auto& fin_at = tunnels.fin_at[place.peer];
  const bool is_only = tunnels.list.size() == 1;
  const bool is_of_close = !is_only && segment.length == 0 && fin_at && acknowledged > *fin_at;
  if (is_of_close) {
    TunnelId& shown = tunnels.fin_acknowledged[place.peer];
    if (shown != tunnels.latest_id()) place_close(tunnels, place, shown, placements);
    return;
  }
  const Share* share = shares.holding(acknowledged - 1);
  if (share == nullptr) share = shares.holding(acknowledged);
  VirtualConnection* opened = is_only ? &tunnels.latest() : tunnels.owner_of(share);
  if (opened == nullptr) return;
  Placement& placement = placements.emplace_back(placement_of(tunnels, place, *opened));
  const Offset at = virtual_offset(tunnels, *opened, place.side, place.wire.begin);
  placement.shown.begin = placement.shown.end = std::max<Offset>(at, 0);
  const bool is_pure = segment.length == 0 && !segment.has(tcp_flag::syn);
  const auto acknowledges_payload = [&] {
    if (placement.acknowledged > 0) return true;
    return share != nullptr && sacks_behind(segment, connection.space[place.peer].sequence(share->range.begin));
  };
  placement.cut = segment.length;
  placement.worth_showing = is_pure && acknowledges_payload();
}

}  // namespace

namespace {

// A SYN has the number before its payload.
std::uint32_t first_of_payload(const Segment& segment) noexcept {
  return segment.sequence() + (segment.has(tcp_flag::syn) ? 1 : 0);
}

}  // namespace

Range payload_range(const SequenceSpace& space, const Segment& segment) noexcept {
  const Offset begin = space.offset(first_of_payload(segment));
  return {begin, begin + segment.length};
}

void place_in_tunnels(Connection& connection, const Segment& segment, Range window,
                      std::vector<Placement>& placements) {
  placements.clear();
  Tunnels& tunnels = *connection.tunnels;
  Place place;
  place.side = connection.side_of(segment.sender);
  place.peer = other(place.side);
  place.wire = payload_range(connection.space[place.side], segment);
  if (segment.has(tcp_flag::fin)) tunnels.fin_at[place.side] = place.wire.end;
  if (segment.has(tcp_flag::ack)) place.acknowledged = connection.space[place.peer].offset(segment.acknowledgment());

  place_payload(tunnels, place, window, placements);
  const bool is_whole = window.end >= place.wire.end;
  if (segment.closes() && is_whole) {
    place_close(tunnels, place, segment.has(tcp_flag::rst) ? tunnels.reset_shown : tunnels.fin_shown[place.side],
                placements);
  }
  if (placements.empty() && is_whole) place_acknowledgment(connection, segment, place, placements);
}

Translation translation_of(const Connection& connection, const Segment& segment, const Placement& placement,
                           Checksums checksums) noexcept {
  const VirtualConnection& opened = *placement.opened;
  const Side side = placement.side, peer = other(side);
  const SequenceSpace& theirs = connection.space[peer];
  Translation change;
  change.sender = opened.ends[side];
  change.receiver = opened.ends[peer];
  change.sequence = connection.space[side].sequence(opened.base[side] + placement.shown.begin);
  change.acknowledgment = theirs.sequence(opened.base[peer] + std::max<Offset>(placement.acknowledged, 0));
  change.cut = placement.cut;
  change.keep = static_cast<std::uint32_t>(placement.shown.end - placement.shown.begin);
  if (!placement.ends_segment) change.dropped_flags = tcp_flag::fin | tcp_flag::rst;
  change.checksums = checksums;
  if (segment.options().empty() || !segment.has(tcp_flag::ack)) return change;

  Translation::Sack sack;
  const Offset acknowledged = theirs.offset(segment.acknowledgment());
  const Share* share = connection.tunnels->shares[peer].before(opened.attempt.id, acknowledged + 1);
  if (share == nullptr) {
    sack.size = 0;
  } else {
    // Sequence numbers stand for offsets that are near only.
    const Offset floor = std::max(share->range.begin, acknowledged - limits::largest_window);
    sack.floor = theirs.sequence(floor);
    sack.shift = sack.floor - theirs.sequence(opened.base[peer] + share->at + (floor - share->range.begin));
    if (share->has_end()) {
      const Offset size = std::clamp<Offset>(share->range.end - floor, 0, 2 * limits::largest_window - 1);
      sack.size = static_cast<std::uint32_t>(size);
    }
  }
  change.sack = sack;
  return change;
}

void account(const Segment& segment, const Placement& placement) {
  VirtualConnection& opened = *placement.opened;
  Attempt& attempt = opened.attempt;
  attempt.last = std::max(attempt.last, segment.frame.number);
  const Direction direction = opened.direction(placement.side);
  PayloadAccount& own = attempt.payload[direction];
  const Range shown = placement.shown;
  if (shown.begin < shown.end) {
    const auto length = static_cast<std::uint32_t>(shown.end - shown.begin);
    const auto captured = static_cast<std::uint32_t>(segment.payload.size());
    const std::uint32_t left = captured > placement.cut ? captured - placement.cut : 0;
    own.seen(shown.begin, std::min(left, length), length);
    if (attempt.first_payload == 0) attempt.first_payload = segment.frame.number;
  }
  if (segment.has(tcp_flag::fin) && placement.ends_segment && placement.worth_showing) own.finished(shown.end);
  if (segment.has(tcp_flag::ack)) attempt.payload[other(direction)].acknowledged(placement.acknowledged);
}

void tell_parts(const Connection& connection, const Segment& segment, std::vector<Part>& parts) {
  parts.clear();
  if (segment.length == 0) return;
  const Side side = connection.side_of(segment.sender);
  const Range wire = payload_range(connection.space[side], segment);
  const auto add = [&](Offset begin, Offset end, TunnelId tunnel) {
    if (begin < end) parts.push_back({static_cast<std::uint32_t>(end - begin), tunnel});
  };
  Offset told = wire.begin;
  if (connection.tunnels) {
    const Shares& shares = connection.tunnels->shares[side];
    for (auto share = shares.behind(told); share != shares.list().end(); ++share) {
      const Range piece{std::max(told, share->range.begin), std::min(wire.end, share->range.end)};
      if (piece.begin >= piece.end) break;
      add(told, piece.begin, no_tunnel);
      add(piece.begin, piece.end, share->tunnel);
      told = piece.end;
    }
  }
  add(told, wire.end, no_tunnel);
}

}  // namespace proxytunnel
