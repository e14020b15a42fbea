// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about connections that are not decided, or whose payload waits: what is held for them, and
//          until when.
#include <algorithm>
#include <bit>

#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

// Whether what is held may be the head of a forwarded request, which is payload itself, unlike other handshakes.
bool may_hold_head(const Handshaking& work) noexcept {
  if (work.tunnel.state() != TunnelConnection::State::undecided) return work.tunnel.forwards();
  const Bytes first = work.untaken(Side::initiator);
  return !first.empty() && first[0] >= 'A' && first[0] <= 'Z';
}

// Nobody asked for anything so far: in nearly all cases this is no answer of a proxy.
bool is_unasked(const Connection& connection, Side side) noexcept {
  const Handshaking& work = *connection.handshaking;
  const StreamBuffer& client = work.initiator;
  return side == Side::acceptor && work.tunnel.state() == TunnelConnection::State::undecided && client.end() == 0 &&
         !client.has_hole();
}

SkippedEvent skipped_event(const Connection& connection, Side client, std::string_view reason) noexcept {
  return {connection.ends[client], connection.ends[other(client)], reason, connection.parent, connection.first.frame};
}

Offset acknowledged_by(const Segment& segment, const SequenceSpace& theirs) noexcept {
  return segment.has(tcp_flag::ack) && theirs.known() ? theirs.offset(segment.acknowledgment()) : 0;
}

// Whether what a segment acknowledges proves that bytes which wait behind a hole will not be joined by what is missing.
bool tells_of_loss(const Connection& connection, const Segment& segment, Side side) noexcept {
  if (!segment.has(tcp_flag::ack)) return false;
  const StreamBuffer& stream = connection.handshaking->stream(other(side));
  return stream.has_hole() && connection.space[other(side)].offset(segment.acknowledgment()) > stream.end();
}

// Whether nothing can be told any more of where the messages of a direction end: its stream is over, and what there is
// of it is no whole message or has a hole.
bool is_cut_short(const Handshaking& work, Side side) noexcept {
  const auto& fin_at = work.fin_at[side];
  if (!fin_at) return false;
  const StreamBuffer& stream = work.stream(side);
  return stream.end() < *fin_at || (work.tunnel.awaits(side) && !stream.untaken().empty());
}

}  // namespace

void Tracker::feed(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  work.latest[side].remember(segment);
  const Range place = payload_range(connection.space[side], segment);
  if (acknowledged_by(segment, connection.space[other(side)]) > 0) work.acknowledges = true;
  // What waits for the answer to an attempt is no payload yet.
  const bool is_lost = work.tunnel.attempt() == nullptr && tells_of_loss(connection, segment, side);
  const bool is_reset = segment.has(tcp_flag::rst);
  if (segment.has(tcp_flag::fin) && !is_reset) work.fin_at[side] = place.end;
  const bool changes_nothing = segment.length == 0 && !segment.closes();
  if (!connection.tunnels) {
    if (!changes_nothing) advance(connection, segment, side, place, outcome);
    return;
  }
  if (is_lost || (is_reset && work.has_more())) {
    give_up_framing(connection, segment.frame, outcome);
  } else if (!changes_nothing && !is_reset && place.end > work.taken(side)) {
    advance(connection, segment, side, place, outcome);
    return;
  }
  show(connection, segment, VirtualKind::translated, everything, outcome);
  if (connection.handshaking && is_cut_short(work, side)) give_up_framing(connection, segment.frame, outcome);
}

void Tracker::advance(Connection& connection, const Segment& segment, Side side, Range place, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  if (connection.remains && segment.ticket == 0) connection.remains->stayed[side].add(place);  // it left already
  const bool is_too_much = is_unasked(connection, side) &&
                           (work.held.size() >= limits::held_answers || work.kept() > limits::held_answer_bytes);
  if (is_too_much) {
    work.lost[side].add(place);
    // What was held so far is not worth that others wait for it any longer.
    if (connection.remains) connection.remains->stayed[side].add({work.taken(side), place.end});
    return;
  }
  const Said said{stamp_of(segment.frame), acknowledged_by(segment, connection.space[other(side)]),
                  work.stream(other(side)).end()};
  if (!work.stream(side).insert(place.begin, segment.payload, said)) work.overflowed = true;
  const std::size_t told = outcome.events.size();
  const PerSide<Offset> shown = work.taken();
  const auto state = work.tunnel.advance(work, context(outcome));
  open_forwarded(connection, shown, segment.frame, outcome);
  note_events(connection, told, outcome.events);
  if (state == TunnelConnection::State::open || open_unanswered(connection, outcome)) {
    open(connection, segment, outcome);
    return;
  }
  if (state == TunnelConnection::State::relay) {
    begin_association(connection, outcome);
    return;
  }
  if (connection.tunnels) {
    show_held(connection, work.held.release(work.taken()), segment.frame, outcome);
    show(connection, segment, VirtualKind::translated, {everything.begin, work.taken(side)}, outcome);
  }
  if (state == TunnelConnection::State::over) {
    const std::unique_ptr<Handshaking> over = take_handshaking(connection);
    connection.phase = connection.tunnels ? Phase::open : Phase::passed;
    const Side client = over->tunnel.client();
    if (over->tunnel.is_refused()) connection.refusal.emplace(Refusal{client, over->stream(client).end()});
    return;
  }
  hold(connection, segment, side, place, outcome);
}

// A client that was refused has nothing more to say; one that goes on may have been told otherwise than the capture
// shows.
void Tracker::see_after_refusal(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  const Refusal& refusal = *connection.refusal;
  if (side != refusal.client || segment.length == 0) return;
  if (payload_range(connection.space[side], segment).end <= refusal.end) return;
  outcome.events.emplace_back(skipped_event(connection, side, payload_after_refusal));
  connection.refusal.reset();
}

// The capture lacks the answer, but not what followed it.
bool Tracker::open_unanswered(Connection& connection, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  const auto state = work.tunnel.state();
  const bool is_waiting = state == TunnelConnection::State::handshake || state == TunnelConnection::State::undecided;
  const StreamBuffer& server = work.stream(other(work.tunnel.client()));
  return is_waiting && server.has_hole() && work.tunnel.open_unanswered(work, server.hole(), context(outcome));
}

void Tracker::hold(Connection& connection, const Segment& segment, Side side, Range place, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  for (const Side each : {Side::initiator, Side::acceptor}) {
    const bool all_handshake = work.tunnel.waits_for(each);
    work.held.forget(each, all_handshake ? work.stream(each).end() : work.taken(each));
    const Range begun{work.taken(each), work.stream(each).end()};
    if (all_handshake && connection.remains) connection.remains->stayed[each].add(begun);
  }
  const Offset needed_from = work.tunnel.waits_for(side) ? work.stream(side).end() : work.taken(side);
  const bool is_shown = connection.tunnels && place.end <= work.taken(side);
  const bool to_keep = !is_shown && (segment.closes() || place.end > needed_from);
  const std::size_t most = may_hold_head(work) ? limits::held_head_segments : limits::held_segments;
  if (to_keep && !work.held.hold(segment, side, place, work.taken(side), most)) work.lost[side].add(place);
  if (!connection.tunnels) return;
  const bool is_stuck = work.overflowed || work.lost[side].size() > 0 || is_cut_short(work, side);
  if (is_stuck) give_up_framing(connection, segment.frame, outcome);
}

// Bytes are missing without which nobody can tell where a message ends, or too much had to wait for them. What follows
// is shown where the latest bytes of its direction went: most clients keep one connection for each origin.
void Tracker::give_up_framing(Connection& connection, const Frame& frame, Outcome& outcome) {
  const std::unique_ptr<Handshaking> work = take_handshaking(connection);
  connection.phase = Phase::open;
  Tunnels& tunnels = *connection.tunnels;
  const bool is_forward = work->tunnel.attempt() == nullptr;
  if (!is_forward) {
    note_losses(*work, *work->tunnel.attempt());
    work->tunnel.conclude(*work, context(outcome));
    return;
  }
  for (const Side side : {Side::initiator, Side::acceptor}) {
    if (work->taken(side) >= Share::no_end) continue;
    VirtualConnection& heir = tunnels.owner_of_latest(side);
    heir.attempt.note("framing-lost");
    add_share({side, {work->taken(side), Share::no_end}, heir.attempt.id}, *work, work->taken(side), tunnels,
              remains_of(connection));
  }
  show_held(connection, work->held.release(), frame, outcome);
}

// The connection brings its handshake nothing more.
void Tracker::conclude(Connection& connection, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  if (Attempt* attempt = work.tunnel.attempt()) note_losses(work, *attempt);
  work.tunnel.conclude(work, context(outcome));
  // A request that only the end proves opens nothing any more.
  for (Forwarded& late : work.tunnel.take_forwarded()) {
    late.attempt.status = Status::incomplete;
    outcome.events.emplace_back(RequestedEvent{late.attempt});
    outcome.events.emplace_back(EndedEvent{std::move(late.attempt)});
  }
  static_cast<void>(take_handshaking(connection));
  connection.phase = connection.tunnels ? Phase::open : Phase::passed;
}

// What a connection keeps is counted, and its place among those that keep something follows from it.
void Tracker::count_held(Connection& connection) {
  Handshaking& work = *connection.handshaking;
  const std::size_t kept = work.kept();
  held_ += kept - work.counted;
  work.counted = kept;
  constexpr std::size_t little = 4096;  // below, all are alike
  const int rank = kept == 0 ? 0 : static_cast<int>(std::bit_width(std::max(kept, little)));
  if (rank == work.rank) return;
  if (work.rank != 0) waiting_.erase({-work.rank, work.since});
  if (rank != 0) waiting_.emplace(std::pair(-rank, work.since), connection.key());
  work.rank = rank;
}

std::unique_ptr<Handshaking> Tracker::take_handshaking(Connection& connection) {
  std::unique_ptr<Handshaking> work = connection.handshaking.take();
  held_ -= work->counted;
  if (work->rank != 0) waiting_.erase({-work->rank, work->since});
  connection.protocol = work->tunnel.protocol();
  if (!connection.protocol) connection.account.reset();
  return work;
}

// Those that keep most go first, and among them the oldest, so that there is always room for what begins.
void Tracker::relieve(const Frame& frame, Outcome& outcome) {
  while (held_ > limits::held_bytes_total) {
    const ConnectionKey key = waiting_.begin()->second;
    give_way(*table_of(key).find(key), frame, outcome);
  }
}

void Tracker::give_way(Connection& connection, const Frame& frame, Outcome& outcome) {
  ++counters_.gave_way;
  if (connection.tunnels) {
    give_up_framing(connection, frame, outcome);
    if (connection.remains) settle(connection, outcome);
    return;
  }
  const bool may_be_session = connection.handshaking->initiator.end() > 0;
  const std::size_t told = outcome.events.size();
  conclude(connection, outcome);
  if (connection.remains) settle(connection, outcome);
  bool is_told = false;
  for (std::size_t i = told; i < outcome.events.size(); ++i) {
    auto* ended = std::get_if<EndedEvent>(&outcome.events[i]);
    if (ended == nullptr) continue;
    ended->attempt.note("gave-way");
    is_told = true;
  }
  if (!may_be_session || is_told) return;
  constexpr std::string_view reason = "it gave way to others before it was decided";
  outcome.events.emplace_back(skipped_event(connection, Side::initiator, reason));
}

}  // namespace proxytunnel
