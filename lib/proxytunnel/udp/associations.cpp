// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which UDP association a datagram belongs to.
#include "udp/associations.hpp"

#include <iterator>
#include <limits>

namespace proxytunnel {
namespace {

// ::ffff:a.b.c.d and a.b.c.d are one: a tunnel outside may show either.
Endpoint plain(const Endpoint& end) noexcept {
  return {end.address.unmapped(), end.port};
}

bool announces_another_address(const Association& association) noexcept {
  const Address& announced = association.announced.address;
  return !announced.is_unspecified() && announced.unmapped() != association.client.unmapped();
}

// The port of its own address from which the client said it would send; 0 if it left that open.
std::uint16_t announced_port(const Association& association) noexcept {
  return announces_another_address(association) ? std::uint16_t{0} : association.announced.port;
}

}  // namespace

template <class Visit>
void Associations::each_place(const Entry& entry, Visit visit) {
  const Association& association = entry.association;
  const std::uint16_t port = announced_port(association);
  Place place;
  place.client = association.client.unmapped();
  place.layer = static_cast<std::uint8_t>(association.layer);
  place.network = association.network;
  place.order = entry.order;
  const auto visit_at = [&](const Address& relay) {
    place.relay = plain({relay, association.relay.port});
    place.role = port == 0 && !entry.is_bound ? Role::unbound : Role::other;
    place.port = 0;
    visit(place);
    if (port == 0) return;
    place.role = Role::announced;
    place.port = port;
    visit(place);
  };
  // Clients announce zeros, their own port, another address of theirs (udp_announced_other_address), and also what has
  // nothing to do with it: v2ray the target of the first datagram (lab capture socks5_udp).
  const auto visit_announced_at = [&](const Address& relay) {
    place.relay = plain({relay, association.relay.port});
    place.client = association.announced.address.unmapped();
    place.role = Role::foreign;
    place.port = association.announced.port;
    visit(place);
  };
  visit_at(association.relay.address);
  if (association.elsewhere) visit_at(*association.elsewhere);
  if (entry.is_at_home || !announces_another_address(association)) return;
  visit_announced_at(association.relay.address);
  if (association.elsewhere) visit_announced_at(*association.elsewhere);
}

void Associations::add(const Association& association) {
  Entry& entry = entries_[association.id];
  entry = {association, next_++};
  ++in_layer(association.layer);
  each_place(entry, [&](const Place& place) { places_.emplace(place, association.id); });
}

void Associations::remove(TunnelId id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  each_place(entry->second, [this](const Place& place) { places_.erase(place); });
  --in_layer(entry->second.association.layer);
  entries_.erase(entry);
}

std::optional<Associations::Match> Associations::find(const Endpoint& sender, const Endpoint& receiver, unsigned layer,
                                                      Ports ports, NetworkId network) {
  const auto look = [&](const Endpoint& relay, const Endpoint& client, Direction direction) -> std::optional<Match> {
    const ClientPort port{plain(relay), plain(client), static_cast<std::uint8_t>(layer), network};
    const auto first = places_.lower_bound({port.relay, port.client.address, port.layer, port.network});
    const bool is_relay = first != places_.end() && first->first.relay == port.relay &&
                          first->first.client == port.client.address && first->first.layer == port.layer &&
                          first->first.network == port.network;
    if (!is_relay) return std::nullopt;
    PortUse* use = ports_.find(port);
    auto entry = use == nullptr ? entries_.end() : entries_.find(use->id);
    if (entry == entries_.end()) {
      Entry* const chosen = ports == Ports::any_new ? choose(port, direction) : nullptr;
      if (chosen == nullptr) return std::nullopt;
      use = bind(*chosen, port);
      entry = entries_.find(use->id);
    }
    return Match{use->id, entry->second.association.control, direction, relay, client, use};
  };
  if (in_layer(layer) == 0) return std::nullopt;
  if (auto match = look(receiver, sender, Direction::from_client)) return match;
  return look(sender, receiver, Direction::from_server);
}

// The last one of a place, in any order.
Associations::Entry* Associations::latest(Place place) {
  place.order = std::numeric_limits<std::uint32_t>::max();
  const auto behind = places_.upper_bound(place);
  if (behind == places_.begin()) return nullptr;
  const auto& [found, id] = *std::prev(behind);
  place.order = found.order;
  return found == place ? &entries_.at(id) : nullptr;
}

Associations::Entry* Associations::choose(const ClientPort& port, Direction direction) {
  Place place{port.relay, port.client.address, port.layer, port.network, Role::announced, port.client.port};
  if (place.port != 0) {
    if (Entry* entry = latest(place)) return entry;
  }
  // Where the relay speaks first, it can only know what was said.
  if (direction == Direction::from_server) return nullptr;
  place.port = 0;
  for (const Role role : {Role::unbound, Role::other}) {
    place.role = role;
    if (Entry* entry = latest(place)) return entry;
  }
  place.role = Role::foreign;
  for (const std::uint16_t announced : {port.client.port, std::uint16_t{0}}) {
    place.port = announced;
    if (Entry* entry = latest(place)) return entry;
  }
  return nullptr;
}

PortUse* Associations::bind(Entry& entry, const ClientPort& port) {
  const TunnelId id = entry.association.id;
  const bool is_at_home = port.client.address == entry.association.client.unmapped();
  if (!entry.is_bound || (is_at_home && !entry.is_at_home)) {
    each_place(entry, [this](const Place& place) { places_.erase(place); });
    entry.is_bound = true;
    entry.is_at_home |= is_at_home;
    each_place(entry, [&](const Place& place) { places_.emplace(place, id); });
  }
  return ports_.set(port, {id});
}

std::vector<ConnectionKey> Associations::take_crowded() {
  std::vector<ConnectionKey> crowded;
  for (const auto& [port, use] : ports_.take_forgotten()) {
    const auto entry = entries_.find(use.id);
    if (entry != entries_.end()) crowded.push_back(entry->second.association.control);
  }
  return crowded;
}

}  // namespace proxytunnel
