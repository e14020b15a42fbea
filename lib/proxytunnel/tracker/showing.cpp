// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about virtual conversations: how they open, and how segments are shown in them.
#include <algorithm>
#include <set>

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
  const std::unique_ptr<Handshaking> work = take_handshaking(connection);
  connection.phase = Phase::open;
  if (!connection.tunnels) connection.tunnels.emplace();
  VirtualConnection& opened = add_tunnel(*work, *connection.tunnels, remains_of(connection));
  begin_conversation(connection, opened, work->latest, segment.frame, outcome);
  show_held(connection, work->held.release(), segment.frame, outcome);
  show(connection, segment, VirtualKind::translated, everything, outcome);
}

// Tunnels of forwarded requests, and whose the bytes are that were understood. `shown`: what was understood before.
void Tracker::open_forwarded(Connection& connection, PerSide<Offset> shown, const Frame& frame, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  for (Forwarded& forwarded : work.tunnel.take_forwarded()) {
    if (!connection.tunnels) connection.tunnels.emplace();
    VirtualConnection& opened = add_forwarded(std::move(forwarded), work.tunnel.client(), *connection.tunnels);
    ++forwarded_;
    begin_conversation(connection, opened, work.latest, frame, outcome);
  }
  for (const Claim& claim : work.tunnel.take_claims()) {
    add_share(claim, work, shown[claim.side], *connection.tunnels, remains_of(connection));
  }
  const bool is_pressed = forwarded_ > limits::forwarded && connection.tunnels &&
                          connection.tunnels->list.size() > limits::forwarded_per_connection;
  if (is_pressed) let_go_of_idle(connection, shown, frame, outcome);
}

// Half of the conversations of a connection that has many, those that were not used for longest. One that still has
// bytes to come, or that were not shown yet, is not idle.
void Tracker::let_go_of_idle(Connection& connection, PerSide<Offset> shown, const Frame& frame, Outcome& outcome) {
  Tunnels& tunnels = *connection.tunnels;
  std::set<TunnelId> busy;
  for (const Side side : {Side::initiator, Side::acceptor}) {
    const Shares& shares = tunnels.shares[side];
    auto share = shares.behind(std::min(shown[side], connection.space[side].latest()));
    for (; share != shares.list().end(); ++share) busy.insert(share->tunnel);
    if (!shares.list().empty()) busy.insert(shares.list().back().tunnel);
  }
  std::vector<std::pair<FrameNumber, TunnelId>> idle;
  for (const auto& [id, opened] : tunnels.list) {
    if (!busy.contains(id)) idle.emplace_back(opened.attempt.last, id);
  }
  std::sort(idle.begin(), idle.end());
  idle.resize(std::min(idle.size(), tunnels.list.size() / 2));
  for (const auto& [last, id] : idle) {
    VirtualConnection& opened = tunnels.list.at(id);
    opened.attempt.note("gave-way");
    for (const Side side : {Side::initiator, Side::acceptor}) {
      opened.attempt.payload[opened.direction(side)].finished(opened.size[side]);  // late bytes of it are not shown
    }
    connection.handshaking->tunnel.forget(opened.attempt);
    end_conversation(opened, frame, outcome);
    tunnels.list.erase(id);
  }
}

void Tracker::begin_conversation(Connection& connection, VirtualConnection& opened, const PerSide<LatestHeader>& latest,
                                 const Frame& frame, Outcome& outcome) {
  Attempt& attempt = opened.attempt;
  attempt.origin = origin_of(attempt, {names_, synthetic_});
  if (attempt.target) take_known_origin(attempt, 0, *attempt.target, *attempt.origin);
  set_ends(opened);
  opened.path = path_of_tunnel(connection.path, opened.base[opened.client], opened.base[other(opened.client)]);
  if (!is_of_requests(attempt.protocol)) take_over(*connection.tunnels, opened);
  if (connection.layer >= options_.layers) {
    attempt.note("layer-limit");
    opened.shown = false;
  } else {
    claim_tuple(opened);
  }
  if (attempt.protocol == Protocol::http_forward) of_requests_.insert(attempt.id);
  ++counters_.tunnels;
  const Family family = family_of(attempt.protocol);
  const bool is_balancer = family == Family::proxy_protocol || family == Family::http_forwarded;
  if (!is_balancer) proxies_.add(attempt.proxy);
  outcome.events.emplace_back(OpenedEvent{attempt});
  if (!opened.shown) return;
  // The same for all conversations that open at one frame.
  for (const Side side : {Side::initiator, Side::acceptor}) {
    if (outcome.packets.empty()) outcome.envelopes[side] = latest[side].envelope;
  }
  synthesize_opening(connection, opened, latest, frame, outcome);
}

// A tunnel to where requests of the same connection went before takes over from them.
void Tracker::take_over(Tunnels& tunnels, const VirtualConnection& opened) {
  const ConnectionKey tuple = tuple_of(opened);
  for (auto& [id, before] : tunnels.list) {
    if (&before == &opened || before.superseded || tuple_of(before) != tuple) continue;
    release_tuple(before);
    before.superseded = true;
  }
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
      packet.carried_in = stamp_of(segment.frame).frame;
      if (!opens_here(packet.tunnel, outcome)) packet.frame.number = frame.number;
    }
  }
}

void Tracker::show(Connection& connection, const Segment& segment, VirtualKind kind, Range window, Outcome& outcome) {
  if (connection.remains && segment.ticket == 0) return;  // it left already, as it was
  place_in_tunnels(connection, segment, window, placements_);
  for (const Placement& placement : placements_) {
    VirtualConnection& opened = *placement.opened;
    if (segment.frame.vlan != connection.vlan) opened.attempt.note("several-vlans");
    account(segment, placement);
    if (!opened.shown || !placement.worth_showing) continue;
    VirtualPacket& result = outcome.add_packet();
    result.kind = kind;
    result.tunnel = opened.attempt.id;
    result.layer = opened.attempt.layer;
    result.direction = opened.direction(placement.side);
    result.offset = placement.shown.begin;
    result.path = opened.path;
    if (segment.frame.carried_in != 0) {
      result.kind = VirtualKind::held;
      result.carried_in = segment.frame.carried_in;
    }
    translate(segment, translation_of(connection, segment, placement, options_.checksums), result);
    note_shown(opened.attempt, result);
  }
}

// Where the ends are those of another conversation that is alive, or nobody tells the client's port, a synthetic one
// stands for it: shown they are in any case.
void Tracker::claim_tuple(VirtualConnection& opened) {
  Attempt& attempt = opened.attempt;
  const Endpoint own = opened.ends[opened.client];
  const auto is_usable = [&] {
    return (attempt.virtual_client || attempt.knows_client_port()) && is_free(tuple_of(opened));
  };
  for (unsigned turn = 0; !is_usable() && turn < limits::synthetic_ports; ++turn) {
    attempt.virtual_client = Endpoint{own.address.unmapped(), synthetic_port(attempt, turn)};
    set_ends(opened);
  }
  tuples_.emplace(tuple_of(opened), attempt.id);
  if (attempt.virtual_client) own_clients_.emplace(attempt.id, attempt.client);
}

bool Tracker::is_free(const ConnectionKey& tuple) const noexcept {
  if (tuples_.contains(tuple)) return false;
  const Connection* real = table_.find(tuple);
  return real == nullptr || !real->is_alive();
}

void Tracker::release_tuple(const VirtualConnection& opened) {
  const auto owner = tuples_.find(tuple_of(opened));
  if (owner != tuples_.end() && owner->second == opened.attempt.id) tuples_.erase(owner);
}

}  // namespace proxytunnel
