// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one door: which connection a segment belongs to, and what becomes of it there.
// spec: RFC 9293 section 3.5 (opening), 3.6 (closing)
#include "tracker/tracker.hpp"

#include <algorithm>

#include "names/dns.hpp"
#include "synth/packetize.hpp"

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

// Whether what is held may be the head of a forwarded request, which is payload itself, unlike other handshakes.
bool may_hold_head(const Handshaking& work) noexcept {
  if (work.tunnel.state() != TunnelConnection::State::undecided) return work.tunnel.forwards();
  const Bytes first = work.untaken(Side::initiator);
  return !first.empty() && first[0] >= 'A' && first[0] <= 'Z';
}

// What a message means for a conversation that is open already: those of forwarded requests go on asking.
void note_message(const MessageEvent& said, Tunnels& tunnels) {
  const auto opened = std::find_if(tunnels.list.begin(), tunnels.list.end(),
                                   [&said](const VirtualConnection& each) { return each.attempt.id == said.attempt; });
  if (opened == tunnels.list.end()) return;
  Attempt& attempt = opened->attempt;
  attempt.note(said.message.anomaly);
  if (said.message.credentials.username && !attempt.credentials.username)
    attempt.credentials = said.message.credentials;
  const bool is_answer = said.message.kind == MessageKind::http_forward_response && said.message.reply_code >= 200;
  if (is_answer && attempt.reply.frame == 0) {
    attempt.reply = said.stamp;
    attempt.reply_code = said.message.reply_code;
  }
}

// Each connection on the wire carries one tunnel inside another at most.
std::size_t most_inside(const TrackerOptions& options) noexcept {
  return options.connections * (limits::layers + 1);
}

void tell_progress(const Connection& connection, const Segment& segment, Outcome& outcome) {
  if (connection.phase == Phase::passed) return;
  const bool attempted = connection.handshaking && connection.handshaking->tunnel.attempted();
  if (connection.tunnels) {
    outcome.progress = Progress::open;
  } else {
    const bool is_session = attempted || connection.phase == Phase::relaying;
    outcome.progress = is_session ? Progress::handshake : Progress::undecided;
  }
  tell_parts(connection, segment, outcome.parts);
}

}  // namespace

Tracker::Tracker(const TrackerOptions& options)
    : options_(options),
      table_(options.connections, options.hash_key),
      inside_(most_inside(options), options.hash_key),
      names_(options.synthetic4, options.synthetic6),
      synthetic_(options.synthetic4, options.synthetic6),
      tuples_(64, ConnectionKeyHash{options.hash_key}),
      associations_(options.connections),
      next_id_(options.first_id) {}

void Tracker::segment(const Segment& segment, Outcome& outcome) noexcept {
  outcome.clear();
  put(segment, outcome);
}

void Tracker::put(const Segment& segment, Outcome& outcome) {
  if (segment.sender == segment.receiver) return;
  const ConnectionKey key = ConnectionKey::of(segment.sender, segment.receiver, segment.parent, segment.decrypted);
  const auto [found, is_new] = table_of(key).find_or_insert(key, [&](Connection& idle) {
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
          connection.ends, TunnelParent{connection.parent, connection.layer, connection.decrypted}, connection.first,
          held_budget_);
      connection.phase = Phase::handshaking;
      [[fallthrough]];
    case Phase::handshaking:
      feed(connection, segment, side, outcome);
      break;
    case Phase::open:
      show(connection, segment, VirtualKind::translated, everything, outcome);
      break;
    case Phase::relaying:
    case Phase::passed:
      break;
  }
  if (closes(segment)) see_close(connection, segment, side, outcome);
  tell_progress(connection, segment, outcome);
}

// The stream of a TLS session is a connection of its own, between the same ends. Its segments are made here; what they
// mean is found out as ever.
void Tracker::chunk(const Chunk& chunk, Outcome& outcome) noexcept {
  outcome.clear();
  const ConnectionKey carrier_key = ConnectionKey::of(chunk.sender, chunk.receiver, chunk.parent);
  Connection* carrier = table_of(carrier_key).find(carrier_key);
  const ConnectionKey key = ConnectionKey::of(chunk.sender, chunk.receiver, chunk.parent, true);
  Connection* stream = inside_.find(key);
  if (carrier == nullptr || (stream == nullptr && chunk.payload.empty())) return;
  Packetized made;
  if (stream == nullptr) {
    carrier->has_decrypted = true;
    const PerSide<Endpoint> ends = carrier->ends;
    const Stamp first = carrier->first;
    PerSide<std::uint32_t> isn{0, 0};
    for (const Side side : {Side::initiator, Side::acceptor}) {
      isn[side] = packetized_isn(ends[side], ends[other(side)], carrier->space[side].sequence(0), chunk.frame.number);
    }
    Chunk opening = chunk;
    const auto say = [&](Side side, unsigned flags, std::uint32_t acknowledgment) {
      opening.sender = ends[side];
      opening.receiver = ends[other(side)];
      packetize(opening, {}, flags, isn[side], acknowledgment, made);
      put(made.segment, outcome);
    };
    say(Side::initiator, tcp_flag::syn, 0);
    say(Side::acceptor, tcp_flag::syn | tcp_flag::ack, isn[Side::initiator] + 1);
    stream = inside_.find(key);
    stream->first = first;
  }
  if (stream->phase == Phase::passed) return;
  const Side side = stream->side_of(chunk.sender);
  const SequenceSpace &own = stream->space[side], &theirs = stream->space[other(side)];
  unsigned flags = tcp_flag::ack;
  if (!chunk.payload.empty()) flags |= tcp_flag::psh;
  if (chunk.end == StreamEnd::fin) flags |= tcp_flag::fin;
  if (chunk.end == StreamEnd::rst) flags |= tcp_flag::rst;
  const bool is_over = stream->fin_seen[side] || stream->reset;
  if (is_over) return;
  packetize(chunk, chunk.payload.first(std::min(chunk.payload.size(), limits::chunk)), flags,
            own.sequence(own.latest()), theirs.sequence(theirs.latest()), made);
  put(made.segment, outcome);
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
  connection.decrypted = segment.decrypted;
  if (segment.parent != no_tunnel || segment.decrypted) return;
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

void Tracker::see_close(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  const bool before = connection.closed();
  if (segment.has(tcp_flag::rst)) connection.reset = true;
  if (segment.has(tcp_flag::fin)) connection.fin_seen[side] = true;
  if (before || !connection.closed()) return;
  // What waits for bytes that the capture lacks waits no longer.
  if (connection.tunnels && connection.handshaking && !connection.handshaking->held.empty()) {
    give_up_framing(connection, segment.frame, outcome);
  }
  Connection::each_attempt(connection, [&](Attempt& attempt) { attempt.closed = stamp_of(segment); });
  if (connection.tunnels) {
    for (const VirtualConnection& opened : connection.tunnels->list) release_tuple(opened);
  }
  if (connection.association) end_association(*connection.association);
}

void Tracker::feed(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  Handshaking& work = *connection.handshaking;
  work.latest[side].remember(segment);
  SequenceSpace& space = connection.space[side];
  const Range place = payload_range(space, segment);
  const bool is_reset = segment.has(tcp_flag::rst);
  const bool changes_nothing = segment.length == 0 && !closes(segment);
  if (connection.tunnels && (changes_nothing || is_reset || place.end <= work.taken(side))) {
    if (is_reset && !work.held.empty()) give_up_framing(connection, segment.frame, outcome);
    show(connection, segment, VirtualKind::translated, everything, outcome);
    return;
  }
  if (changes_nothing) return;
  space.advance(place.end);
  const bool buffered = work.stream(side).insert(place.begin, segment.payload, stamp_of(segment));
  if (!buffered) work.overflowed = true;
  const std::size_t told = outcome.events.size();
  const auto state = work.tunnel.advance(work, context(outcome));
  open_forwarded(connection, segment.frame, outcome);
  note_events(connection, told, outcome.events);
  if (state == TunnelConnection::State::open) {
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
    connection.handshaking.reset();
    connection.phase = connection.tunnels ? Phase::open : Phase::passed;
    return;
  }
  for (const Side each : {Side::initiator, Side::acceptor}) {
    const bool all_handshake = work.tunnel.waits_for(each);
    work.held.forget(each, all_handshake ? work.stream(each).end() : work.taken(each));
  }
  const Offset needed_from = work.tunnel.waits_for(side) ? work.stream(side).end() : work.taken(side);
  const bool is_shown = connection.tunnels && place.end <= work.taken(side);
  const bool to_keep = !is_shown && (closes(segment) || place.end > needed_from);
  const std::size_t most = may_hold_head(work) ? limits::held_head_segments : limits::held_segments;
  if (to_keep && !work.held.hold(segment, side, place, work.taken(side), most)) work.lost[side].add(place);
  const bool is_stuck = work.overflowed || work.lost[side].size() > 0;
  if (connection.tunnels && is_stuck) give_up_framing(connection, segment.frame, outcome);
}

// What events say of attempts that are known already, and of names. Names become events of their own.
void Tracker::note_events(Connection& connection, std::size_t from, std::vector<Event>& events) {
  const std::size_t end = events.size();
  for (std::size_t i = from; i < end; ++i) {
    if (const auto* said = std::get_if<MessageEvent>(&events[i]); said != nullptr && connection.tunnels) {
      note_message(*said, *connection.tunnels);
    }
    const auto* ended = std::get_if<EndedEvent>(&events[i]);
    const bool is_answer = ended != nullptr && ended->attempt.status == Status::established && ended->attempt.target &&
                           ended->attempt.bound;
    if (!is_answer) continue;
    // Copies: an event that is added may move those before it.
    const Command command = ended->attempt.command;
    const Target asked = *ended->attempt.target, answer = *ended->attempt.bound;
    if (command == Command::resolve && answer.address && !asked.address) {
      names_.record(Provenance::socks_reply, asked.host, *answer.address);
      events.emplace_back(NameEvent{answer.address->unmapped(), asked.host});
    }
    // A name that the owner of an address chose is no evidence of where that name leads.
    if (command == Command::resolve_ptr && asked.address && !answer.address) {
      events.emplace_back(NameEvent{asked.address->unmapped(), answer.host});
    }
  }
}

bool Tracker::leads_to(const Target& target, const Endpoint& server) const noexcept {
  if (target.port != server.port) return false;
  const Address address = server.address.unmapped();
  if (target.address) return target.address->unmapped() == address;
  if (synthetic_.is_synthetic(address)) return synthetic_.is_of(target.host, address);
  const NameChoice choice = names_.choose(target.host, address);
  return choice.address == address ||
         std::any_of(choice.candidates.begin(), choice.candidates.end(),
                     [&address](const Candidate& candidate) { return candidate.address == address; });
}

// A virtual conversation is a connection of its own, and lives no longer than its tunnel; neither does what TLS
// carries.
void Tracker::end_inside(const ConnectionKey& key, Outcome& outcome) {
  Connection* inside = inside_.find(key);
  if (inside == nullptr) return;
  end(*inside, outcome);
  inside_.erase(key);
}

void Tracker::end(Connection& connection, Outcome& outcome) {
  if (connection.has_decrypted) {
    ConnectionKey key = connection.key();
    key.decrypted = true;
    end_inside(key, outcome);
  }
  if (connection.handshaking) {
    Handshaking& work = *connection.handshaking;
    Connection::each_attempt(connection, [&work](Attempt& attempt) { note_losses(work, attempt); });
    work.tunnel.conclude(work, context(outcome));
    // A request that only the end proves opens nothing any more.
    for (Forwarded& late : work.tunnel.take_forwarded()) {
      late.attempt.status = Status::incomplete;
      outcome.events.emplace_back(EndedEvent{std::move(late.attempt)});
    }
  }
  if (connection.tunnels) {
    for (VirtualConnection& opened : connection.tunnels->list) {
      end_inside(ConnectionKey::of(opened.ends[Side::initiator], opened.ends[Side::acceptor], opened.attempt.id),
                 outcome);
      release_tuple(opened);
      note_overflow(opened.attempt);
      outcome.events.emplace_back(EndedEvent{std::move(opened.attempt)});
    }
  }
  if (connection.association) {
    end_association(*connection.association);
    note_overflow(*connection.association);
    outcome.events.emplace_back(EndedEvent{std::move(*connection.association)});
  }
  connection.handshaking.reset();
  connection.tunnels.reset();
  connection.association.reset();
  connection.has_decrypted = false;
  connection.phase = Phase::passed;
}

void Tracker::finish(Outcome& outcome) noexcept {
  outcome.clear();
  table_.each([&](Connection& connection) { end(connection, outcome); });
  table_ = ConnectionTable<Connection>(options_.connections, options_.hash_key);
  inside_ = ConnectionTable<Connection>(most_inside(options_), options_.hash_key);
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
