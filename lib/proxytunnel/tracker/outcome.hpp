// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what comes back through the door: virtual packets in the order in which they are to be shown, and events.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "synth/virtual_packet.hpp"
#include "tracker/conn_account.hpp"
#include "tracker/held.hpp"
#include "tracker/remainder.hpp"
#include "tunnel/attempt.hpp"
#include "tunnel/event.hpp"

namespace proxytunnel {

/// What is known of the connection or the datagram that was put in.
enum class Progress : std::uint8_t {
  undecided,  ///< no payload yet, or its first bytes do not tell
  handshake,  ///< a proxy session: there was an attempt to open a tunnel, and none is open
  open,       ///< a tunnel is open
  passed      ///< nothing of ours
};

/// A range of the payload that was put in, as far as is known.
struct Part {
  std::uint32_t size = 0;
  TunnelId tunnel = no_tunnel;  ///< whose payload it is; no_tunnel: handshake, or nobody's
};

/// A packet of an attempt's conversation is complete. Captures may run backwards, be it by a clock that was set or by
/// what an attacker wrote; what reads a conversation need not know.
inline void note_shown(Attempt& attempt, VirtualPacket& packet) noexcept {
  packet.time = attempt.shown_at = std::max(attempt.shown_at, packet.frame.time);
  ++attempt.packets[packet.direction];
  const bool is_of_association = attempt.command == Command::udp_associate;
  Flow* flow = is_of_association && packet.flow < attempt.flows.size() ? &attempt.flows[packet.flow] : nullptr;
  if (is_of_association && flow == nullptr) return;
  auto& shown = flow != nullptr ? flow->shown : attempt.shown;
  if (!shown) shown = Ends{packet.sender, packet.receiver};
}

/// A proxy session's connection that is over, where TrackerOptions::accounts are kept.
struct ConnectionRecord {
  Ends ends;
  Stamp first;
  Protocol protocol;       ///< of its first attempt
  bool decrypted = false;  ///< segments were packetized from what TLS carried between these ends
  ConnAccount account;
};

/// Owned by the caller, filled by the Tracker, valid until it is filled again. Virtual packets borrow from the segment
/// that the caller passed in and from what is kept here for them. Events and packets have one order: in_order().
struct Outcome {
  std::vector<VirtualPacket> packets;  ///< made by add_packet() only
  std::vector<Event> events;
  std::vector<ConnectionRecord> connections;     ///< that are over; of each, all attempts opened or ended before
  Progress progress = Progress::passed;          ///< of the connection of the segment that was put in
  std::vector<Part> parts;                       ///< of its payload, in order, all of it; none if it is passed
  std::vector<Held> released;                    ///< the held segments that are shown
  PerSide<std::vector<std::uint8_t>> envelopes;  ///< of the synthetic segments
  /// Only if they are asked for: what remains of packets of which that is known now, this one or earlier ones. Of this
  /// one, nothing is said if it stays as it is.
  std::vector<Remainder> remainders;
  bool waits = false;                   ///< what remains of this one is told later
  FrameNumber begun_in = 0;             ///< the first frame of its connection; 0 if that is nothing of ours
  std::vector<std::uint8_t> assembled;  ///< a datagram put together from fragments

  /// The packet that comes behind all that came out so far.
  VirtualPacket& add_packet() {
    events_before_.push_back(events.size());
    return packets.emplace_back();
  }
  /// The number of events that come before a packet.
  [[nodiscard]] std::size_t events_before(std::size_t packet) const noexcept { return events_before_[packet]; }

  /// Visits all of them, `on_event(Event&)` and `on_packet(const VirtualPacket&)`, in their order.
  template <class OnEvent, class OnPacket>
  void in_order(OnEvent on_event, OnPacket on_packet) {
    std::size_t event = 0;
    for (std::size_t packet = 0; packet < packets.size(); ++packet) {
      for (; event < events_before_[packet]; ++event) on_event(events[event]);
      on_packet(packets[packet]);
    }
    for (; event < events.size(); ++event) on_event(events[event]);
  }

  void clear() noexcept {
    packets.clear();
    events.clear();
    connections.clear();
    events_before_.clear();
    progress = Progress::passed;
    parts.clear();
    released.clear();
    remainders.clear();
    waits = false;
    begun_in = 0;
  }

 private:
  std::vector<std::size_t> events_before_;
};

}  // namespace proxytunnel
