// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which UDP association a datagram belongs to.
// spec: RFC 1928 sections 4, 6 and 7
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/direction.hpp"
#include "base/endpoint.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// What the handshake said of an association.
struct Association {
  TunnelId id = no_tunnel;
  unsigned layer = 0;           ///< of the datagrams that it relays
  Address client;               ///< of the connection that keeps it alive
  Endpoint announced;           ///< whence the client said it would send; port 0: anywhere
  std::vector<Endpoint> relay;  ///< where the proxy takes datagrams: BND, and the proxy's own address with that port
};

/// The associations that are alive. A relay may serve many (v2ray has one port for all), and a client's port says whose
/// datagram it is: the first one from a port binds it, to the association that announced it, else to the latest one of
/// that client which has no port yet. Most clients announce 0.0.0.0:0 and send from a port that nobody knows before.
class Associations {
 public:
  void add(Association association);
  void remove(TunnelId id);

  struct Match {
    TunnelId id;
    Direction direction;
    Endpoint client;  ///< the client's end of the datagram
  };
  enum class Ports : std::uint8_t {
    known,    ///< only ports that were bound before
    any_new,  ///< a port of the client may be a new one
  };
  /// The association of a datagram of this layer; nullopt if there is none.
  [[nodiscard]] std::optional<Match> find(const Endpoint& sender, const Endpoint& receiver, unsigned layer,
                                          Ports ports);

 private:
  struct Entry {
    Association association;
    std::vector<std::pair<Endpoint, Endpoint>> bound;  ///< keys in bound_
  };
  using Bound = std::map<std::pair<Endpoint, Endpoint>, TunnelId>;

  [[nodiscard]] std::optional<TunnelId> known(const Endpoint& relay, const Endpoint& client, unsigned layer) const;
  [[nodiscard]] std::optional<TunnelId> bind(const Endpoint& relay, const Endpoint& client, unsigned layer,
                                             Direction direction);

  std::map<TunnelId, Entry> entries_;
  std::map<Endpoint, std::vector<TunnelId>> by_relay_;  ///< in the order of their opening
  Bound bound_;                                         ///< by relay and the client's end
};

}  // namespace proxytunnel
