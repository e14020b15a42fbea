// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a virtual conversation as correlation sees it.
#include "correlate/tunnelled.hpp"

#include <algorithm>

#include "handshake/families.hpp"

namespace proxytunnel {
namespace {

// Who accepted the client's connection says whose it is, by the PROXY protocol or a field of HTTP: on this very leg.
// And the peer of BIND comes to the proxy.
bool has_other_leg(const Attempt& attempt) noexcept {
  const Family family = family_of(attempt.protocol);
  if (family == Family::proxy_protocol || family == Family::http_forwarded) return false;
  return attempt.command == Command::connect || attempt.command == Command::udp_associate ||
         attempt.command == Command::forward;
}

std::vector<Address> addresses_in(const Origin& origin) {
  std::vector<Address> addresses;
  const auto add = [&addresses](const Address& address, Provenance provenance) {
    const bool is_evidence = provenance != Provenance::synthetic && provenance != Provenance::literal;
    const bool is_known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (is_evidence && !is_known) addresses.push_back(address);
  };
  add(origin.endpoint.address, origin.provenance);
  for (const Candidate& candidate : origin.candidates) add(candidate.address, candidate.provenance);
  return addresses;
}

}  // namespace

TunnelledCollector::TunnelledCollector(const HashKey& key) : key_(key) {}
TunnelledCollector::~TunnelledCollector() = default;

void TunnelledCollector::opened(const Attempt& attempt) {
  if (has_other_leg(attempt)) open_.try_emplace(attempt.id);
}

void TunnelledCollector::packet(TunnelId tunnel, std::uint32_t flow, Transport transport, Direction direction,
                                Offset offset, Bytes payload, std::uint32_t length, Stamp stamp) {
  const auto open = open_.find(tunnel);
  if (open == open_.end() || length == 0 || flow >= limits::flows_per_association) return;
  std::unique_ptr<ContentReader>& reader = open->second[flow];
  if (!reader) reader = std::make_unique<ContentReader>(key_, room_);
  if (transport == Transport::tcp) {
    reader->segment(direction, offset, payload, length, stamp);
  } else {
    reader->datagram(direction, payload, length, stamp);
  }
}

void TunnelledCollector::ended(const Attempt& attempt) {
  const auto open = open_.find(attempt.id);
  if (open == open_.end()) return;
  const Flows flows = std::move(open->second);
  open_.erase(open);
  const auto content_of = [&flows](std::uint32_t flow) {
    const auto found = flows.find(flow);
    return found == flows.end() ? Content() : found->second->value();
  };
  if (attempt.command != Command::udp_associate) {
    if (attempt.target) add(attempt, 0, *attempt.target, attempt.origin, content_of(0));
    return;
  }
  for (std::uint32_t flow = 0; flow < attempt.flows.size(); ++flow) {
    add(attempt, flow, attempt.flows[flow].target, attempt.flows[flow].origin, content_of(flow));
  }
}

void TunnelledCollector::add(const Attempt& attempt, std::uint32_t flow, const Target& target,
                             const std::optional<Origin>& origin, Content content) {
  Tunnelled result;
  result.id = attempt.id;
  result.flow = flow;
  result.transport = attempt.command == Command::udp_associate ? Transport::udp : Transport::tcp;
  result.is_forwarded = attempt.command == Command::forward;
  result.client = attempt.client;
  result.proxy = attempt.proxy;
  result.target = target;
  const auto& bound = attempt.bound;
  const bool is_socket = result.transport == Transport::tcp && bound && bound->address && bound->port != 0;
  if (is_socket && !bound->address->is_unspecified()) result.bound = Endpoint{bound->address->unmapped(), bound->port};
  if (origin && !target.address) result.named = addresses_in(*origin);
  result.request = attempt.request;
  result.reply = attempt.reply;
  result.end = std::max({attempt.closed.time, attempt.shown_at, attempt.reply.time, attempt.request.time});
  result.content = std::move(content);
  ended_.push_back(std::move(result));
}

}  // namespace proxytunnel
