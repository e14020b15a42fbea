// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about datagrams, and UDP associations: what a SOCKS proxy relays becomes virtual datagrams.
// spec: RFC 1928 section 7
#include <algorithm>
#include <utility>

#include "synth/unwrap.hpp"
#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

// nullptr if it is not listed.
const Flow* find_flow(const Target& target, const Attempt& attempt) noexcept {
  const auto same = [&target](const Flow& flow) {
    return flow.target.port == target.port && flow.target.host == target.host;
  };
  const auto known = std::find_if(attempt.flows.rbegin(), attempt.flows.rend(), same);
  return known == attempt.flows.rend() ? nullptr : &*known;
}

}  // namespace

void Tracker::begin_association(Connection& connection, Outcome& outcome) {
  const std::unique_ptr<Handshaking> work = take_handshaking(connection);
  connection.phase = Phase::relaying;
  Attempt& attempt = connection.association.emplace(std::move(*work->tunnel.take_attempt()));
  attempt.transport = Transport::udp;
  attempt.status = Status::established;
  Association association;
  association.id = attempt.id;
  association.layer = attempt.layer;
  association.network = connection.network;
  association.client = attempt.client.address;
  if (attempt.target && attempt.target->address) association.announced.address = *attempt.target->address;
  if (attempt.target) association.announced.port = attempt.target->port;
  // Behind an address translation BND is of no use to a client, which then takes the address that it knows.
  const std::uint16_t port = attempt.bound ? attempt.bound->port : std::uint16_t{0};
  association.relay = {attempt.proxy.address, port};
  const auto bound = attempt.bound ? attempt.bound->address : std::nullopt;
  const bool is_elsewhere = bound && !bound->is_unspecified() && bound->unmapped() != attempt.proxy.address.unmapped();
  if (is_elsewhere) association.elsewhere = *bound;
  association.control = connection.key();
  // What the request named was the client itself; whom it asks for shows with the first datagram.
  attempt.target.reset();
  associations_.add(association);
  ++counters_.tunnels;
  outcome.events.emplace_back(OpenedEvent{attempt});
}

void Tracker::forget_fragments(RelayFragments& fragments, Attempt& attempt) {
  fragment_bytes_ -= fragments.bytes();
  if (fragments.forget()) attempt.note("fragments-lost");
  give_up(fragments);
}

// They stay as they are.
void Tracker::give_up(RelayFragments& fragments) {
  given_up_.insert(given_up_.end(), fragments.tickets.begin(), fragments.tickets.end());
  fragments.tickets.clear();
}

void Tracker::end_association(Attempt& attempt) {
  associations_.remove(attempt.id);
  const auto waiting = fragments_.find(attempt.id);
  if (waiting == fragments_.end()) return;
  for (Owned<RelayFragments>& fragments : waiting->second) {
    if (fragments) forget_fragments(*fragments, attempt);
  }
  fragments_.erase(waiting);
}

// nullptr if the connection relays nothing any more.
Attempt* Tracker::association_of(const ConnectionKey& control) noexcept {
  Connection* connection = table_of(control).find(control);
  return connection == nullptr ? nullptr : connection->association.get();
}

void Tracker::relay(const Datagram& datagram, Outcome& outcome) noexcept {
  outcome.clear();
  if (datagram.layer == 0) latest_ = stamp_of(datagram.frame);
  if (options_.remainders && datagram.ticket == 0) return;  // it left already
  if (!relay_associated(datagram, outcome)) declare(datagram, outcome);
  tell_given_up(outcome);
}

// False if it is of no association.
bool Tracker::relay_associated(const Datagram& datagram, Outcome& outcome) {
  if (associations_.empty()) return false;
  auto header = parse_relay_header(datagram.payload);
  using Ports = Associations::Ports;
  const auto match = associations_.find(datagram.sender, datagram.receiver, datagram.layer,
                                        header.is_ok() ? Ports::any_new : Ports::known,
                                        datagram.layer == 0 ? networks_.of(datagram) : 0);
  for (const ConnectionKey& crowded : associations_.take_crowded()) {
    if (Attempt* attempt = association_of(crowded)) attempt->note("too-many-ports");
  }
  Connection* const control = match ? table_of(match->control).use(match->control) : nullptr;  // it is not idle
  if (control == nullptr || !control->association) return false;
  Attempt& attempt = *control->association;
  attempt.last = std::max(attempt.last, datagram.frame.number);
  outcome.progress = Progress::open;
  const auto size = static_cast<std::uint32_t>(header.is_ok() ? header.size : 0);
  outcome.parts.push_back({size, no_tunnel});
  if (!header.is_ok()) {
    attempt.note(datagram.payload.size() < datagram.length ? "cut-datagram" : "malformed-datagram");
    outcome.parts.back().size = datagram.length;
    return true;
  }
  outcome.parts.push_back({datagram.length - size, attempt.id});
  RelayFragments* fragments = fragments_of(*match, header.value);
  const bool begins_anew = header.value.position() <= 1;
  if (begins_anew && fragments != nullptr) forget_fragments(*fragments, attempt);
  if (header.value.fragment == 0) {
    show_relayed(datagram, header.value.target, size, VirtualKind::translated, *match, attempt, outcome);
    return true;
  }
  if (!assemble(datagram, header.value, size, *fragments, attempt, outcome)) return true;
  const std::size_t shown = outcome.packets.size();
  Datagram whole = datagram;
  whole.payload = outcome.assembled;
  whole.length = static_cast<std::uint32_t>(outcome.assembled.size());
  whole.checksum = 0;
  show_relayed(whole, header.value.target, 0, VirtualKind::held, *match, attempt, outcome);
  if (outcome.packets.size() == shown) give_up(*fragments);
  for (const Ticket ticket : std::exchange(fragments->tickets, {})) {
    outcome.remainders.push_back({.ticket = ticket, .is_whole = false});
  }
  return true;
}

// Where the fragments of this direction wait; nullptr if none did and this is none.
RelayFragments* Tracker::fragments_of(const Associations::Match& match, const RelayHeader& header) {
  const auto known = fragments_.find(match.id);
  if (header.fragment == 0) return known == fragments_.end() ? nullptr : known->second[match.direction].get();
  auto& fragments = fragments_[match.id][match.direction];
  if (!fragments) fragments.emplace();
  return fragments.get();
}

bool Tracker::assemble(const Datagram& datagram, const RelayHeader& header, std::uint32_t cut,
                       RelayFragments& fragments, Attempt& attempt, Outcome& outcome) {
  const std::size_t before = fragments.bytes();
  const auto added = fragments.add(header, datagram.payload.subspan(cut), datagram.length - cut);
  fragment_bytes_ += fragments.bytes() - before;
  const bool is_too_much = added == RelayFragments::Outcome::waiting && fragment_bytes_ > limits::fragments_total;
  if (is_too_much) forget_fragments(fragments, attempt);
  switch (added) {
    case RelayFragments::Outcome::complete:
      fragment_bytes_ -= fragments.bytes();
      outcome.assembled = fragments.take();
      return true;
    case RelayFragments::Outcome::lost:
      attempt.note("fragments-lost");
      give_up(fragments);
      return false;
    case RelayFragments::Outcome::waiting:
      break;
  }
  outcome.waits = datagram.ticket != 0 && !is_too_much;
  if (outcome.waits) fragments.tickets.push_back(datagram.ticket);
  return false;
}

void Tracker::show_relayed(const Datagram& datagram, const Target& target, std::uint32_t cut, VirtualKind kind,
                           const Associations::Match& match, Attempt& attempt, Outcome& outcome) {
  Origin origin;
  const bool is_from_client = match.direction == Direction::from_client;
  std::uint32_t flow = 0;
  if (is_from_client || names_source(target, match, attempt)) {
    flow = flow_of(target, attempt, origin, outcome);
    if (is_from_client && flow < attempt.flows.size()) match.use->ask(flow);
  } else {
    // One is certain, of several the latest is a guess (udp_reply_names_client).
    const bool is_known = match.use->asked || attempt.flows.size() == 1;
    if (!is_known || match.use->has_asked_several) attempt.note("relay-source-useless");
    if (!is_known) {
      outcome.parts.back().tunnel = no_tunnel;
      return;
    }
    flow = match.use->asked.value_or(0);
    origin = attempt.flows[flow].origin;
  }
  if (flow < attempt.flows.size()) {
    ++attempt.flows[flow].datagrams[match.direction];
    attempt.flows[flow].bytes[match.direction] += datagram.length - cut;
  }
  show_datagram(datagram, {cut, kind, match.direction, match.client, origin.endpoint, flow}, attempt, outcome);
}

void Tracker::show_datagram(const Datagram& datagram, const ShownDatagram& shown, Attempt& attempt,
                            Outcome& outcome) const {
  const auto captured =
      static_cast<std::uint32_t>(datagram.payload.size() - std::min<std::size_t>(shown.cut, datagram.payload.size()));
  PayloadAccount& payload = attempt.payload[shown.direction];
  const Offset offset = payload.bytes() + payload.missing_bytes();  // each datagram stands behind all before it
  payload.seen(offset, captured, datagram.length - shown.cut);
  if (attempt.first_payload == 0) attempt.first_payload = datagram.frame.number;
  if (attempt.layer >= options_.layers) {
    attempt.note("layer-limit");
    return;
  }
  Endpoint client{shown.client.address.unmapped(), shown.client.port}, target = shown.target;
  match_families(client, target);
  const bool is_from_client = shown.direction == Direction::from_client;
  Unwrapping change;
  change.sender = is_from_client ? client : target;
  change.receiver = is_from_client ? target : client;
  change.cut = shown.cut;
  // Nothing on the wire had a checksum over what was put together here.
  change.checksums = shown.kind == VirtualKind::held ? Checksums::compute : options_.checksums;
  VirtualPacket& result = outcome.add_packet();
  result.kind = shown.kind;
  result.tunnel = attempt.id;
  result.layer = attempt.layer;
  result.flow = shown.flow;
  result.direction = shown.direction;
  result.offset = offset;
  unwrap(datagram, change, result);
  note_shown(attempt, result);
  if (datagram.ticket != 0) outcome.remainders.push_back({.ticket = datagram.ticket, .is_whole = false});
}

// Whether a reply's header says from whom it comes. There are relays that write zeros, the client's own address or one
// of theirs, and others of which a client did ask that very address.
bool Tracker::names_source(const Target& source, const Associations::Match& match, const Attempt& attempt) noexcept {
  if (find_flow(source, attempt) != nullptr || !source.address) return true;
  const Address address = source.address->unmapped();
  const bool is_relay = address == attempt.proxy.address.unmapped() || address == match.relay.address.unmapped();
  return source.port != 0 && !address.is_unspecified() && !is_relay && address != match.client.address.unmapped();
}

// The flow of a target, and the address that it has there: chosen at its first datagram.
std::uint32_t Tracker::flow_of(const Target& target, Attempt& attempt, Origin& origin, Outcome& outcome) {
  auto& flows = attempt.flows;
  if (const Flow* known = find_flow(target, attempt)) {
    origin = known->origin;
    return static_cast<std::uint32_t>(known - flows.data());
  }
  origin = choose_origin(target, std::nullopt, attempt, {names_, synthetic_});
  const auto flow = static_cast<std::uint32_t>(flows.size());
  take_known_origin(attempt, flow, target, origin);
  if (flow == limits::flows_per_association) {
    attempt.note("too-many-targets");
  } else {
    flows.push_back({target, origin, {0, 0}, {0, 0}});
  }
  // The association's own is a target that is its only one.
  attempt.target = attempt.flows.size() == 1 && flow == 0 ? std::optional(target) : std::nullopt;
  // The event is without the list, which may be long.
  std::vector<Flow> listed = std::move(flows);
  flows.clear();
  FlowEvent event{attempt, flow};
  flows = std::move(listed);
  event.attempt.target = target;
  event.attempt.origin = origin;
  outcome.events.emplace_back(std::move(event));
  return flow;
}

}  // namespace proxytunnel
