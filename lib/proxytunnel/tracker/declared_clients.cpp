// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the clients that PROXY headers in front of datagrams declare, and to which of them an answer goes.
#include "tracker/declared_clients.hpp"

#include <iterator>
#include <limits>
#include <utility>

namespace proxytunnel {
namespace {

bool is_idle(const DeclaredClient& client, Time now) noexcept {
  return client.last <= std::numeric_limits<Time>::max() - limits::declared_idle &&
         now > client.last + limits::declared_idle;
}

}  // namespace

void DeclaredClients::take_turn(const Key& key, DeclaredClient& client, bool is_answered, Time now) {
  turns_.erase({key.carrier, client.is_answered, client.turn});
  by_use_.erase(client.turn);
  client.is_answered = is_answered;
  client.turn = next_turn_++;
  client.last = now;
  turns_.emplace(Turn{key.carrier, is_answered, client.turn}, key.client);
  by_use_.emplace(client.turn, key);
}

DeclaredClient& DeclaredClients::sends(const DatagramCarrier& carrier, const Endpoint& client,
                                       const std::optional<DnsQuestion>& question, Time now, bool& is_new) {
  const Key key{carrier, client};
  const auto [found, is_added] = clients_.try_emplace(key);
  is_new = is_added;
  take_turn(key, found->second, false, now);
  if (question) asked_.set({carrier, *question}, client);
  return found->second;
}

std::optional<Endpoint> DeclaredClients::only_client(const DatagramCarrier& carrier, Time now) const noexcept {
  if (!knows(carrier)) return std::nullopt;
  const auto first = turns_.lower_bound({carrier});
  const auto second = std::next(first);
  if (second != turns_.end() && second->first.carrier == carrier) return std::nullopt;
  const DeclaredClient& only = clients_.at({carrier, first->second});
  return only.attempt && !is_idle(only, now) ? std::optional(first->second) : std::nullopt;
}

DeclaredClient* DeclaredClients::find(const DatagramCarrier& carrier, const Endpoint& client, Time now) {
  const auto found = clients_.find({carrier, client});
  return found == clients_.end() || is_idle(found->second, now) ? nullptr : &found->second;
}

DeclaredClients::Answered DeclaredClients::answers(const DatagramCarrier& carrier,
                                                   const std::optional<DnsQuestion>& question, Time now) {
  Answered answered;
  Endpoint client;
  if (const Endpoint* asker = question ? asked_.find({carrier, *question}) : nullptr) {
    client = *asker;
    answered.client = find(carrier, client, now);
  }
  if (answered.client == nullptr) {
    const auto first = turns_.lower_bound({carrier});
    const bool waits_one = !first->first.is_answered;
    const auto behind = waits_one ? turns_.lower_bound({carrier, true})
                                  : turns_.upper_bound({carrier, true, std::numeric_limits<std::uint64_t>::max()});
    const auto latest = std::prev(behind);
    client = latest->second;
    answered = {find(carrier, client, now), latest != first};
  }
  if (answered.client != nullptr) take_turn({carrier, client}, *answered.client, true, now);
  return answered;
}

DeclaredClient DeclaredClients::take_idlest() {
  const auto oldest = by_use_.begin();
  const auto found = clients_.find(oldest->second);
  DeclaredClient taken = std::move(found->second);
  turns_.erase({oldest->second.carrier, taken.is_answered, taken.turn});
  clients_.erase(found);
  by_use_.erase(oldest);
  return taken;
}

}  // namespace proxytunnel
