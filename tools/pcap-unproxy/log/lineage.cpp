// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which connections and conversations have a row in conn.log although --select did not choose them.
#include "log/lineage.hpp"

namespace unproxy {

using proxytunnel::Attempt;
using proxytunnel::ConnectionRecord;
using proxytunnel::no_tunnel;

// PROXY headers in front of datagrams are in no connection.
std::optional<Lineage::Key> Lineage::key_of(const Attempt& attempt) {
  const bool is_of_tcp = attempt.carrier_transport() == proxytunnel::Transport::tcp;
  if (!is_of_tcp || attempt.parent != no_tunnel) return std::nullopt;
  return Key(attempt.carrier.initiator, attempt.carrier.acceptor, attempt.carrier_first.frame, attempt.inside_tls);
}

// It was chosen: whatever carries it has a row.
void Lineage::note(const Attempt& attempt) {
  std::optional<Key> connection = key_of(attempt);
  for (auto parent = attempt.parent; parent != no_tunnel;) {
    const auto found = open_.find(parent);
    if (found == open_.end() || found->second.has_chosen) return;
    found->second.has_chosen = true;
    parent = found->second.parent;
    connection = found->second.carrier;
  }
  if (!connection) return;
  const auto carrier = carriers_.try_emplace(*connection).first;
  carrier->second.has_chosen = true;
  settle(carrier);
}

void Lineage::opened(const Attempt& attempt, Chosen chosen) {
  const std::optional<Key> carrier = key_of(attempt);
  if (carrier) ++carriers_[*carrier].open;
  if (chosen == Chosen::yes) note(attempt);
  open_.emplace(attempt.id, Tunnel{attempt.parent, carrier, chosen == Chosen::yes});
}

Chosen Lineage::ended(const Attempt& attempt, Chosen chosen) {
  const auto open = open_.find(attempt.id);
  if (open == open_.end()) {
    if (chosen == Chosen::yes) note(attempt);
    return chosen;
  }
  const Tunnel tunnel = open->second;
  open_.erase(open);
  const auto carrier = tunnel.carrier ? carriers_.find(*tunnel.carrier) : carriers_.end();
  if (carrier != carriers_.end()) {
    --carrier->second.open;
    settle(carrier);
  }
  return tunnel.has_chosen ? Chosen::yes : Chosen::no;
}

void Lineage::connection(const ConnectionRecord& record) {
  const auto carrier =
      carriers_.find({record.ends.initiator, record.ends.acceptor, record.first.frame, record.decrypted});
  if (carrier == carriers_.end()) return;
  carrier->second.is_over = true;
  carrier->second.waiting = record;
  settle(carrier);
}

// What a connection did not carry is known when all in it is over, which may be after itself.
void Lineage::settle(std::map<Key, Carrier>::iterator place) {
  Carrier& carrier = place->second;
  if (carrier.waiting && carrier.has_chosen) {
    ready_.push_back(std::move(*carrier.waiting));
    carrier.waiting.reset();
  }
  if (carrier.is_over && carrier.open == 0) carriers_.erase(place);
}

}  // namespace unproxy
