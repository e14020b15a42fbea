// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the moment at which a tunnel opens: its origin, its ends, its three opening segments, its losses.
#include "tracker/opening.hpp"

#include <algorithm>
#include <span>

#include "names/reply_rules.hpp"

namespace proxytunnel {

namespace {

// What of a conversation's bytes came too early to be shown and was more than could be held.
void note_lost(const RangeSet& lost, Range own, Offset at, Direction direction, Attempt& attempt) {
  for (const Range range : lost.ranges()) {
    const Range part{std::max(range.begin, own.begin), std::min(range.end, own.end)};
    auto& told = attempt.held_overflow[direction];
    if (part.begin >= part.end || told.size() >= limits::payload_ranges) continue;
    attempt.note("held-overflow");
    attempt.payload[direction].finished(at + part.end - own.begin);
    told.push_back({at + part.begin - own.begin, at + part.end - own.begin});
  }
}

// The bytes of a range, which stand at `at` in the conversation, are its own, but for those that went out with what
// carries them.
void give(const Claim& claim, Offset at, const Handshaking& work, Offset shown, Tunnels& tunnels, Remains* remains) {
  VirtualConnection& owner = tunnels.list.at(claim.tunnel);
  const Side side = claim.side;
  const Direction direction = owner.direction(side);
  note_lost(work.lost[side], claim.range, at, direction, owner.attempt);
  if (remains == nullptr) return tunnels.shares[side].add(claim.range, claim.tunnel, at, shown);
  note_lost(remains->stayed[side], claim.range, at, direction, owner.attempt);
  for (const Range& range : without(claim.range, work.lost[side], remains->stayed[side])) {
    tunnels.shares[side].add(range, claim.tunnel, at + (range.begin - claim.range.begin), shown);
    remains->moved[side].add(range);
  }
}

}  // namespace

VirtualConnection& add_tunnel(Handshaking& work, Tunnels& tunnels, Remains* remains) {
  const std::unique_ptr<Attempt> attempt = work.tunnel.take_attempt();
  VirtualConnection& opened = tunnels.list[attempt->id];
  opened.attempt = std::move(*attempt);
  opened.attempt.status = Status::established;
  opened.client = work.tunnel.client();
  const bool peer_connects = opened.attempt.command == Command::bind;
  opened.opener = peer_connects ? other(opened.client) : opened.client;
  for (const Side side : {Side::initiator, Side::acceptor}) {
    opened.base[side] = work.taken(side);
    give({side, {opened.base[side], Share::no_end}, opened.attempt.id}, 0, work, opened.base[side], tunnels, remains);
  }
  return opened;
}

VirtualConnection& add_forwarded(Forwarded&& forwarded, Side client, Tunnels& tunnels) {
  VirtualConnection& opened = tunnels.list[forwarded.attempt.id];
  opened.attempt = std::move(forwarded.attempt);
  opened.client = opened.opener = client;
  opened.base = forwarded.base;
  return opened;
}

void add_share(const Claim& claim, const Handshaking& work, Offset shown, Tunnels& tunnels, Remains* remains) {
  const auto found = tunnels.list.find(claim.tunnel);
  if (found == tunnels.list.end()) return;
  VirtualConnection& owner = found->second;
  const Offset at = owner.size[claim.side];
  owner.size[claim.side] += claim.range.end - claim.range.begin;
  give(claim, at, work, shown, tunnels, remains);
}

namespace {

// BND as evidence: an address that the reply says and that can be the origin's.
std::optional<Address> address_in_reply(const std::optional<Target>& bound) {
  return bound && bound->address ? std::optional(bound->address->unmapped()) : std::nullopt;
}

}  // namespace

Origin choose_origin(const Target& target, const std::optional<Target>& said, Attempt& attempt,
                     const Evidence& evidence) {
  Origin origin;
  origin.endpoint.port = target.port;
  if (target.address) {
    origin.endpoint.address = target.address->unmapped();
    origin.provenance = Provenance::literal;
    return origin;
  }
  const auto bound = address_in_reply(said);
  const bool bound_is_origin = bound && can_be_origin({*bound, said->port}, target.port, attempt.client, attempt.proxy,
                                                      evidence.synthetic.prefixes());
  // A BND that is not the origin's is an address of the proxy: the one from which it asks for names, perhaps.
  const Address proxy[] = {attempt.proxy.address, bound.value_or(attempt.proxy.address)};
  NameChoice choice = evidence.names.choose(target.host, std::span(proxy, bound && !bound_is_origin ? 2 : 1));
  origin.candidates = std::move(choice.candidates);
  if (bound_is_origin) {
    origin.endpoint.address = *bound;
    origin.provenance = Provenance::socks_reply;
    if (choice.address) {
      origin.candidates.insert(origin.candidates.begin(), {*choice.address, choice.asked_by, choice.provenance});
    }
  } else if (choice.address) {
    origin.endpoint.address = *choice.address;
    origin.provenance = choice.provenance;
    origin.answered = choice.asked_by;
  } else {
    const SyntheticAddress made = evidence.synthetic.of(target.host);
    origin.endpoint.address = made.address;
    origin.provenance = Provenance::synthetic;
    if (made.fallback != SyntheticFallback::none) attempt.note(name_of(made.fallback));
  }
  return origin;
}

namespace {

// Who connected, by the second reply; what that leaves open is as the request expected it.
Origin peer_of(Attempt& attempt, const Evidence& evidence) {
  const auto said = address_in_reply(attempt.peer);
  const bool is_named = said && !said->is_unspecified();
  Origin origin;
  if (is_named) {
    origin.endpoint.address = *said;
    origin.provenance = Provenance::socks_reply;
  } else if (attempt.peer && !attempt.peer->address) {
    origin = choose_origin(*attempt.peer, std::nullopt, attempt, evidence);
  } else {
    origin = choose_origin(*attempt.target, std::nullopt, attempt, evidence);
  }
  if (attempt.peer && attempt.peer->port != 0) origin.endpoint.port = attempt.peer->port;
  return origin;
}

}  // namespace

Origin origin_of(Attempt& attempt, const Evidence& evidence) {
  if (attempt.origin) return *attempt.origin;
  if (attempt.command == Command::bind) return peer_of(attempt, evidence);
  return choose_origin(*attempt.target, attempt.bound, attempt, evidence);
}

void match_families(Endpoint& one, Endpoint& another) noexcept {
  if (one.address.version == another.address.version) return;
  one.address = one.address.mapped();
  another.address = another.address.mapped();
}

void set_ends(VirtualConnection& opened) noexcept {
  const Attempt& attempt = opened.attempt;
  Endpoint client = attempt.client, origin = attempt.origin->endpoint;
  if (attempt.virtual_client) client = *attempt.virtual_client;
  if (!attempt.virtual_client && attempt.command == Command::bind && attempt.bound && attempt.bound->port != 0)
    client.port = attempt.bound->port;
  match_families(client, origin);
  opened.ends[opened.client] = client;
  opened.ends[other(opened.client)] = origin;
}

std::uint16_t synthetic_port(const Attempt& attempt, unsigned turn) noexcept {
  constexpr std::uint16_t first = 49152, count = 16384;  // RFC 6335 section 6: dynamic ports
  std::uint32_t hash = 2166136261U;                      // FNV-1a
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 16777619U; };
  for (const Endpoint& end : {attempt.client, attempt.proxy}) {
    for (const std::uint8_t byte : end.address.mapped().octets) add(byte);
    add(static_cast<std::uint8_t>(end.port >> 8));
    add(static_cast<std::uint8_t>(end.port & 0xff));
  }
  add(static_cast<std::uint8_t>(turn));
  return static_cast<std::uint16_t>(first + hash % count);
}

ConnectionKey tuple_of(const VirtualConnection& opened) noexcept {
  return ConnectionKey::of(opened.ends[Side::initiator], opened.ends[Side::acceptor], no_tunnel);
}

void synthesize_opening(const Connection& connection, VirtualConnection& opened, const PerSide<LatestHeader>& latest,
                        const Frame& frame, Outcome& outcome) {
  const PerSide<std::uint32_t> base{connection.space[Side::initiator].sequence(opened.base[Side::initiator]),
                                    connection.space[Side::acceptor].sequence(opened.base[Side::acceptor])};
  const auto emit = [&](VirtualKind kind, Side from) {
    const Side model = latest[from].seen ? from : other(from);  // a side that never spoke looks like the other one
    const LatestHeader& header = latest[model];
    Opening opening;
    opening.kind = kind;
    opening.sender = opened.ends[from];
    opening.receiver = opened.ends[other(from)];
    opening.ip = header.ip;
    opening.options = connection.syn[from];
    const bool own_syn = kind != VirtualKind::ack && connection.syn[from].window != 0;
    opening.window = own_syn ? connection.syn[from].window : header.window;
    opening.sequence = base[from] - (kind == VirtualKind::ack ? 0 : 1);
    opening.acknowledgment = base[other(from)];
    VirtualPacket& result = outcome.add_packet();
    synthesize(opening, result);
    result.tunnel = opened.attempt.id;
    result.layer = opened.attempt.layer;
    result.path = opened.path;
    result.direction = opened.direction(from);
    result.frame = frame;
    result.frame.envelope = outcome.envelopes[model];
    note_shown(opened.attempt, result);
  };
  emit(VirtualKind::syn, opened.opener);
  emit(VirtualKind::syn_ack, other(opened.opener));
  emit(VirtualKind::ack, opened.opener);
}

void note_losses(const Handshaking& work, Attempt& attempt) {
  if (work.overflowed) attempt.note("held-overflow");
  if (work.has_hole(Side::initiator) || work.has_hole(Side::acceptor)) attempt.note("gap-in-handshake");
}

void note_overflow(Attempt& attempt) {
  for (const PayloadAccount& account : attempt.payload) {
    if (account.overflowed()) attempt.note("accounting-overflow");
  }
}

}  // namespace proxytunnel
