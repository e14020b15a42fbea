// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one door. Segments and datagrams go in, virtual segments and events come out; nothing is called back.
//
// Theory of operation: a connection is fresh until it carries payload, then it is handshaking until its first bytes and
// its handshake say what it is: passed (nothing of ours, and it costs a table lookup from then on) or open. While it is
// handshaking, its bytes are buffered for the handshake and its segments are held, within limits. When it opens, the
// three segments that open the virtual conversation are made, what was held follows, and from then on every segment is
// translated alone. A virtual segment is a segment: put in again (VirtualSegment::as_segment), it is the next layer.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/budget.hpp"
#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "names/address_book.hpp"
#include "names/synthetic.hpp"
#include "tcp/connection_table.hpp"
#include "tracker/connection.hpp"
#include "tracker/outcome.hpp"

namespace proxytunnel {

struct TrackerOptions {
  Disabled disabled;
  Checksums checksums = Checksums::follow;
  std::size_t connections = limits::connections;
  unsigned layers = limits::layers;
  bool names_from_capture = true;  ///< DNS answers in the capture are evidence
  Prefix synthetic4 = default_synthetic4;
  Prefix synthetic6 = default_synthetic6;
  TunnelId first_id = 0;        ///< of the first attempt
  std::uint64_t hash_seed = 0;  ///< of tables; no result depends on it
};

struct TrackerCounters {
  std::uint64_t connections = 0;          ///< on the wire, tunnels inside tunnels not counted
  std::uint64_t tunnels = 0;              ///< opened
  std::uint64_t dropped_connections = 0;  ///< forgotten because there were more than `connections`
};

class Tracker {
 public:
  explicit Tracker(const TrackerOptions& options);

  /// One TCP segment, in the order of the capture. `outcome` is cleared and filled.
  /// For each virtual segment that comes out, as_segment() is to be put in again before the next captured segment, with
  /// an Outcome of its own: that is how tunnels inside tunnels are found.
  void segment(const Segment& segment, Outcome& outcome) noexcept;

  /// One UDP datagram: its addresses occur, and names are learned from DNS answers.
  void datagram(const Datagram& datagram) noexcept {
    addresses_occur(datagram);
    learn(datagram);
  }
  /// The two halves of datagram(), for a caller that knows DNS answers before their turn.
  void addresses_occur(const Datagram& datagram) noexcept;
  void learn(const Datagram& datagram) noexcept;

  /// The capture is over: the final record of everything that is still alive. The tracker is empty afterwards.
  void finish(Outcome& outcome) noexcept;

  /// Visits the attempts that are in progress or open, each as it is known now. Those whose requests were not
  /// understood have no id.
  template <class Visit>
  void each_alive(Visit visit) const {
    const auto visit_attempt = [&visit](const Connection& connection) {
      if (const Attempt* attempt = connection.attempt()) visit(*attempt);
    };
    table_.each(visit_attempt);
    inside_.each(visit_attempt);
  }

  /// For names that the caller knows from elsewhere (name resolution blocks, hosts files).
  [[nodiscard]] AddressBook& names() noexcept { return names_; }
  [[nodiscard]] const TrackerCounters& counters() const noexcept { return counters_; }

 private:
  void begin(Connection& connection, const Segment& segment);
  void see_syn(Connection& connection, const Segment& segment, Outcome& outcome);
  void see_close(Connection& connection, const Segment& segment, Side side);
  void feed(Connection& connection, const Segment& segment, Side side, Outcome& outcome);
  void open(Connection& connection, const Frame& frame, Outcome& outcome);
  void show(Connection& connection, const Segment& segment, VirtualKind kind, Outcome& outcome);
  void end(Connection& connection, Outcome& outcome);
  void end_inside(const VirtualConnection& opened, Outcome& outcome);
  void release_tuple(const VirtualConnection& opened);

  struct KeyHash {
    std::uint64_t seed = 0;
    std::size_t operator()(const ConnectionKey& key) const noexcept { return key.hash(seed); }
  };

  [[nodiscard]] bool tuple_in_use(const VirtualConnection& opened);

  TrackerOptions options_;
  ConnectionTable<Connection> table_;   ///< on the wire
  ConnectionTable<Connection> inside_;  ///< virtual conversations, as long as their tunnels live
  Budget held_budget_{limits::held_bytes_total};
  AddressBook names_;
  SyntheticAddresses synthetic_;
  /// Virtual conversations that are alive, by their ends.
  std::unordered_map<ConnectionKey, TunnelId, KeyHash> tuples_;
  TunnelId next_id_ = 0;
  TrackerCounters counters_;
};

}  // namespace proxytunnel
