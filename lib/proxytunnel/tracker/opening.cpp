// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the moment at which a tunnel opens: its origin, its ends, its three opening segments, its losses.
#include "tracker/opening.hpp"

#include <span>

#include "names/reply_rules.hpp"

namespace proxytunnel {

std::unique_ptr<VirtualConnection> make_virtual_connection(Handshaking& work) {
  auto opened = std::make_unique<VirtualConnection>();
  opened->attempt = std::move(*work.tunnel.take_attempt());
  opened->attempt.status = Status::established;
  opened->client = work.tunnel.client();
  for (const Side side : {Side::initiator, Side::acceptor}) {
    const Offset base = work.taken(side);
    opened->base[side] = base;
    for (const Range lost : work.lost[side].ranges()) {
      if (lost.end <= base) continue;
      opened->attempt.note("held-overflow");
      opened->attempt.payload[opened->direction(side)].finished(lost.end - base);
      opened->attempt.held_overflow[opened->direction(side)].push_back(
          {std::max(lost.begin - base, Offset{0}), lost.end - base});
    }
  }
  return opened;
}

namespace {

// BND as evidence: an address that the reply says and that can be the origin's.
std::optional<Address> address_in_reply(const Attempt& attempt) {
  const bool socks = attempt.protocol == Protocol::socks4 || attempt.protocol == Protocol::socks4a ||
                     attempt.protocol == Protocol::socks5;
  if (!socks || !attempt.bound || !attempt.bound->address) return std::nullopt;
  return attempt.bound->address->unmapped();
}

}  // namespace

Origin choose_origin(Attempt& attempt, const Evidence& evidence) {
  const Target& target = *attempt.target;
  Origin origin;
  origin.endpoint.port = target.port;
  if (target.address) {
    origin.endpoint.address = target.address->unmapped();
    origin.provenance = Provenance::literal;
    return origin;
  }
  const auto bound = address_in_reply(attempt);
  const bool bound_is_origin = bound && can_be_origin({*bound, attempt.bound->port}, target.port, attempt.client,
                                                      attempt.proxy, evidence.synthetic.prefixes());
  // A BND that is not the origin's is an address of the proxy: the one from which it asks for names, perhaps.
  const Address proxy[] = {attempt.proxy.address, bound.value_or(attempt.proxy.address)};
  NameChoice choice = evidence.names.choose(target.host, std::span(proxy, bound && !bound_is_origin ? 2 : 1));
  origin.candidates = std::move(choice.candidates);
  if (bound_is_origin) {
    origin.endpoint.address = *bound;
    origin.provenance = Provenance::socks_reply;
    if (choice.address) {
      origin.candidates.insert(origin.candidates.begin(), {*choice.address, std::nullopt, choice.provenance});
    }
  } else if (choice.address) {
    origin.endpoint.address = *choice.address;
    origin.provenance = choice.provenance;
  } else {
    const SyntheticAddress made = evidence.synthetic.of(target.host);
    origin.endpoint.address = made.address;
    origin.provenance = Provenance::synthetic;
    if (made.fallback != SyntheticFallback::none) attempt.note(name_of(made.fallback));
  }
  return origin;
}

void set_ends(VirtualConnection& opened) noexcept {
  Endpoint client = opened.attempt.client, origin = opened.attempt.origin->endpoint;
  if (client.address.version != origin.address.version) {
    client.address = client.address.mapped();
    origin.address = origin.address.mapped();
  }
  opened.ends[opened.client] = client;
  opened.ends[other(opened.client)] = origin;
}

ConnectionKey tuple_of(const VirtualConnection& opened) noexcept {
  return ConnectionKey::of(opened.ends[Side::initiator], opened.ends[Side::acceptor], no_tunnel);
}

void synthesize_opening(const Connection& connection, PerSide<LatestHeader>& latest, const Frame& frame,
                        Outcome& outcome) {
  for (const Side side : {Side::initiator, Side::acceptor}) {
    outcome.envelopes[side] = std::move(latest[side].envelope);
  }
  const VirtualConnection& opened = *connection.open;
  const Side client = opened.client, server = other(client);
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
    VirtualSegment& result = outcome.segments.emplace_back();
    synthesize(opening, result);
    result.tunnel = opened.attempt.id;
    result.layer = opened.attempt.layer;
    result.direction = opened.direction(from);
    result.frame = frame;
    result.frame.envelope = outcome.envelopes[model];
  };
  emit(VirtualKind::syn, client);
  emit(VirtualKind::syn_ack, server);
  emit(VirtualKind::ack, client);
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
