// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tracker keeps for one TCP connection: little for all, more while it may be a proxy session.
#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/range_set.hpp"
#include "base/streams.hpp"
#include "synth/translate.hpp"
#include "tcp/sequence.hpp"
#include "tcp/stream_buffer.hpp"
#include "tracker/held.hpp"
#include "tunnel/tunnel_connection.hpp"

namespace proxytunnel {

/// The latest that a side's packets said of themselves: what a synthetic segment of that side is made from.
struct LatestHeader {
  IpFields ip;
  std::uint16_t window = 0;
  std::vector<std::uint8_t> envelope;
  bool seen = false;

  void remember(const Segment& segment) {
    ip = segment.ip;
    window = segment.window();
    envelope.assign(segment.frame.envelope.begin(), segment.frame.envelope.end());
    seen = true;
  }
};

/// A connection whose payload is looked at: its streams, its handshake and what must wait for the tunnel to open.
struct Handshaking final : Streams {
  Handshaking(PerSide<Endpoint> ends, TunnelParent parent, Stamp first, Budget& budget)
      : initiator(budget), acceptor(budget), held(budget), tunnel(ends, parent, first) {}

  [[nodiscard]] StreamBuffer& stream(Side side) noexcept { return side == Side::initiator ? initiator : acceptor; }
  [[nodiscard]] const StreamBuffer& stream(Side side) const noexcept {
    return side == Side::initiator ? initiator : acceptor;
  }
  [[nodiscard]] Bytes untaken(Side side) const noexcept override { return stream(side).untaken(); }
  [[nodiscard]] Offset taken(Side side) const noexcept override { return stream(side).taken(); }
  [[nodiscard]] Stamp stamp(Side side, std::size_t size) const noexcept override {
    return stream(side).stamp(stream(side).taken() + static_cast<Offset>(size));
  }
  [[nodiscard]] bool has_hole(Side side) const noexcept override { return stream(side).has_hole(); }
  void take(Side side, std::size_t size) noexcept override { stream(side).take(size); }

  StreamBuffer initiator, acceptor;
  HeldSegments held;
  TunnelConnection tunnel;
  PerSide<LatestHeader> latest;
  PerSide<RangeSet> lost{RangeSet(limits::payload_ranges), RangeSet(limits::payload_ranges)};  ///< no room to hold it
  bool overflowed = false;  ///< handshake bytes were lost for want of room
};

/// A virtual conversation: the real endpoints and, for each side, the base: the first byte that is not handshake.
struct VirtualConnection {
  Attempt attempt;
  Side client = Side::initiator;
  PerSide<Offset> base;
  PerSide<Endpoint> ends;  ///< the virtual endpoint that stands for each side
  bool shown = true;       ///< false where the virtual conversation would run into another one (tuple-in-use)

  [[nodiscard]] Direction direction(Side side) const noexcept {
    return side == client ? Direction::from_client : Direction::from_server;
  }
};

enum class Phase : std::uint8_t {
  fresh,        ///< no payload yet
  handshaking,  ///< undecided or in a handshake
  open,         ///< a tunnel: every segment is translated
  passed        ///< nothing of ours
};

struct Connection {
  PerSide<SequenceSpace> space;
  PerSide<SynOptions> syn;  ///< window 0: no SYN seen
  std::unique_ptr<Handshaking> handshaking;
  std::unique_ptr<VirtualConnection> open;
  std::uint32_t network = 0;
  Stamp first;
  PerSide<Endpoint> ends;
  TunnelId parent = no_tunnel;
  unsigned layer = 0;
  Phase phase = Phase::fresh;
  PerSide<bool> syn_seen, fin_seen;
  bool reset = false;

  /// The attempt in progress or open; nullptr if there is none.
  [[nodiscard]] const Attempt* attempt() const noexcept {
    if (open) return &open->attempt;
    return handshaking ? handshaking->tunnel.attempt() : nullptr;
  }
  [[nodiscard]] Attempt* attempt() noexcept { return const_cast<Attempt*>(std::as_const(*this).attempt()); }
  [[nodiscard]] bool closed() const noexcept {
    return reset || (fin_seen[Side::initiator] && fin_seen[Side::acceptor]);
  }
  [[nodiscard]] Side side_of(const Endpoint& sender) const noexcept {
    return sender == ends[Side::initiator] ? Side::initiator : Side::acceptor;
  }
};

}  // namespace proxytunnel
