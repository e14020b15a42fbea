// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which UDP association a datagram belongs to.
#include "udp/associations.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace proxytunnel {
namespace {

// ::ffff:a.b.c.d and a.b.c.d are one: a tunnel outside may show either.
Endpoint plain(const Endpoint& end) noexcept {
  return {end.address.unmapped(), end.port};
}

// How well a client's end fits what was said of it; 0: not at all. Clients announce zeros, their own port, and also
// things that have nothing to do with it: v2ray the target of the first datagram (lab capture socks5_udp).
int fitness(const Association& association, bool is_bound, const Endpoint& client, Direction direction) noexcept {
  const Endpoint& announced = association.announced;
  const Address host = association.client.unmapped();
  const bool is_of_client = announced.address.is_unspecified() || announced.address.unmapped() == host;
  if (client.address != host) return 0;
  if (is_of_client && announced.port != 0 && announced.port == client.port) return 3;
  // Where the relay speaks first, it can only know what was said.
  if (direction == Direction::from_server) return 0;
  const bool left_open = !is_of_client || announced.port == 0;
  return left_open && !is_bound ? 2 : 1;
}

}  // namespace

void Associations::add(Association association) {
  for (Endpoint& relay : association.relay) {
    relay = plain(relay);
    by_relay_[relay].push_back(association.id);
  }
  const TunnelId id = association.id;
  entries_[id] = {std::move(association), {}};
}

void Associations::remove(TunnelId id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  for (const Endpoint& relay : entry->second.association.relay) {
    const auto found = by_relay_.find(relay);
    if (found == by_relay_.end()) continue;
    std::erase(found->second, id);
    if (found->second.empty()) by_relay_.erase(found);
  }
  for (const auto& key : entry->second.bound) {
    const auto found = bound_.find(key);
    if (found != bound_.end() && found->second == id) bound_.erase(found);
  }
  entries_.erase(entry);
}

std::optional<Associations::Match> Associations::find(const Endpoint& sender, const Endpoint& receiver, unsigned layer,
                                                      Ports ports) {
  if (by_relay_.empty()) return std::nullopt;
  const auto look = [&](const Endpoint& relay, const Endpoint& client, Direction direction) -> std::optional<Match> {
    const Endpoint plain_relay = plain(relay), plain_client = plain(client);
    if (!by_relay_.contains(plain_relay)) return std::nullopt;
    auto id = known(plain_relay, plain_client, layer);
    if (!id && ports == Ports::any_new) id = bind(plain_relay, plain_client, layer, direction);
    return id ? std::optional(Match{*id, direction, client}) : std::nullopt;
  };
  if (auto match = look(receiver, sender, Direction::from_client)) return match;
  return look(sender, receiver, Direction::from_server);
}

std::optional<TunnelId> Associations::known(const Endpoint& relay, const Endpoint& client, unsigned layer) const {
  const auto found = bound_.find({relay, client});
  const bool is_alive = found != bound_.end() && entries_.at(found->second).association.layer == layer;
  return is_alive ? std::optional(found->second) : std::nullopt;
}

std::optional<TunnelId> Associations::bind(const Endpoint& relay, const Endpoint& client, unsigned layer,
                                           Direction direction) {
  const auto key = std::pair(relay, client);
  const std::vector<TunnelId>& candidates = by_relay_.at(relay);
  Entry* chosen = nullptr;
  int best = 0;
  std::size_t looked_at = 0;
  for (auto id = candidates.rbegin(); id != candidates.rend() && looked_at < limits::associations_searched; ++id) {
    ++looked_at;
    Entry& entry = entries_.at(*id);
    if (entry.association.layer != layer) continue;
    const int fits = fitness(entry.association, !entry.bound.empty(), client, direction);
    if (fits > best) chosen = &entry;
    best = std::max(best, fits);
  }
  if (chosen == nullptr) return std::nullopt;
  const TunnelId id = chosen->association.id;
  if (chosen->bound.size() < limits::ports_per_association) {
    chosen->bound.push_back(key);
    bound_[key] = id;
  }
  return id;
}

}  // namespace proxytunnel
