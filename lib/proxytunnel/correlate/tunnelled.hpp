// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a virtual conversation as correlation sees it: who asked for whom, when, and what was said.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.hpp"
#include "correlate/content.hpp"
#include "tunnel/attempt.hpp"

namespace proxytunnel {

/// Of a tunnel, or of one target of a UDP association.
struct Tunnelled {
  TunnelId id = no_tunnel;
  std::uint32_t flow = 0;
  Transport transport = Transport::tcp;
  bool is_forwarded = false;  ///< requests, whose heads the proxy writes anew
  Endpoint client, proxy;
  Target target;
  std::optional<Endpoint> bound;  ///< the socket that the proxy took, by its reply
  std::vector<Address> named;     ///< that something in a capture has for the target's name
  Stamp request, reply;           ///< frame 0: none
  Time end = 0;                   ///< when it was over, or last seen
  Content content;
};

/// Takes what comes of a tracker, and gives what opened.
class TunnelledCollector {
 public:
  explicit TunnelledCollector(const HashKey& key);
  ~TunnelledCollector();

  void opened(const Attempt& attempt);
  void packet(TunnelId tunnel, std::uint32_t flow, Transport transport, Direction direction, Offset offset,
              Bytes payload, std::uint32_t length, Stamp stamp);
  void ended(const Attempt& attempt);

  [[nodiscard]] std::vector<Tunnelled> take() { return std::move(ended_); }
  [[nodiscard]] std::vector<Tunnelled>& all() noexcept { return ended_; }

 private:
  using Flows = std::unordered_map<std::uint32_t, std::unique_ptr<ContentReader>>;

  void add(const Attempt& attempt, std::uint32_t flow, const Target& target, const std::optional<Origin>& origin,
           Content content);

  HashKey key_;
  Room room_{limits::leg_bytes_total};
  std::unordered_map<TunnelId, Flows> open_;
  std::vector<Tunnelled> ended_;
};

}  // namespace proxytunnel
