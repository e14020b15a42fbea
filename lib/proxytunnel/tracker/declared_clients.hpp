// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the clients that PROXY headers in front of datagrams declare, and to which of them an answer goes.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>

#include "base/endpoint.hpp"
#include "base/limits.hpp"
#include "base/owned.hpp"
#include "base/recent.hpp"
#include "base/segment.hpp"
#include "names/dns.hpp"
#include "tunnel/attempt.hpp"

namespace proxytunnel {

/// The two sockets between which datagrams with headers go.
struct DatagramCarrier {
  Endpoint balancer, server;
  TunnelId parent = no_tunnel;  ///< whose datagrams they are

  auto operator<=>(const DatagramCarrier&) const = default;
};

/// A client that a header declared; the balancer itself, where a header named nobody else.
struct DeclaredClient {
  Owned<Attempt> attempt;    ///< none of the balancer itself: its health checks are nobody's
  bool is_answered = false;  ///< since it sent something
  std::uint64_t turn = 0;    ///< counts datagrams
  Time last = 0;             ///< the time of its latest one
};

/// A balancer may use one socket for many clients (dnsdist), and answers have no header: whose an answer is, its DNS
/// question tells, else that only one client waits for one. Where that leaves a choice it is a guess.
class DeclaredClients {
 public:
  explicit DeclaredClients(std::size_t most) noexcept : most_(most), asked_(most) {}

  [[nodiscard]] bool empty() const noexcept { return clients_.empty(); }
  /// Whether headers came over the carrier.
  [[nodiscard]] bool knows(const DatagramCarrier& carrier) const noexcept {
    const auto first = turns_.lower_bound({carrier});
    return first != turns_.end() && first->first.carrier == carrier;
  }

  /// The client sends a datagram: `question` is what it asks, if that is DNS. It may be new, without an attempt then.
  /// References live until the next call that is not const.
  DeclaredClient& sends(const DatagramCarrier& carrier, const Endpoint& client,
                        const std::optional<DnsQuestion>& question, Time now, bool& is_new);

  /// The client whose a datagram of the balancer without a header is: the only one of the carrier, since there are
  /// balancers that have a socket for each client, and put a header in front of its first datagram only.
  [[nodiscard]] std::optional<Endpoint> only_client(const DatagramCarrier& carrier, Time now) const noexcept;

  struct Answered {
    DeclaredClient* client = nullptr;  ///< nullptr: nobody's, it is too late
    bool is_guess = false;
  };
  /// The client to which the server's datagram goes over a carrier that is known; `question` is the one it answers, if
  /// that is DNS.
  Answered answers(const DatagramCarrier& carrier, const std::optional<DnsQuestion>& question, Time now);

  [[nodiscard]] bool has_too_many() const noexcept { return clients_.size() > most_; }
  /// Removes the one that is idle for longest; there is one.
  [[nodiscard]] DeclaredClient take_idlest();

 private:
  struct Key {
    DatagramCarrier carrier;
    Endpoint client;

    auto operator<=>(const Key&) const = default;
  };
  /// Those of a carrier stand together, those that wait for an answer first, and of them the latest is the last.
  struct Turn {
    DatagramCarrier carrier;
    bool is_answered = false;
    std::uint64_t turn = 0;

    auto operator<=>(const Turn&) const = default;
  };
  struct Asked {
    DatagramCarrier carrier;
    DnsQuestion question;

    auto operator<=>(const Asked&) const = default;
  };
  using Turns = std::map<Turn, Endpoint>;

  [[nodiscard]] DeclaredClient* find(const DatagramCarrier& carrier, const Endpoint& client, Time now);
  void take_turn(const Key& key, DeclaredClient& client, bool is_answered, Time now);

  std::size_t most_;
  std::map<Key, DeclaredClient> clients_;
  Turns turns_;
  std::map<std::uint64_t, Key> by_use_;
  Recent<Asked, Endpoint> asked_;
  std::uint64_t next_turn_ = 1;
};

}  // namespace proxytunnel
