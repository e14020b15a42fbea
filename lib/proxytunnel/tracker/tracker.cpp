// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one door: which connection a segment belongs to, and what becomes of it there.
// spec: RFC 9293 section 3.5 (opening), 3.6 (closing)
#include "tracker/tracker.hpp"

#include <algorithm>

#include "base/layer_path.hpp"
#include "handshake/proxy_protocol.hpp"
#include "names/canonical_name.hpp"
#include "synth/packetize.hpp"

namespace proxytunnel {
namespace {

void swap_sides(Connection& connection) noexcept {
  const auto swap = [](auto& pair) { std::swap(pair[Side::initiator], pair[Side::acceptor]); };
  swap(connection.ends);
  swap(connection.space);
  swap(connection.receiver);
  swap(connection.trust);
  swap(connection.syn);
  swap(connection.syn_seen);
  swap(connection.fin_seen);
  if (connection.account) connection.account->swap_sides();
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

// What a side's windows are multiplied by, at most (RFC 7323 section 2): nothing unless both SYNs offer it.
unsigned window_scale(const Connection& connection, Side side) noexcept {
  constexpr unsigned largest = 14;
  const SynOptions &own = connection.syn[side], &peer = connection.syn[other(side)];
  const bool is_refused = connection.syn_seen[other(side)] && peer.window_scale == 0xff;
  if (is_refused) return 0;
  if (!connection.syn_seen[side]) return largest;
  return own.window_scale == 0xff ? 0 : std::min<unsigned>(own.window_scale, largest);
}

// What a side says of the room that it has.
void see_window(Connection& connection, const Segment& segment, Side side) noexcept {
  const unsigned scale = segment.has(tcp_flag::syn) ? 0 : window_scale(connection, side);
  connection.receiver[other(side)].advertise(static_cast<std::uint32_t>(segment.window()) << scale);
}

// What its numbers say of how far the streams are, and of the room for them.
void see_numbers(Connection& connection, const Segment& segment, Side side) noexcept {
  const SequenceSpace& peer = connection.space[other(side)];
  Receiver& receiver = connection.receiver[other(side)];
  const bool is_reset = segment.has(tcp_flag::rst);
  const Offset acknowledged = peer.offset(segment.acknowledgment());
  const bool answers = segment.has(tcp_flag::ack) && peer.known();
  if (answers && (!is_reset || receiver.takes(acknowledged, peer.latest()))) receiver.acknowledge(acknowledged);
  const bool tells_place = !is_reset || segment.length > 0;
  if (tells_place) connection.space[side].see(payload_range(connection.space[side], segment).end);
  if (!is_reset) see_window(connection, segment, side);
}

// Of a connection that is nothing of ours, and neither opens nor closes it. While segments wait to be answered, each
// one may be the answer.
bool is_passing(const Connection& connection, const Segment& segment) noexcept {
  constexpr unsigned marks = tcp_flag::syn | tcp_flag::fin | tcp_flag::rst;
  return connection.phase == Phase::passed && !connection.refusal && (segment.flags() & marks) == 0 &&
         !connection.doubts && (segment.length == 0 || !connection.closed());
}

// What doubt_about(), place() and see_numbers() come to for nearly all segments that pass: both streams are known, and
// the numbers are near. False, and nothing has changed, for any other.
bool goes_on(Connection& connection, const Segment& segment, Side side) noexcept {
  SequenceSpace& own = connection.space[side];
  const SequenceSpace& peer = connection.space[other(side)];
  if (!own.known() || !peer.known() || !segment.has(tcp_flag::ack)) return false;
  const Offset begin = own.offset(segment.sequence()), acknowledged = peer.offset(segment.acknowledgment());
  Receiver& receiver = connection.receiver[other(side)];
  const bool is_near =
      connection.receiver[side].takes(begin, own.latest()) && receiver.takes(acknowledged, peer.latest());
  if (!is_near) return false;
  receiver.acknowledge(acknowledged);
  own.see(begin + segment.length);
  see_window(connection, segment, side);
  return true;
}

// It is told from others by its numbers as long as it lasts.
void see_passing(Connection& connection, const Segment& segment) noexcept {
  const Side side = connection.side_of(segment.sender);
  if (goes_on(connection, segment, side)) return;
  if (segment.is_on_wire() && doubt_about(connection, segment, side) != Doubt::none) return;
  place(connection, segment, side);
  see_numbers(connection, segment, side);
}

// Whether a connection that closed can bring its handshake nothing more: all that its ends acknowledged was seen, and
// all that came before their FINs. Captures of two taps may have one direction behind the other.
bool brings_nothing_more(const Connection& connection) noexcept {
  const Handshaking& work = *connection.handshaking;
  const auto has_all = [&](Side side) {
    return work.stream(side).end() >= work.fin_at[side].value_or(connection.receiver[side].acknowledged());
  };
  return has_all(Side::initiator) && has_all(Side::acceptor);
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

// Several names may have one address; spelling and a final dot make no other name.
void note_host(std::string_view host, Attempt& attempt) {
  const std::string name = canonical_name(host);
  const auto is_it = [&name](const std::string& known) { return canonical_name(known) == name; };
  if (is_it(attempt.target->host)) return;
  attempt.note("several-hosts");
  if (std::any_of(attempt.other_hosts.begin(), attempt.other_hosts.end(), is_it)) return;
  if (attempt.other_hosts.size() == limits::hosts_per_conversation) return attempt.note("too-many-hosts");
  attempt.other_hosts.emplace_back(host);
}

// What a message means for a conversation that is open already: those of forwarded requests go on asking.
void note_message(const MessageEvent& said, Tunnels& tunnels) {
  const auto opened = tunnels.list.find(said.attempt);
  if (opened == tunnels.list.end()) return;
  Attempt& attempt = opened->second.attempt;
  const Message& message = said.message;
  attempt.note(message.anomaly);
  if (!attempt.credentials.username) attempt.log_in(message.credentials);
  attempt.claim(message.claims);
  if (message.kind == MessageKind::http_forward_request) note_host(message.target->host, attempt);
  // A 407 is the proxy's own: it says something as long as nothing came from the origin.
  const bool is_refusal = message.kind == MessageKind::http_response_head && attempt.reply.frame == 0;
  const bool is_unanswered = attempt.reply.frame == 0 || attempt.status == Status::auth_failed;
  const bool is_answer = message.kind == MessageKind::http_forward_response && !message.is_interim && is_unanswered;
  if (!is_refusal && !is_answer) return;
  attempt.reply = said.stamp;
  attempt.reply_code = message.reply_code;
  attempt.status = is_refusal ? Status::auth_failed : Status::established;
}

// Most connections on the wire carry one tunnel inside another; of those that carry more, the idle ones give way.
std::size_t most_inside(const TrackerOptions& options) noexcept {
  return options.connections * (limits::layers + 1);
}

Progress progress_of(const Connection& connection) noexcept {
  if (connection.phase == Phase::passed) return Progress::passed;
  if (connection.tunnels) return Progress::open;
  const bool attempted = connection.handshaking && connection.handshaking->tunnel.attempted();
  return attempted || connection.phase == Phase::relaying ? Progress::handshake : Progress::undecided;
}

}  // namespace

Tracker::Tracker(const TrackerOptions& options)
    : options_(options),
      table_(options.connections, options.hash_key),
      inside_(most_inside(options), options.hash_key),
      names_(options.synthetic4, options.synthetic6),
      synthetic_(options.synthetic4, options.synthetic6),
      tuples_(64, ConnectionKeyHash{TableHash(options.hash_key)}),
      associations_(options.connections),
      networks_(options.connections),
      declared_(std::min(options.connections, limits::declared_clients)),
      next_id_(options.first_id) {}

void Tracker::segment(const Segment& segment, Outcome& outcome) noexcept {
  outcome.clear();
  if (segment.layer == 0) {
    latest_ = stamp_of(segment.frame);
    bury(segment.frame, outcome);
  }
  if (segment.is_on_wire() && segment.frame.network != 0) {
    Segment placed = segment;
    placed.frame.network = networks_.of(segment);
    put(placed, outcome);
  } else {
    put(segment, outcome);
  }
  relieve(segment.frame, outcome);
  if (segment.layer == 0) retire_closed(segment.frame, outcome);
  if (!given_up_.empty()) tell_given_up(outcome);
}

bool Tracker::passes(const Segment& segment) noexcept {
  if (!retired_.empty() || segment.frame.network != 0) return false;
  const ConnectionKey key = ConnectionKey::of(segment);
  Connection* connection = table_of(key).use(key);
  if (connection == nullptr) return false;
  if (is_passing(*connection, segment)) {
    see_passing(*connection, segment);
  } else if (!takes_quietly(*connection, segment)) {
    return false;
  }
  if (segment.layer == 0) latest_ = stamp_of(segment.frame);
  return true;
}

// What opens or closes a connection that is not looked at, and carries nothing.
bool Tracker::takes_quietly(Connection& connection, const Segment& segment) {
  if (segment.length > 0 || connection.is_looked_at() || connection.doubts) return false;
  if (segment.closes() && !closes_quietly()) return false;
  const Side side = connection.side_of(segment.sender);
  const bool is_doubted = segment.is_on_wire() && (doubt_about(connection, segment, side) != Doubt::none ||
                                                   is_damaged(connection, segment, side));
  if (is_doubted) return false;
  take(connection, segment, nothing_);
  retire_closed(segment.frame, nothing_);
  return true;
}

void Tracker::put(const Segment& segment, Outcome& outcome) {
  if (segment.sender == segment.receiver) return;
  const ConnectionKey key = ConnectionKey::of(segment);
  const auto [found, is_new] = table_of(key).find_or_insert(key, [&](Connection& idle) {
    retire(idle, segment.frame, outcome);
    ++counters_.dropped_connections;
  });
  Connection& connection = *found;
  if (is_new) begin(connection, segment);
  if (is_of_another(connection, segment)) {
    retire(connection, segment.frame, outcome);
    begin(connection, segment);
  }
  if (connection.account) connection.account->see(segment, connection.side_of(segment.sender));
  if (is_passing(connection, segment)) {
    see_passing(connection, segment);
    outcome.progress = Progress::passed;
    outcome.parts.clear();
    return;
  }
  const bool is_taken = !segment.is_on_wire() || !is_set_aside(connection, segment, outcome);
  if (is_taken) take(connection, segment, outcome);
  if (connection.odd.any()) note_oddities(connection, connection.side_of(segment.sender));
  outcome.begun_in = connection.first.frame;
  if (connection.remains) tell_remainder(connection, segment, is_taken, outcome);
  outcome.progress = progress_of(connection);  // of the latest segment, where an outcome is of several
  outcome.parts.clear();
  if (connection.phase == Phase::passed) return;
  if (is_taken) {
    tell_parts(connection, segment, outcome.parts);
  } else if (segment.length > 0) {
    outcome.parts.push_back({segment.length, no_tunnel});
  }
}

// The receiver took it.
void Tracker::take(Connection& connection, const Segment& segment, Outcome& outcome) {
  if (segment.has(tcp_flag::syn)) see_syn(connection, segment);
  const bool speaks = segment.length > 0;
  if (connection.phase == Phase::fresh && speaks && !connection.syn_seen[Side::initiator] &&
      !connection.syn_seen[Side::acceptor] && connection.side_of(segment.sender) == Side::acceptor) {
    swap_sides(connection);  // without a SYN, who speaks first is taken for the initiator
  }
  const Side side = connection.side_of(segment.sender);
  place(connection, segment, side);
  if (connection.phase == Phase::fresh && speaks) begin_handshaking(connection);
  if (speaks) compare_with_sent(connection, segment, side);
  see_numbers(connection, segment, side);
  switch (connection.phase) {
    case Phase::handshaking:
      feed(connection, segment, side, outcome);
      break;
    case Phase::open:
      show(connection, segment, VirtualKind::translated, everything, outcome);
      break;
    case Phase::passed:
      if (connection.refusal) see_after_refusal(connection, segment, side, outcome);
      break;
    case Phase::fresh:
    case Phase::relaying:
      break;
  }
  if (segment.closes()) see_close(connection, segment, side, outcome);
  // Tunnels of forwarded requests go on in it: what comes late is theirs.
  const bool is_undecided = connection.handshaking && !connection.tunnels;
  if (is_undecided && connection.closed() && brings_nothing_more(connection)) conclude(connection, outcome);
  if (connection.handshaking) count_held(connection);
  const bool sends_payload = connection.phase == Phase::handshaking || connection.phase == Phase::open;
  if (!sends_payload || connection.closed()) forget_sent(connection);
}

// The stream of a TLS session is a connection of its own, between the same ends. Its segments are made here; what they
// mean is found out as ever.
void Tracker::chunk(const Chunk& given, Outcome& outcome) noexcept {
  outcome.clear();
  latest_ = stamp_of(given.frame);
  Chunk chunk = given;
  chunk.frame.network =
      networks_.of(ConnectionKey::of(given.sender, given.receiver, given.parent, given.frame.network));
  const ConnectionKey carrier_key = ConnectionKey::of(chunk.sender, chunk.receiver, chunk.parent, chunk.frame.network);
  Connection* carrier = table_of(carrier_key).find(carrier_key);
  const ConnectionKey key = ConnectionKey::of(chunk.sender, chunk.receiver, chunk.parent, chunk.frame.network, true);
  Connection* stream = inside_.find(key);
  if (carrier == nullptr && !chunk.payload.empty()) ++counters_.stray_chunks;
  if (carrier == nullptr || (stream == nullptr && chunk.payload.empty())) return;
  Packetized made;
  if (stream == nullptr) {
    carrier->has_decrypted = true;
    const PerSide<Endpoint> ends = carrier->ends;
    const Stamp first = carrier->first;
    const LayerPath path = path_of_tls(carrier->path);
    PerSide<std::uint32_t> isn{0, 0};
    for (const Side side : {Side::initiator, Side::acceptor}) {
      isn[side] = packetized_isn(path, carrier->space[side].sequence(0), chunk.frame.number);
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
    stream->path = path;
  }
  if (stream->phase == Phase::passed) return;
  const Side side = stream->side_of(chunk.sender);
  const SequenceSpace &own = stream->space[side], &theirs = stream->space[other(side)];
  // Frames may be out of order: what comes behind the end was sent before it, and is shown. An end is shown once.
  const bool is_over = stream->fin_seen[side] || stream->reset;
  if (is_over && chunk.payload.empty()) return;
  unsigned flags = tcp_flag::ack;
  if (!chunk.payload.empty()) flags |= tcp_flag::psh;
  if (!is_over && chunk.end == StreamEnd::fin) flags |= tcp_flag::fin;
  if (!is_over && chunk.end == StreamEnd::rst) flags |= tcp_flag::rst;
  packetize(chunk, chunk.payload.first(std::min(chunk.payload.size(), limits::chunk)), flags,
            own.sequence(own.latest()), theirs.sequence(theirs.latest()), made);
  put(made.segment, outcome);
}

void Tracker::begin_handshaking(Connection& connection) {
  TunnelParent parent{connection.parent, connection.layer, connection.decrypted};
  if (connection.encapsulation) parent.encapsulation = *connection.encapsulation;
  const auto own = own_clients_.empty() ? own_clients_.end() : own_clients_.find(connection.parent);
  if (own != own_clients_.end()) parent.client = own->second;
  connection.handshaking.emplace(connection.ends, parent, connection.first).since = waited_++;
  if (connection.parent == no_tunnel && !connection.decrypted) connection.sent.emplace();
  if (options_.remainders && !connection.decrypted) connection.remains.emplace();
  connection.phase = Phase::handshaking;
}

void Tracker::begin(Connection& connection, const Segment& segment) {
  connection = Connection();
  const bool from_acceptor = segment.has(tcp_flag::syn | tcp_flag::ack);
  connection.ends = from_acceptor ? PerSide<Endpoint>(segment.receiver, segment.sender)
                                  : PerSide<Endpoint>(segment.sender, segment.receiver);
  connection.first = stamp_of(segment.frame);
  connection.vlan = segment.frame.vlan;
  if (segment.parent == no_tunnel) {
    connection.network = segment.frame.network;
    const Bytes encapsulation = segment.frame.encapsulation;
    if (!encapsulation.empty()) connection.encapsulation.emplace(encapsulation.begin(), encapsulation.end());
  }
  connection.parent = segment.parent;
  connection.layer = segment.layer;
  connection.path = path_of(segment);
  connection.decrypted = segment.decrypted;
  if (of_requests_.contains(segment.parent)) connection.phase = Phase::passed;
  if (options_.accounts && segment.parent == no_tunnel) connection.account.emplace();
  if (!segment.is_on_wire()) return;
  ++counters_.connections;
  if (!segment.has(tcp_flag::syn)) ++counters_.midstream;
  synthetic_.occurs(segment.sender.address);
  synthetic_.occurs(segment.receiver.address);
}

// Of this connection: the first one of a side tells its first number and its options.
void Tracker::see_syn(Connection& connection, const Segment& segment) {
  const bool is_answer = segment.has(tcp_flag::ack);
  const Side speaker = is_answer ? Side::acceptor : Side::initiator;
  const bool is_first = !connection.syn_seen[Side::initiator] && !connection.syn_seen[Side::acceptor];
  if (is_first && connection.phase == Phase::fresh && connection.side_of(segment.sender) != speaker) {
    swap_sides(connection);
  }
  const Side side = connection.side_of(segment.sender);
  if (connection.syn_seen[side]) return;
  connection.syn_seen[side] = true;
  connection.syn[side] = read_syn_options(segment);
  SequenceSpace &own = connection.space[side], &peer = connection.space[other(side)];
  if (!own.known()) own.start(segment.sequence() + 1);
  if (is_answer && !peer.known()) peer.start(segment.acknowledgment());
}

void Tracker::see_close(Connection& connection, const Segment& segment, Side side, Outcome& outcome) {
  const bool before = connection.closed();
  if (segment.has(tcp_flag::rst)) connection.reset = true;
  if (segment.has(tcp_flag::fin)) connection.fin_seen[side] = true;
  if (before || !connection.closed()) return;
  // What waits for bytes that the capture lacks waits no longer.
  if (connection.has_waiting_payload()) give_up_framing(connection, segment.frame, outcome);
  Connection::each_attempt(connection, [&](Attempt& attempt) { attempt.closed = stamp_of(segment.frame); });
  if (connection.tunnels) {
    for (const auto& [id, opened] : connection.tunnels->list) release_tuple(opened);
  }
  if (connection.association) end_association(*connection.association);
  connection.seen_at_close = connection.seen();
  const bool is_on_the_wire = connection.parent == no_tunnel && !connection.decrypted;
  if (is_on_the_wire) closed_.push_back(connection.key());
}

// What events say of attempts that are known already, and of names. Names become events of their own.
void Tracker::note_events(Connection& connection, std::size_t from, std::vector<Event>& events) {
  const std::size_t end = events.size();
  for (std::size_t i = from; i < end; ++i) {
    if (const auto* said = std::get_if<MessageEvent>(&events[i]); said != nullptr && connection.tunnels) {
      note_message(*said, *connection.tunnels);
    }
    const auto* ended = std::get_if<EndedEvent>(&events[i]);
    // That one asks for credentials is as good as that it opens something.
    if (ended != nullptr && ended->attempt.status == Status::auth_failed) proxies_.add(ended->attempt.proxy);
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

Leads Tracker::where_leads(const Target& target, const Endpoint& server) const noexcept {
  const auto verdict = [](bool is_server) { return is_server ? Leads::to_server : Leads::elsewhere; };
  if (led_.contains({target.text(), server})) return Leads::to_server;
  if (target.port != server.port) return Leads::elsewhere;
  const Address address = server.address.unmapped();
  if (target.address) return verdict(target.address->unmapped() == address);
  if (synthetic_.is_synthetic(address)) return verdict(synthetic_.is_of(target.host, address));
  const NameChoice choice = names_.choose(target.host, address);
  if (!choice.address) return Leads::nobody_knows;
  return verdict(choice.address == address || std::any_of(choice.candidates.begin(), choice.candidates.end(),
                                                          [&address](const Candidate& candidate) {
                                                            return candidate.address == address &&
                                                                   candidate.provenance != Provenance::dns_unasked;
                                                          }));
}

bool Tracker::is_known_proxy(const Endpoint& server) const noexcept {
  return proxies_.contains(server);
}

void Tracker::find_origin(Attempt& attempt) noexcept {
  attempt.origin = origin_of(attempt, {names_, synthetic_});
}

// What said another address, or where it was said, stays a candidate.
void Tracker::take_known_origin(const Attempt& attempt, std::uint32_t flow, const Target& target, Origin& origin) {
  const auto known = known_origins_.find({attempt.id, flow});
  if (known == known_origins_.end() || known->second.request != attempt.request.frame) return;
  const Endpoint& endpoint = known->second.endpoint;
  if (origin.provenance == Provenance::literal && origin.endpoint == endpoint) return;
  if (origin.provenance != Provenance::synthetic) {
    origin.candidates.insert(origin.candidates.begin(), {origin.endpoint.address, origin.answered, origin.provenance});
  }
  origin.endpoint = endpoint;
  origin.provenance = Provenance::wan_leg;
  origin.answered.reset();
  led_.emplace(target.text(), endpoint);
}

void Tracker::addresses_occur(const Datagram& datagram) noexcept {
  if (datagram.layer != 0) return;
  synthetic_.occurs(datagram.sender.address);
  synthetic_.occurs(datagram.receiver.address);
}

void Tracker::learn(const Datagram& datagram) noexcept {
  if (!options_.names_from_capture || !is_of_dns(datagram)) return;
  const auto header = parse_datagram_header(datagram.payload);
  const bool has_header = header.is_ok() && !options_.disabled.has(Family::proxy_protocol);
  dns_.hear(datagram, datagram.payload.subspan(has_header ? header.size : 0), names_);
}

}  // namespace proxytunnel
