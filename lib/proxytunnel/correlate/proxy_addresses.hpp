// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which addresses a proxy has on the other side, learned from legs that are its own.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "base/endpoint.hpp"

namespace proxytunnel {

class ProxyAddresses {
 public:
  /// Whoever asks proxies for something: mostly no proxy.
  void add_client(const Address& client) { clients_.insert(client.unmapped()); }
  [[nodiscard]] bool is_client(const Address& address) const { return clients_.contains(address); }

  /// A leg of it that cannot be mistaken comes from there.
  void learn(const Address& proxy, const Address& address) { known_.emplace(proxy, address); }
  /// One that is alone in what it said does.
  void vote(const Address& proxy, const Address& address) { ++votes_[{proxy, address.version}][address]; }
  /// Of each proxy and version of IP, the address with most votes is its own; where others are known, with two at
  /// least. A client of proxies needs more: it may ask the origin itself, too.
  void count_votes();

  enum class Unknown : bool { denied, allowed };
  /// Whether a leg from there may be the proxy's; `unknown` is the answer where no address of it is known.
  [[nodiscard]] bool has(const Address& proxy, const Address& address, Unknown unknown) const;
  [[nodiscard]] const std::set<std::pair<Address, Address>>& known() const noexcept { return known_; }

 private:
  [[nodiscard]] bool knows(const Address& proxy, unsigned version) const;

  std::set<Address> clients_;
  std::set<std::pair<Address, Address>> known_;  ///< of a proxy, and of its legs
  std::map<std::pair<Address, unsigned>, std::map<Address, std::size_t>> votes_;
};

}  // namespace proxytunnel
