// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about PROXY headers in front of datagrams: they become datagrams of the clients that the
//          headers declare, and the answers, which have none, go to these.
// spec: HAProxy, "The PROXY protocol, versions 1 & 2" (2.2: DGRAM)
#include <algorithm>

#include "handshake/proxy_protocol.hpp"
#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

// The question that a datagram asks or answers, whichever is wanted.
std::optional<DnsQuestion> question_in(Bytes payload, Direction direction) {
  const bool is_wanted = is_dns_answer(payload) == (direction == Direction::from_server);
  return is_wanted ? read_dns_question(payload) : std::nullopt;
}

}  // namespace

void Tracker::declare(const Datagram& datagram, Outcome& outcome) {
  if (options_.disabled.has(Family::proxy_protocol) || datagram.sender == datagram.receiver) return;
  const auto header = parse_datagram_header(datagram.payload);
  if (header.is_ok()) {
    take_header(datagram, header.value, static_cast<std::uint32_t>(header.size), outcome);
    return;
  }
  if (declared_.empty()) return;
  const Time now = datagram.frame.time;
  const DatagramCarrier forth{datagram.sender, datagram.receiver, datagram.parent},
      back{datagram.receiver, datagram.sender, datagram.parent};
  if (const auto client = declared_.only_client(forth, now)) {
    bool is_new = false;
    const auto question = question_in(datagram.payload, Direction::from_client);
    DeclaredClient& sender = declared_.sends(forth, *client, question, now, is_new);
    show_declared(datagram, 0, Direction::from_client, *sender.attempt, outcome);
    return;
  }
  if (!declared_.knows(back)) return;
  const auto answered = declared_.answers(back, question_in(datagram.payload, Direction::from_server), now);
  if (answered.client == nullptr || !answered.client->attempt) return;
  if (answered.is_guess) answered.client->attempt->note("client-guessed");
  show_declared(datagram, 0, Direction::from_server, *answered.client->attempt, outcome);
}

void Tracker::take_header(const Datagram& datagram, const Message& header, std::uint32_t size, Outcome& outcome) {
  const bool is_client = names_somebody(header, datagram.sender);
  const Endpoint client = is_client ? *header.real_client : datagram.sender;
  const auto question = question_in(datagram.payload.subspan(size), Direction::from_client);
  bool is_new = false;
  DeclaredClient& declared = declared_.sends({datagram.sender, datagram.receiver, datagram.parent}, client, question,
                                             datagram.frame.time, is_new);
  if (is_client) {
    if (is_new) begin_declared(datagram, header, declared.attempt.emplace());
    Attempt& attempt = *declared.attempt;
    attempt.note(header.anomaly);
    outcome.events.emplace_back(std::in_place_type<MessageEvent>, attempt.id, Ends{datagram.sender, datagram.receiver},
                                Direction::from_client, stamp_of(datagram.frame), size, Message(header));
    if (is_new) outcome.events.emplace_back(OpenedEvent{attempt});
    show_declared(datagram, size, Direction::from_client, attempt, outcome);
  } else if (is_new) {
    outcome.events.emplace_back(SkippedEvent{datagram.sender, datagram.receiver, "the proxy header names no client",
                                             datagram.parent, datagram.frame.number});
  }
  while (declared_.has_too_many()) end_declared(Ended::gave_way, outcome);
}

void Tracker::begin_declared(const Datagram& datagram, const Message& header, Attempt& attempt) {
  attempt.id = next_id_++;
  attempt.parent = datagram.parent;
  attempt.layer = datagram.layer;
  attempt.protocol = header.protocol;
  attempt.transport = Transport::udp;
  attempt.carrier_first = stamp_of(datagram.frame);
  attempt.carrier = {datagram.sender, datagram.receiver};
  attempt.client = *header.real_client;
  attempt.proxy = datagram.sender;
  attempt.target = header.target;
  attempt.origin = Origin{datagram.receiver, Provenance::carrier, {}};
  if (datagram.parent != no_tunnel) {  // the tunnel outside may show them in their mapped form
    attempt.proxy.address = attempt.proxy.address.unmapped();
    attempt.origin->endpoint.address = attempt.origin->endpoint.address.unmapped();
  }
  attempt.status = Status::established;
  attempt.first = attempt.request = stamp_of(datagram.frame);
  ++counters_.tunnels;
}

void Tracker::show_declared(const Datagram& datagram, std::uint32_t cut, Direction direction, Attempt& attempt,
                            Outcome& outcome) {
  attempt.last = std::max(attempt.last, datagram.frame.number);
  outcome.progress = Progress::open;
  if (cut > 0) outcome.parts.push_back({cut, no_tunnel});
  outcome.parts.push_back({datagram.length - cut, attempt.id});
  show_datagram(datagram, {cut, VirtualKind::translated, direction, attempt.client, attempt.origin->endpoint, 0},
                attempt, outcome);
}

// The one that is idle for longest.
void Tracker::end_declared(Ended why, Outcome& outcome) {
  DeclaredClient idlest = declared_.take_idlest();
  if (!idlest.attempt) return;
  if (why == Ended::gave_way) idlest.attempt->note("gave-way");
  note_overflow(*idlest.attempt);
  outcome.events.emplace_back(EndedEvent{std::move(*idlest.attempt)});
}

}  // namespace proxytunnel
