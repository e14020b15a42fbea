// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is inside each virtual conversation.
#include "inside/insides.hpp"

#include <limits>

#include "base/limits.hpp"

namespace unproxy {

using proxytunnel::Transport;
using proxytunnel::TunnelId;

void Insides::add(const proxytunnel::VirtualPacket& packet) {
  if (packet.flow >= proxytunnel::limits::flows_per_association) return;
  const auto tunnel = found_.find(packet.tunnel);
  if (tunnel == found_.end()) return;
  auto& flows = tunnel->second.flows;
  if (packet.flow >= flows.size()) flows.resize(packet.flow + std::size_t{1});
  if (flows[packet.flow]) return;
  const auto place = waiting_.try_emplace({packet.tunnel, packet.flow}, Waiting{packet.transport, {}}).first;
  FirstPayload& payload = place->second.payload;
  if (packet.transport == Transport::tcp) {
    payload.add_segment(packet.direction, packet.offset, packet.payload);
  } else {
    payload.add_datagram(packet.direction, packet.payload);
  }
  if (payload.is_full()) {
    look(place);
  } else if (waiting_.size() > most_waiting) {
    look(waiting_.begin());
  }
}

void Insides::look(std::map<Key, Waiting>::iterator waiting) {
  const auto& [key, what] = *waiting;
  Tunnel& tunnel = found_.at(key.first);
  proxytunnel::Inside& inside = tunnel.flows[key.second].emplace();
  if (tunnel.wanted == Wanted::yes) inside = inspector_.look(what.transport, what.payload.turns());
  waiting_.erase(waiting);
}

void Insides::ended(proxytunnel::ReportEntry& entry) {
  const auto tunnel = found_.find(entry.attempt.id);
  if (tunnel == found_.end()) return;
  auto next = waiting_.lower_bound({entry.attempt.id, 0});
  while (next != waiting_.end() && next->first.first == entry.attempt.id) look(next++);
  for (auto& inside : tunnel->second.flows) entry.inside.push_back(inside ? std::move(*inside) : proxytunnel::Inside());
  found_.erase(tunnel);
}

void Insides::forget(TunnelId id) {
  waiting_.erase(waiting_.lower_bound({id, 0}), waiting_.upper_bound({id, std::numeric_limits<std::uint32_t>::max()}));
  found_.erase(id);
}

}  // namespace unproxy
