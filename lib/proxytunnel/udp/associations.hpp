// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which UDP association a datagram belongs to.
// spec: RFC 1928 sections 4, 6 and 7
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/connection_key.hpp"
#include "base/direction.hpp"
#include "base/endpoint.hpp"
#include "base/limits.hpp"
#include "base/segment.hpp"
#include "udp/client_ports.hpp"

namespace proxytunnel {

/// What the handshake said of an association.
struct Association {
  TunnelId id = no_tunnel;
  unsigned layer = 0;                ///< of the datagrams that it relays
  Address client;                    ///< of the connection that keeps it alive
  Endpoint announced;                ///< whence the client said it would send; zeros say nothing
  Endpoint relay;                    ///< where the proxy takes datagrams
  std::optional<Address> elsewhere;  ///< another address where it does, on the same port
  ConnectionKey control;             ///< the connection that keeps it alive
  NetworkId network = 0;             ///< of the datagrams that it relays; 0 inside a tunnel
};

/// The associations that are alive. A relay may serve many (v2ray has one port for all), and a client's port says whose
/// datagram it is: the first one from a port binds it, to the association that announced it, else to the latest one of
/// that client which has no port yet. Most clients announce 0.0.0.0:0 and send from a port that nobody knows before.
///
/// An announced address that is not the client's (of the TCP connection) is one more from which it may send, if it is
/// nobody's else: until a datagram comes from the client's own address, for then the announcement meant something else.
///
/// However many associations and ports there are, each call takes logarithmic time.
class Associations {
 public:
  /// At least as many ports are known, those used last, and at most twice as many.
  explicit Associations(std::size_t ports = limits::connections) noexcept : ports_(ports) {}

  void add(const Association& association);
  void remove(TunnelId id);
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  struct Match {
    TunnelId id;
    ConnectionKey control;
    Direction direction;
    Endpoint relay;   ///< the proxy's end of the datagram
    Endpoint client;  ///< the client's
    PortUse* use;     ///< what is known of the client's end; until the next call
  };
  enum class Ports : std::uint8_t {
    known,    ///< only ports that were bound before
    any_new,  ///< a port of the client may be a new one
  };
  /// The association of a datagram of this layer, and on the wire of this network; nullopt if there is none.
  [[nodiscard]] std::optional<Match> find(const Endpoint& sender, const Endpoint& receiver, unsigned layer, Ports ports,
                                          NetworkId network = 0);

  /// The connections of associations of which a port was forgotten since the last call: there were too many.
  [[nodiscard]] std::vector<ConnectionKey> take_crowded();

 private:
  struct Entry {
    Association association;
    std::uint32_t order;      ///< counts associations as they come
    bool is_bound = false;    ///< it had a port
    bool is_at_home = false;  ///< it had a port of the client's own address
  };
  using Entries = std::map<TunnelId, Entry>;

  /// What a client's new port may mean to an association.
  enum class Role : std::uint8_t {
    foreign,    ///< of an announced address that is not the client's: that port, or any
    unbound,    ///< any port, and it has none yet
    other,      ///< one more port than it has or announced
    announced,  ///< that port
  };
  /// Where an association is found. Those of one relay, client and layer stand together; of those of one role and port
  /// the latest is the last.
  struct Place {
    Endpoint relay;
    Address client;
    std::uint8_t layer = 0;
    NetworkId network = 0;
    Role role = Role::foreign;
    std::uint16_t port = 0;  ///< what was announced, in the roles of that
    std::uint32_t order = 0;

    auto operator<=>(const Place&) const = default;
  };

  template <class Visit>
  static void each_place(const Entry& entry, Visit visit);
  [[nodiscard]] std::size_t& in_layer(unsigned layer) noexcept {
    return in_layer_[std::min<std::size_t>(layer, in_layer_.size() - 1)];
  }
  [[nodiscard]] Entry* latest(Place place);
  [[nodiscard]] Entry* choose(const ClientPort& port, Direction direction);
  PortUse* bind(Entry& entry, const ClientPort& port);

  Entries entries_;
  std::map<Place, TunnelId> places_;
  std::array<std::size_t, limits::layers + 2> in_layer_{};  ///< associations that relay datagrams of it
  ClientPorts ports_;
  std::uint32_t next_ = 0;
};

}  // namespace proxytunnel
