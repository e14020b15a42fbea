// SPDX-License-Identifier: GPL-2.0-or-later
// summary: servers that tunnels were opened through: what else they are sent in absolute-form is for a proxy, too.
#pragma once

#include <deque>
#include <set>

#include "base/endpoint.hpp"
#include "base/limits.hpp"

namespace proxytunnel {

/// At most limits::known_proxies; the first ones leave first.
class KnownProxies {
 public:
  void add(const Endpoint& proxy) {
    if (!known_.insert(unmapped(proxy)).second) return;
    order_.push_back(unmapped(proxy));
    if (order_.size() <= limits::known_proxies) return;
    known_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(const Endpoint& server) const noexcept { return known_.contains(unmapped(server)); }

 private:
  static Endpoint unmapped(const Endpoint& end) noexcept { return {end.address.unmapped(), end.port}; }

  std::set<Endpoint> known_;
  std::deque<Endpoint> order_;
};

}  // namespace proxytunnel
