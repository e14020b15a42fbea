// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where a segment of open tunnels stands: whose payload it is, what is shown, what it accounts for.
#include "tracker/translation.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

// How far `offset` of the parent's stream is in the virtual stream of a conversation. Negative: before the base.
Offset virtual_offset(const Tunnels& tunnels, std::size_t conversation, Side side, Offset offset) noexcept {
  const Share* share = tunnels.shares[side].before(conversation, offset);
  if (share == nullptr) {
    const VirtualConnection& opened = tunnels.list[conversation];
    return offset < opened.base[side] ? offset - opened.base[side] : opened.size[side];
  }
  const Offset behind = std::min(offset, share->range.end) - share->range.begin;
  const bool is_first = share->at == 0;
  const Offset reached = share->at + (is_first ? behind : std::max<Offset>(behind, 0));
  // A FIN behind a bounded share closes the virtual stream, too, and has a number of its own.
  const auto& fin_at = tunnels.fin_at[side];
  return reached + (share->has_end() && fin_at && offset > *fin_at ? 1 : 0);
}

bool closes(const Segment& segment) noexcept {
  return (segment.flags() & (tcp_flag::fin | tcp_flag::rst)) != 0;
}

/// What all placements of a segment have in common.
struct Place {
  Side side, peer;
  Range wire;
  std::optional<Offset> acknowledged;  ///< on the wire
};

Placement placement_of(const Tunnels& tunnels, const Place& place, std::size_t conversation) noexcept {
  Placement placement;
  placement.conversation = conversation;
  placement.side = place.side;
  if (place.acknowledged) {
    placement.acknowledged = virtual_offset(tunnels, conversation, place.peer, *place.acknowledged);
  }
  return placement;
}

void place_payload(const Tunnels& tunnels, const Place& place, Range window, std::vector<Placement>& placements) {
  const Range wanted{std::max(place.wire.begin, window.begin), std::min(place.wire.end, window.end)};
  for (const Share& share : tunnels.shares[place.side].list()) {
    const Range piece{std::max(wanted.begin, share.range.begin), std::min(wanted.end, share.range.end)};
    if (piece.begin >= piece.end) continue;
    Placement& placement = placements.emplace_back(placement_of(tunnels, place, share.conversation));
    const Offset begin = share.at + (piece.begin - share.range.begin);
    placement.shown = {begin, begin + piece.end - piece.begin};
    placement.cut = static_cast<std::uint32_t>(piece.begin - place.wire.begin);
    placement.ends_segment = piece.end == place.wire.end;
  }
}

// What closes the parent closes every conversation, and so does what acknowledges that.
void place_close(const Tunnels& tunnels, const Place& place, std::vector<Placement>& placements) {
  const std::size_t with_payload = placements.size();
  for (std::size_t conversation = 0; conversation < tunnels.list.size(); ++conversation) {
    const bool is_placed = with_payload > 0 && placements[with_payload - 1].ends_segment &&
                           placements[with_payload - 1].conversation == conversation;
    if (is_placed) continue;
    Placement placement = placement_of(tunnels, place, conversation);
    const Offset at = std::max<Offset>(virtual_offset(tunnels, conversation, place.side, place.wire.end), 0);
    placement.shown = {at, at};
    placement.cut = static_cast<std::uint32_t>(place.wire.end - place.wire.begin);
    placements.push_back(placement);
  }
}

// A pure acknowledgment belongs to the conversation whose bytes it acknowledges or, by SACK, those behind them.
void place_acknowledgment(const Connection& connection, const Segment& segment, const Place& place,
                          std::vector<Placement>& placements) {
  const Tunnels& tunnels = *connection.tunnels;
  const Shares& shares = tunnels.shares[place.peer];
  const Offset acknowledged = place.acknowledged.value_or(0);
  const auto& fin_at = tunnels.fin_at[place.peer];
  const bool is_of_close = tunnels.list.size() > 1 && segment.length == 0 && fin_at && acknowledged > *fin_at;
  if (is_of_close) return place_close(tunnels, place, placements);
  const Share* share = shares.holding(acknowledged - 1);
  if (share == nullptr) share = shares.holding(acknowledged);
  const bool is_only = tunnels.list.size() == 1;
  if (share == nullptr && !is_only) return;
  Placement& placement =
      placements.emplace_back(placement_of(tunnels, place, share == nullptr ? 0 : share->conversation));
  const Offset at = virtual_offset(tunnels, placement.conversation, place.side, place.wire.begin);
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

Range payload_range(const SequenceSpace& space, const Segment& segment) noexcept {
  const std::uint32_t first = segment.sequence() + (segment.has(tcp_flag::syn) ? 1 : 0);
  const Offset begin = space.offset(first);
  return {begin, begin + segment.length};
}

void place_in_tunnels(Connection& connection, const Segment& segment, Range window,
                      std::vector<Placement>& placements) {
  placements.clear();
  Tunnels& tunnels = *connection.tunnels;
  Place place;
  place.side = connection.side_of(segment.sender);
  place.peer = other(place.side);
  SequenceSpace& own = connection.space[place.side];
  place.wire = payload_range(own, segment);
  own.advance(place.wire.end);
  if (segment.has(tcp_flag::fin)) tunnels.fin_at[place.side] = place.wire.end;
  if (segment.has(tcp_flag::ack)) place.acknowledged = connection.space[place.peer].offset(segment.acknowledgment());

  place_payload(tunnels, place, window, placements);
  const bool is_whole = window.end >= place.wire.end;
  if (closes(segment) && is_whole) place_close(tunnels, place, placements);
  if (placements.empty() && is_whole) place_acknowledgment(connection, segment, place, placements);
}

Translation translation_of(const Connection& connection, const Segment& segment, const Placement& placement,
                           Checksums checksums) noexcept {
  const VirtualConnection& opened = connection.tunnels->list[placement.conversation];
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
  const Share* share = connection.tunnels->shares[peer].before(placement.conversation, acknowledged + 1);
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

void account(Connection& connection, const Segment& segment, const Placement& placement) {
  VirtualConnection& opened = connection.tunnels->list[placement.conversation];
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
    for (const Share& share : connection.tunnels->shares[side].list()) {
      const Range piece{std::max(told, share.range.begin), std::min(wire.end, share.range.end)};
      if (piece.begin >= piece.end) continue;
      add(told, piece.begin, no_tunnel);
      add(piece.begin, piece.end, connection.tunnels->list[share.conversation].attempt.id);
      told = piece.end;
    }
  }
  add(told, wire.end, no_tunnel);
}

}  // namespace proxytunnel
