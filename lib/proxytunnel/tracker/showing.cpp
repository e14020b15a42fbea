// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about virtual conversations: how they open, and how segments are shown in them.
#include <algorithm>

#include "base/layer_path.hpp"
#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

bool opens_here(TunnelId tunnel, const Outcome& outcome) {
  return std::any_of(outcome.packets.begin(), outcome.packets.end(), [tunnel](const VirtualPacket& packet) {
    return packet.kind == VirtualKind::syn && packet.tunnel == tunnel;
  });
}

}  // namespace

// The handshake is over: everything behind it is the tunnel's.
void Tracker::open(Connection& connection, const Segment& segment, Outcome& outcome) {
  const std::unique_ptr<Handshaking> work = std::move(connection.handshaking);
  connection.phase = Phase::open;
  if (!connection.tunnels) connection.tunnels = std::make_unique<Tunnels>();
  add_tunnel(*work, *connection.tunnels);
  begin_conversation(connection, connection.tunnels->list.back(), work->latest, segment.frame, outcome);
  show_held(connection, work->held.release(), segment.frame, outcome);
  show(connection, segment, VirtualKind::translated, everything, outcome);
}

// Tunnels of forwarded requests, and whose the bytes are that were understood.
void Tracker::open_forwarded(Connection& connection, const Frame& frame, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  for (Forwarded& forwarded : work.tunnel.take_forwarded()) {
    if (!connection.tunnels) connection.tunnels = std::make_unique<Tunnels>();
    add_forwarded(std::move(forwarded), work.tunnel.client(), *connection.tunnels);
    begin_conversation(connection, connection.tunnels->list.back(), work.latest, frame, outcome);
  }
  for (const Claim& claim : work.tunnel.take_claims()) add_share(claim, work, *connection.tunnels);
}

void Tracker::begin_conversation(Connection& connection, VirtualConnection& opened, const PerSide<LatestHeader>& latest,
                                 const Frame& frame, Outcome& outcome) {
  Attempt& attempt = opened.attempt;
  attempt.origin = origin_of(attempt, {names_, synthetic_});
  set_ends(opened);
  opened.path = path_of_tunnel(connection.path, opened.base[opened.client], opened.base[other(opened.client)]);
  // A tunnel to where requests of the same connection went before takes over from them.
  for (VirtualConnection& before : connection.tunnels->list) {
    const bool gives_way = &before != &opened && before.shown && tuple_of(before) == tuple_of(opened);
    if (!gives_way) continue;
    release_tuple(before);
    before.shown = false;
  }
  if (connection.layer >= options_.layers) {
    attempt.note("layer-limit");
    opened.shown = false;
  } else if (tuple_in_use(opened)) {
    attempt.note("tuple-in-use");
    opened.shown = false;
  }
  ++counters_.tunnels;
  outcome.events.emplace_back(OpenedEvent{attempt});
  if (!opened.shown) return;
  tuples_.emplace(tuple_of(opened), attempt.id);
  // The same for all conversations that open at one frame.
  for (const Side side : {Side::initiator, Side::acceptor}) {
    if (outcome.packets.empty()) outcome.envelopes[side] = latest[side].envelope;
  }
  synthesize_opening(connection, opened, latest, frame, outcome);
}

void Tracker::show_held(Connection& connection, std::vector<Held> held, const Frame& frame, Outcome& outcome) {
  const std::size_t first = outcome.released.size();
  for (Held& each : held) outcome.released.push_back(std::move(each));
  for (std::size_t i = first; i < outcome.released.size(); ++i) {
    Segment segment = outcome.released[i].segment();
    const bool is_earlier = segment.frame.number != frame.number;
    segment.frame.time = frame.time;
    const std::size_t shown = outcome.packets.size();
    show(connection, segment, is_earlier ? VirtualKind::held : VirtualKind::translated, outcome.released[i].window(),
         outcome);
    if (!is_earlier) continue;
    for (std::size_t k = shown; k < outcome.packets.size(); ++k) {
      VirtualPacket& packet = outcome.packets[k];
      packet.carried_in = segment.frame.number;
      if (!opens_here(packet.tunnel, outcome)) packet.frame.number = frame.number;
    }
  }
}

void Tracker::show(Connection& connection, const Segment& segment, VirtualKind kind, Range window, Outcome& outcome) {
  place_in_tunnels(connection, segment, window, placements_);
  for (const Placement& placement : placements_) {
    VirtualConnection& opened = connection.tunnels->list[placement.conversation];
    if (segment.frame.network != connection.network) opened.attempt.note("several-vlans");
    account(connection, segment, placement);
    if (!opened.shown || !placement.worth_showing) continue;
    VirtualPacket& result = outcome.packets.emplace_back();
    result.kind = kind;
    result.tunnel = opened.attempt.id;
    result.layer = opened.attempt.layer;
    result.direction = opened.direction(placement.side);
    result.offset = placement.shown.begin;
    result.path = opened.path;
    translate(segment, translation_of(connection, segment, placement, options_.checksums), result);
  }
}

// Bytes are missing without which nobody can tell where a message ends, or too much had to wait for them. What follows
// is shown where the latest bytes of its direction went: most clients keep one connection for each origin.
void Tracker::give_up_framing(Connection& connection, const Frame& frame, Outcome& outcome) {
  const std::unique_ptr<Handshaking> work = std::move(connection.handshaking);
  connection.phase = Phase::open;
  Tunnels& tunnels = *connection.tunnels;
  const bool is_forward = work->tunnel.attempt() == nullptr;
  if (!is_forward) {
    note_losses(*work, *work->tunnel.attempt());
    work->tunnel.conclude(*work, context(outcome));
    return;
  }
  for (const Side side : {Side::initiator, Side::acceptor}) {
    const auto& shares = tunnels.shares[side].list();
    const std::size_t conversation = shares.empty() ? tunnels.list.size() - 1 : shares.back().conversation;
    VirtualConnection& heir = tunnels.list[conversation];
    if (work->taken(side) >= Share::no_end) continue;
    heir.attempt.note("framing-lost");
    add_share({side, {work->taken(side), Share::no_end}, heir.attempt.id}, *work, tunnels);
  }
  show_held(connection, work->held.release(), frame, outcome);
}

bool Tracker::tuple_in_use(const VirtualConnection& opened) {
  const ConnectionKey key = tuple_of(opened);
  if (tuples_.contains(key)) return true;
  const Connection* real = table_.find(key);
  return real != nullptr && !real->closed();
}

void Tracker::release_tuple(const VirtualConnection& opened) {
  const auto owner = tuples_.find(tuple_of(opened));
  if (owner != tuples_.end() && owner->second == opened.attempt.id) tuples_.erase(owner);
}

}  // namespace proxytunnel
