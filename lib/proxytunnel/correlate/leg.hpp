// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a leg: a connection, or a flow of datagrams, that is no proxy session and may be a proxy's to an origin.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/limits.hpp"
#include "correlate/content.hpp"
#include "tcp/connection_table.hpp"
#include "tcp/sequence.hpp"
#include "tunnel/attempt.hpp"

namespace proxytunnel {

struct Leg {
  Transport transport = Transport::tcp;
  Ends ends;  ///< who opened it first
  Stamp first, last;
  std::size_t source = 0;  ///< the capture that has it, as its collector was told
  Content content;         ///< from_client is what the initiator said
};

/// Takes every packet of a capture and gives the legs in it. Connections that nobody answered are none.
class LegCollector {
 public:
  /// At most `most` legs are kept, a quarter of them flows of datagrams. Beginnings can be compared with those of who
  /// has the same key.
  LegCollector(const HashKey& key, std::size_t source, std::size_t most = limits::legs);
  ~LegCollector();

  /// On the wire, in the order of the capture.
  void segment(const Segment& segment);
  void datagram(const Datagram& datagram);
  /// A connection with a proxy is no leg: that which carries the attempt.
  void session(const Attempt& attempt);

  /// All legs, when the capture is over, in the order of their first frames.
  [[nodiscard]] std::vector<Leg> finish();
  /// Connections of which nothing is known, since there were too many.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Open;
  using Slot = std::unique_ptr<Open>;

  Open& begin(const ConnectionKey& key, Transport transport, Ends ends, Stamp stamp);
  void end(Slot& slot);
  void see_end(Open& open, Side side, const ConnectionKey& key);

  HashKey key_;
  std::size_t source_, most_;
  Room room_{limits::leg_bytes_total};
  ConnectionTable<Slot> connections_, flows_;
  std::deque<std::pair<ConnectionKey, FrameNumber>> closed_;  ///< with their first frames, in the order of closing
  std::vector<Leg> legs_;
  /// Connections with proxies that were over when that was known, in whatever network: from which frame to which.
  std::unordered_map<ConnectionKey, std::vector<std::pair<FrameNumber, FrameNumber>>, ConnectionKeyHash> sessions_;
  std::size_t kept_flows_ = 0;  ///< among legs_
  std::uint64_t dropped_ = 0;
};

}  // namespace proxytunnel
