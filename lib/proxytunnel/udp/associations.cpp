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

// The port from which the client said it would send; 0 if it left that open. Clients announce zeros, their own port,
// and also things that have nothing to do with it: v2ray the target of the first datagram (lab capture socks5_udp).
std::uint16_t announced_port(const Association& association) noexcept {
  const Endpoint& announced = association.announced;
  const bool is_of_client =
      announced.address.is_unspecified() || announced.address.unmapped() == association.client.unmapped();
  return is_of_client ? announced.port : std::uint16_t{0};
}

}  // namespace

template <class Visit>
void Associations::each_place(const Entry& entry, Visit visit) {
  const Association& association = entry.association;
  const std::uint16_t port = announced_port(association);
  Place place;
  place.client = association.client.unmapped();
  place.layer = static_cast<std::uint8_t>(association.layer);
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
  visit_at(association.relay.address);
  if (association.elsewhere) visit_at(*association.elsewhere);
}

void Associations::add(const Association& association) {
  Entry& entry = entries_[association.id];
  entry = {association, next_++};
  each_place(entry, [&](const Place& place) { places_.emplace(place, association.id); });
}

void Associations::remove(TunnelId id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  each_place(entry->second, [this](const Place& place) { places_.erase(place); });
  entries_.erase(entry);
}

std::optional<Associations::Match> Associations::find(const Endpoint& sender, const Endpoint& receiver, unsigned layer,
                                                      Ports ports) {
  const auto look = [&](const Endpoint& relay, const Endpoint& client, Direction direction) -> std::optional<Match> {
    const ClientPort port{plain(relay), plain(client), static_cast<std::uint8_t>(layer)};
    const auto first = places_.lower_bound({port.relay, port.client.address, port.layer});
    const bool is_relay = first != places_.end() && first->first.relay == port.relay &&
                          first->first.client == port.client.address && first->first.layer == port.layer;
    if (!is_relay) return std::nullopt;
    Entry* entry = known(port);
    if (entry == nullptr && ports == Ports::any_new) {
      entry = choose(port, direction);
      if (entry != nullptr) bind(*entry, port);
    }
    if (entry == nullptr) return std::nullopt;
    return Match{entry->association.id, entry->association.control, direction, client};
  };
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

Associations::Entry* Associations::known(const ClientPort& port) {
  const auto id = ports_.find(port);
  const auto entry = id ? entries_.find(*id) : entries_.end();
  return entry == entries_.end() ? nullptr : &entry->second;
}

Associations::Entry* Associations::choose(const ClientPort& port, Direction direction) {
  Place place{port.relay, port.client.address, port.layer, Role::announced, port.client.port};
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
  return nullptr;
}

void Associations::bind(Entry& entry, const ClientPort& port) {
  const TunnelId id = entry.association.id;
  if (!entry.is_bound) {
    each_place(entry, [this](const Place& place) { places_.erase(place); });
    entry.is_bound = true;
    each_place(entry, [&](const Place& place) { places_.emplace(place, id); });
  }
  ports_.set(port, id);
}

std::vector<ConnectionKey> Associations::take_crowded() {
  std::vector<ConnectionKey> crowded;
  for (const TunnelId id : ports_.take_forgotten()) {
    const auto entry = entries_.find(id);
    if (entry != entries_.end()) crowded.push_back(entry->second.association.control);
  }
  return crowded;
}

}  // namespace proxytunnel
