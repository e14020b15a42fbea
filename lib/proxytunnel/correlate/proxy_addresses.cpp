// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which addresses a proxy has on the other side, learned from legs that are its own.
#include "correlate/proxy_addresses.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

constexpr std::size_t votes_of_another = 2, votes_of_a_client = 3;

}  // namespace

void ProxyAddresses::count_votes() {
  for (const auto& [of, counts] : votes_) {
    const auto& [proxy, version] = of;
    std::size_t most = knows(proxy, version) ? votes_of_another : 1;
    for (const auto& [address, count] : counts) most = std::max(most, count);
    for (const auto& [address, count] : counts) {
      if (count == most && (count >= votes_of_a_client || !is_client(address))) known_.emplace(proxy, address);
    }
  }
}

bool ProxyAddresses::knows(const Address& proxy, unsigned version) const {
  for (auto known = known_.lower_bound({proxy, Address()}); known != known_.end(); ++known) {
    if (known->first != proxy) break;
    if (known->second.version == version) return true;
  }
  return false;
}

bool ProxyAddresses::has(const Address& proxy, const Address& address, Unknown unknown) const {
  if (proxy == address || known_.contains({proxy, address})) return true;
  return unknown == Unknown::allowed && !knows(proxy, address.version) && !is_client(address);
}

}  // namespace proxytunnel
