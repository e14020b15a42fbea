// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from which port which association of a client sends; bounded, those that were used least lately go first.
#include "udp/client_ports.hpp"

namespace proxytunnel {

std::optional<TunnelId> ClientPorts::find(const ClientPort& port) {
  if (const auto known = younger_.find(port); known != younger_.end()) return known->second;
  auto used = elder_.extract(port);
  if (used.empty()) return std::nullopt;
  const TunnelId id = used.mapped();
  younger_.insert(std::move(used));
  grow_old();
  return id;
}

void ClientPorts::set(const ClientPort& port, TunnelId id) {
  elder_.erase(port);
  younger_[port] = id;
  grow_old();
}

void ClientPorts::grow_old() {
  if (younger_.size() < most_) return;
  for (const auto& [port, id] : elder_) forgotten_.push_back(id);
  elder_ = std::exchange(younger_, {});
}

}  // namespace proxytunnel
