// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one door: which connection a segment belongs to, and what becomes of it there.
// spec: RFC 9293 section 3.5 (opening), 3.6 (closing)
#include "tracker/tracker.hpp"

#include <algorithm>

#include "names/dns.hpp"
#include "tracker/opening.hpp"
#include "tracker/translation.hpp"

namespace proxytunnel {
namespace {

constexpr std::uint16_t dns_port = 53;

Stamp stamp_of(const Segment& segment) noexcept {
  return {segment.frame.number, segment.frame.time};
}

bool closes(const Segment& segment) noexcept {
  return (segment.flags() & (tcp_flag::fin | tcp_flag::rst)) != 0;
}

void swap_sides(Connection& connection) noexcept {
  const auto swap = [](auto& pair) { std::swap(pair[Side::initiator], pair[Side::acceptor]); };
  swap(connection.ends);
  swap(connection.space);
  swap(connection.syn);
  swap(connection.syn_seen);
  swap(connection.fin_seen);
}

// Where no SYN tells the first sequence number, the first payload seen does, and the acknowledgment that it carries
// for the other side. Earlier payload that comes late moves the start back as long as nothing was made of it.
void place(Connection& connection, const Segment& segment, Side side) noexcept {
  if (segment.has(tcp_flag::rst)) return;
  SequenceSpace& own = connection.space[side];
  const bool untouched = connection.phase == Phase::fresh && !connection.syn_seen[side];
  if (!own.known() || (untouched && own.offset(segment.sequence()) < 0)) own.start(segment.sequence());
  SequenceSpace& peer = connection.space[other(side)];
  if (!peer.known() && segment.has(tcp_flag::ack)) peer.start(segment.acknowledgment());
}

// Payload that cannot be of a connection that was closed: its ports were used again, and the capture lacks the SYN.
bool is_of_another(const Connection& connection, const Segment& segment) noexcept {
  if (!connection.closed() || segment.length == 0 || segment.has(tcp_flag::syn) || segment.has(tcp_flag::rst)) {
    return false;
  }
  const SequenceSpace& space = connection.space[connection.side_of(segment.sender)];
  if (!space.known()) return false;
  const Offset ahead = space.offset(segment.sequence()) - space.latest();
  return ahead > limits::late_payload || ahead < -limits::largest_window;
}

// Each connection on the wire carries one tunnel inside another at most.
std::size_t most_inside(const TrackerOptions& options) noexcept {
  return options.connections * (limits::layers + 1);
}

void tell_progress(const Connection& connection, const Segment& segment, Outcome& outcome) noexcept {
  if (connection.phase == Phase::open) {
    outcome.progress = Progress::open;
    outcome.tunnel = connection.open->attempt.id;
    const Side side = connection.side_of(segment.sender);
    const Offset begin = payload_range(connection.space[side], segment).begin;
    const Offset cut = std::clamp<Offset>(connection.open->base[side] - begin, 0, segment.length);
    outcome.handshake_bytes = static_cast<std::uint32_t>(cut);
  } else if (connection.phase != Phase::passed) {
    const bool attempted = connection.handshaking && connection.handshaking->tunnel.attempted();
    outcome.progress = attempted ? Progress::handshake : Progress::undecided;
    outcome.handshake_bytes = segment.length;
  }
}

}  // namespace

Tracker::Tracker(const TrackerOptions& options)
    : options_(options),
      table_(options.connections, options.hash_seed),
      inside_(most_inside(options), options.hash_seed),
      names_(options.synthetic4, options.synthetic6),
      synthetic_(options.synthetic4, options.synthetic6),
      tuples_(64, KeyHash{options.hash_seed}),
      next_id_(options.first_id) {}

void Tracker::segment(const Segment& segment, Outcome& outcome) noexcept {
  outcome.clear();
  if (segment.sender == segment.receiver) return;
  auto& table = segment.parent == no_tunnel ? table_ : inside_;
  const auto [found, is_new] =
      table.find_or_insert(ConnectionKey::of(segment.sender, segment.receiver, segment.parent), [&](Connection& idle) {
        end(idle, outcome);
        ++counters_.dropped_connections;
      });
  Connection& connection = *found;
  if (is_new) begin(connection, segment);
  if (is_of_another(connection, segment)) {
    end(connection, outcome);
    begin(connection, segment);
  }
  if (segment.has(tcp_flag::syn)) see_syn(connection, segment, outcome);
  const bool speaks = segment.length > 0;
  if (connection.phase == Phase::fresh && speaks && !connection.syn_seen[Side::initiator] &&
      !connection.syn_seen[Side::acceptor] && connection.side_of(segment.sender) == Side::acceptor) {
    swap_sides(connection);  // without a SYN, who speaks first is taken for the initiator
  }
  const Side side = connection.side_of(segment.sender);
  place(connection, segment, side);
  switch (connection.phase) {
    case Phase::fresh:
      if (!speaks) break;
      connection.handshaking = std::make_unique<Handshaking>(
          connection.ends, TunnelParent{connection.parent, connection.layer}, connection.first, held_budget_);
      connection.phase = Phase::handshaking;
      [[fallthrough]];
    case Phase::handshaking:
      feed(connection, segment, side, outcome);
      break;
    case Phase::open:
      show(connection, segment, VirtualKind::translated, outcome);
      break;
    case Phase::passed:
      break;
  }
  if (closes(segment)) see_close(connection, segment, side);
  tell_progress(connection, segment, outcome);
}

void Tracker::begin(Connection& connection, const Segment& segment) {
  connection = Connection();
  const bool from_acceptor = segment.has(tcp_flag::syn | tcp_flag::ack);
  connection.ends = from_acceptor ? PerSide<Endpoint>(segment.receiver, segment.sender)
                                  : PerSide<Endpoint>(segment.sender, segment.receiver);
  connection.first = stamp_of(segment);
  connection.network = segment.frame.network;
  connection.parent = segment.parent;
  connection.layer = segment.layer;
  if (segment.parent != no_tunnel) return;
  ++counters_.connections;
  synthetic_.occurs(segment.sender.address);
  synthetic_.occurs(segment.receiver.address);
}

// A SYN repeats the known one, completes what was seen without one (lost or reordered), or begins a new connection on
// the same ports.
void Tracker::see_syn(Connection& connection, const Segment& segment, Outcome& outcome) {
  const bool is_answer = segment.has(tcp_flag::ack);
  const Side speaker = is_answer ? Side::acceptor : Side::initiator;
  const std::uint32_t first = segment.sequence() + 1;
  const auto fits = [&](Side side, std::uint32_t start) {
    return !connection.space[side].known() || connection.space[side].sequence(0) == start;
  };
  // What a SYN carried may be acknowledged with it (RFC 7413).
  const SequenceSpace& asked = connection.space[Side::initiator];
  const Offset answered = asked.offset(segment.acknowledgment());
  const bool answers = !asked.known() || (answered >= 0 && answered <= asked.latest());
  const bool same = fits(speaker, first) && (!is_answer || answers);
  const bool as_known = connection.side_of(segment.sender) == speaker;
  if (!as_known || !same) {
    // An answer to another SYN than the one that was seen is a stray as long as nothing was said.
    const bool stray =
        is_answer && as_known && connection.phase == Phase::fresh && connection.syn_seen[Side::initiator];
    if (stray) return;
    end(connection, outcome);
    begin(connection, segment);
  }
  if (connection.syn_seen[speaker]) return;
  connection.syn_seen[speaker] = true;
  connection.syn[speaker] = read_syn_options(segment);
  if (!connection.space[speaker].known()) connection.space[speaker].start(first);
  if (is_answer && !connection.space[Side::initiator].known()) {
    connection.space[Side::initiator].start(segment.acknowledgment());
  }
}

void Tracker::see_close(Connection& connection, const Segment& segment, Side side) {
  const bool before = connection.closed();
  if (segment.has(tcp_flag::rst)) connection.reset = true;
  if (segment.has(tcp_flag::fin)) connection.fin_seen[side] = true;
  if (before || !connection.closed()) return;
  if (Attempt* attempt = connection.attempt()) attempt->closed = stamp_of(segment);
  if (connection.open) release_tuple(*connection.open);
}

void Tracker::feed(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  work.latest[side].remember(segment);
  const bool changes_nothing = segment.length == 0 && !closes(segment);
  if (changes_nothing) return;
  SequenceSpace& space = connection.space[side];
  const Range place = payload_range(space, segment);
  space.advance(place.end);
  const bool to_keep = closes(segment) || place.end > work.taken(side);
  const bool kept = to_keep && work.held.hold(segment, side, place);
  const bool buffered = work.stream(side).insert(place.begin, segment.payload, stamp_of(segment));
  if (!buffered) work.overflowed = true;

  const auto state = work.tunnel.advance(work, options_.disabled, next_id_, outcome.events);
  if (state == TunnelConnection::State::over) {
    connection.handshaking.reset();
    connection.phase = Phase::passed;
    return;
  }
  if (state == TunnelConnection::State::open) {
    open(connection, segment.frame, outcome);
    if (to_keep && !kept) show(connection, segment, VirtualKind::translated, outcome);
    return;
  }
  if (to_keep && !kept) work.lost[side].add(place);
  for (const Side each : {Side::initiator, Side::acceptor}) {
    const bool all_handshake = work.tunnel.waits_for(each);
    work.held.forget(each, all_handshake ? work.stream(each).end() : work.taken(each));
  }
}

void Tracker::open(Connection& connection, const Frame& frame, Outcome& outcome) {
  const std::unique_ptr<Handshaking> work = std::move(connection.handshaking);
  connection.phase = Phase::open;
  connection.open = make_virtual_connection(*work);
  VirtualConnection& opened = *connection.open;
  Attempt& attempt = opened.attempt;
  attempt.origin = choose_origin(attempt, {names_, synthetic_});
  set_ends(opened);
  if (connection.layer >= options_.layers) {
    attempt.note("layer-limit");
    opened.shown = false;
  } else if (tuple_in_use(opened)) {
    attempt.note("tuple-in-use");
    opened.shown = false;
  }
  ++counters_.tunnels;
  outcome.events.emplace_back(OpenedEvent{attempt});
  if (opened.shown) {
    tuples_.emplace(tuple_of(opened), attempt.id);
    synthesize_opening(connection, work->latest, frame, outcome);
  }
  outcome.released = work->held.release();
  for (const Held& held : outcome.released) {
    Segment segment = held.segment();
    const bool earlier = segment.frame.number != frame.number;
    segment.frame.time = frame.time;
    show(connection, segment, earlier ? VirtualKind::held : VirtualKind::translated, outcome);
  }
}

void Tracker::show(Connection& connection, const Segment& segment, VirtualKind kind, Outcome& outcome) {
  VirtualConnection& opened = *connection.open;
  if (segment.frame.network != connection.network) opened.attempt.note("several-vlans");
  const Placement placement = place_in_tunnel(connection, segment);
  account(opened, segment, placement);
  if (!opened.shown || !placement.worth_showing) return;
  VirtualSegment& result = outcome.segments.emplace_back();
  result.kind = kind;
  result.tunnel = opened.attempt.id;
  result.layer = opened.attempt.layer;
  result.direction = opened.direction(placement.side);
  result.offset = placement.shown.begin;
  translate(segment, translation_of(connection, segment, placement, options_.checksums), result);
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

// The virtual conversation is a connection of its own, and lives no longer than its tunnel.
void Tracker::end_inside(const VirtualConnection& opened, Outcome& outcome) {
  const ConnectionKey key =
      ConnectionKey::of(opened.ends[Side::initiator], opened.ends[Side::acceptor], opened.attempt.id);
  Connection* inside = inside_.find(key);
  if (inside == nullptr) return;
  end(*inside, outcome);
  inside_.erase(key);
}

void Tracker::end(Connection& connection, Outcome& outcome) {
  if (connection.handshaking) {
    Handshaking& work = *connection.handshaking;
    if (Attempt* attempt = work.tunnel.attempt()) note_losses(work, *attempt);
    work.tunnel.conclude(work, options_.disabled, next_id_, outcome.events);
  }
  if (connection.open) {
    end_inside(*connection.open, outcome);
    release_tuple(*connection.open);
    note_overflow(connection.open->attempt);
    outcome.events.emplace_back(EndedEvent{std::move(connection.open->attempt)});
  }
  connection.handshaking.reset();
  connection.open.reset();
  connection.phase = Phase::passed;
}

void Tracker::finish(Outcome& outcome) noexcept {
  outcome.clear();
  table_.each([&](Connection& connection) { end(connection, outcome); });
  table_ = ConnectionTable<Connection>(options_.connections, options_.hash_seed);
  inside_ = ConnectionTable<Connection>(most_inside(options_), options_.hash_seed);
  tuples_.clear();
}

void Tracker::addresses_occur(const Datagram& datagram) noexcept {
  synthetic_.occurs(datagram.sender.address);
  synthetic_.occurs(datagram.receiver.address);
}

void Tracker::learn(const Datagram& datagram) noexcept {
  if (!options_.names_from_capture || datagram.sender.port != dns_port) return;
  learn_names(datagram, names_);
}

}  // namespace proxytunnel
