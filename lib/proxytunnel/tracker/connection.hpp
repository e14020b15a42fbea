// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tracker keeps for one TCP connection: little for all, more while it may be a proxy session.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/owned.hpp"
#include "base/range_set.hpp"
#include "base/streams.hpp"
#include "synth/translate.hpp"
#include "tcp/connection_table.hpp"
#include "tcp/receiver.hpp"
#include "tcp/sequence.hpp"
#include "tcp/stream_buffer.hpp"
#include "tracker/conn_account.hpp"
#include "tracker/doubts.hpp"
#include "tracker/held.hpp"
#include "tracker/remainder.hpp"
#include "tracker/shares.hpp"
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

/// A connection whose payload is looked at: its streams, its handshake and what must wait for it.
struct Handshaking final : Streams {
  Handshaking(PerSide<Endpoint> ends, const TunnelParent& parent, Stamp first) : tunnel(ends, parent, first) {}

  [[nodiscard]] StreamBuffer& stream(Side side) noexcept { return side == Side::initiator ? initiator : acceptor; }
  [[nodiscard]] const StreamBuffer& stream(Side side) const noexcept {
    return side == Side::initiator ? initiator : acceptor;
  }
  [[nodiscard]] Bytes untaken(Side side) const noexcept override { return stream(side).untaken(); }
  [[nodiscard]] Offset taken(Side side) const noexcept override { return stream(side).taken(); }
  [[nodiscard]] Stamp stamp(Side side, std::size_t size) const noexcept override { return said(side, size).stamp; }
  [[nodiscard]] std::size_t heard(Side side, std::size_t size) const noexcept override {
    return static_cast<std::size_t>(std::max<Offset>(heard_with(said(side, size)) - taken(other(side)), 0));
  }
  [[nodiscard]] std::size_t unheard(Side side) const noexcept override {
    return stream(side).before([this, side](const Said& with) { return heard_with(with) > taken(other(side)); });
  }
  [[nodiscard]] bool has_hole(Side side) const noexcept override { return stream(side).has_hole(); }
  void take(Side side, std::size_t size) noexcept override { stream(side).take(size); }

  [[nodiscard]] PerSide<Offset> taken() const noexcept { return {initiator.taken(), acceptor.taken()}; }
  [[nodiscard]] Said said(Side side, std::size_t size) const noexcept {
    return stream(side).said(stream(side).taken() + static_cast<Offset>(size));
  }
  /// Captures that were made by hand acknowledge nothing at all.
  [[nodiscard]] Offset heard_with(const Said& with) const noexcept {
    return acknowledges ? with.acknowledged : with.captured;
  }
  /// True if something behind what was taken was captured and not shown: held, or lost for want of room.
  [[nodiscard]] bool has_more() const noexcept {
    const auto has_lost = [this](Side side) {
      const auto& ranges = lost[side].ranges();
      return !ranges.empty() && ranges.back().end > taken(side);
    };
    return !held.empty() || has_lost(Side::initiator) || has_lost(Side::acceptor);
  }
  /// Bytes that it keeps.
  [[nodiscard]] std::size_t kept() const noexcept { return initiator.kept() + acceptor.kept() + held.bytes(); }

  StreamBuffer initiator, acceptor;
  HeldSegments held;
  TunnelConnection tunnel;
  PerSide<LatestHeader> latest;
  PerSide<RangeSet> lost{RangeSet(limits::payload_ranges), RangeSet(limits::payload_ranges)};  ///< no room to hold it
  PerSide<std::optional<Offset>> fin_at;
  bool acknowledges = false;  ///< at least one segment acknowledged something
  bool overflowed = false;    ///< handshake bytes were lost for want of room
  std::uint64_t since = 0;    ///< counts connections that waited, in the order in which they began to
  std::size_t counted = 0;    ///< bytes that the tracker knows of
  int rank = 0;               ///< among those that keep something: the logarithm of how much; 0: nothing
};

/// A virtual conversation: the real endpoints and, for each side, the base: the first byte that may be payload.
struct VirtualConnection {
  Attempt attempt;
  Side client = Side::initiator;
  Side opener = Side::initiator;  ///< whose end sends the virtual SYN: the client's, but for BIND
  PerSide<Offset> base{0, 0};
  PerSide<Offset> size{0, 0};  ///< bytes of its shares
  PerSide<Endpoint> ends;      ///< the virtual endpoint that stands for each side
  bool shown = true;           ///< false beyond the most layers
  bool superseded = false;     ///< a CONNECT took over its ends: what comes late is shown, what closes is not
  LayerPath path = 0;

  [[nodiscard]] Direction direction(Side side) const noexcept {
    return side == client ? Direction::from_client : Direction::from_server;
  }
};

/// The client of a connection in which the proxy refused, and where the client's stream ended then.
struct Refusal {
  Side client;
  Offset end;
};

/// The virtual conversations of one connection: one, or as many as an HTTP proxy's client named origins.
struct Tunnels {
  std::map<TunnelId, VirtualConnection> list;  ///< by id, which is the order of their opening
  PerSide<Shares> shares;
  PerSide<std::optional<Offset>> fin_at;  ///< where a side's stream ended
  /// The latest conversation when what closes (a FIN of each side, what acknowledges it, a RST) was last shown in all
  /// of them: repeated, it belongs to one only.
  PerSide<TunnelId> fin_shown{no_tunnel, no_tunnel}, fin_acknowledged{no_tunnel, no_tunnel};
  TunnelId reset_shown = no_tunnel;

  [[nodiscard]] VirtualConnection& latest() noexcept { return list.rbegin()->second; }
  /// Whose a share is; nullptr if there is no share, or the conversation gave way.
  [[nodiscard]] VirtualConnection* owner_of(const Share* share) noexcept {
    const auto found = share == nullptr ? list.end() : list.find(share->tunnel);
    return found == list.end() ? nullptr : &found->second;
  }
  /// The conversation that has the latest bytes of a side; the latest one if that is not known.
  [[nodiscard]] VirtualConnection& owner_of_latest(Side side) noexcept {
    const auto& known = shares[side].list();
    VirtualConnection* owner = owner_of(known.empty() ? nullptr : &known.back());
    return owner == nullptr ? latest() : *owner;
  }
  [[nodiscard]] TunnelId latest_id() const noexcept { return list.rbegin()->first; }
};

enum class Phase : std::uint8_t {
  fresh,        ///< no payload yet
  handshaking,  ///< undecided or in a handshake, perhaps with tunnels of forwarded requests
  open,         ///< tunnels, and no handshake any more
  relaying,     ///< it keeps a UDP association alive
  passed        ///< nothing of ours
};

struct Connection {
  // What each segment asks for, close together.
  PerSide<Endpoint> ends;
  Phase phase = Phase::fresh;
  PerSide<bool> syn_seen, fin_seen;
  PerSide<Trust> trust;  ///< in the checksums of each side
  Oddities odd;          ///< that are not noted yet, as there was no attempt
  bool reset = false;
  bool decrypted = false;      ///< of segments that were packetized
  bool has_decrypted = false;  ///< TLS between the same ends is another connection
  PerSide<SequenceSpace> space;
  PerSide<Receiver> receiver;  ///< of each side's stream: the other side
  Owned<Doubts> doubts;        ///< segments that wait to be answered
  Owned<Refusal> refusal;      ///< the proxy's last word, as long as the client heeds it
  PerSide<SynOptions> syn;     ///< window 0: no SYN seen
  Owned<Handshaking> handshaking;
  Owned<Tunnels> tunnels;
  Owned<Attempt> association;
  Owned<Sent> sent;                                ///< while payload is looked at or shown
  Owned<Remains> remains;                          ///< likewise, if somebody wants to know
  Owned<std::vector<std::uint8_t>> encapsulation;  ///< of its first segment, where it has one
  Owned<ConnAccount> account;                      ///< where accounts are kept: as long as it may be a proxy session
  std::optional<Protocol> protocol;                ///< it is one: of its first attempt
  std::uint32_t vlan = 0;
  NetworkId network = 0;
  Stamp first;
  TunnelId parent = no_tunnel;
  unsigned layer = 0;
  LayerPath path = 0;
  Offset seen_at_close = 0;  ///< seen() when it closed

  /// Visits the attempts in progress or open.
  template <class Self, class Visit>
  static void each_attempt(Self& connection, Visit visit) {
    if (connection.tunnels) {
      for (auto& [id, opened] : connection.tunnels->list) visit(opened.attempt);
    }
    if (connection.association) visit(*connection.association);
    if (!connection.handshaking) return;
    if (auto* attempt = connection.handshaking->tunnel.attempt()) visit(*attempt);
  }
  /// True if payload of forwarded requests waits until it is known whose it is.
  [[nodiscard]] bool has_waiting_payload() const noexcept { return tunnels && handshaking && handshaking->has_more(); }
  [[nodiscard]] bool closed() const noexcept {
    return reset || (fin_seen[Side::initiator] && fin_seen[Side::acceptor]);
  }
  /// True while its payload matters, or that it lives.
  [[nodiscard]] bool is_looked_at() const noexcept { return phase != Phase::fresh && phase != Phase::passed; }
  /// How far both streams were seen.
  [[nodiscard]] Offset seen() const noexcept {
    return space[Side::initiator].latest() + space[Side::acceptor].latest();
  }
  /// True if both ends were heard, or payload was seen: what is only asked for is not there.
  [[nodiscard]] bool is_alive() const noexcept {
    const bool is_answered = syn_seen[Side::initiator] && syn_seen[Side::acceptor];
    return !closed() && (is_answered || phase != Phase::fresh);
  }
  [[nodiscard]] Side side_of(const Endpoint& sender) const noexcept {
    return sender == ends[Side::initiator] ? Side::initiator : Side::acceptor;
  }
  [[nodiscard]] ConnectionKey key() const noexcept {
    return ConnectionKey::of(ends[Side::initiator], ends[Side::acceptor], parent, network, decrypted);
  }
};

/// Why the receiver of a segment of the wire drops it, going by its numbers; none: it takes it (tracker/doubting.cpp).
[[nodiscard]] Doubt doubt_about(const Connection& connection, const Segment& segment, Side side) noexcept;
/// Whether it drops it, going by its checksum; asked again, it says the same.
[[nodiscard]] bool is_damaged(Connection& connection, const Segment& segment, Side side) noexcept;

}  // namespace proxytunnel
