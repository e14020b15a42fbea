// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what comes back through the door: virtual segments in the order in which they are to be shown, and events.
#pragma once

#include <memory>
#include <vector>

#include "synth/virtual_segment.hpp"
#include "tracker/held.hpp"
#include "tunnel/event.hpp"

namespace proxytunnel {

/// What is known of the connection that a segment belongs to, once the segment was seen.
enum class Progress : std::uint8_t {
  undecided,  ///< no payload yet, or its first bytes do not tell
  handshake,  ///< a proxy session: there was an attempt to open a tunnel, and none is open
  open,       ///< a tunnel is open
  passed      ///< nothing of ours
};

/// Owned by the caller, filled by the Tracker, valid until it is filled again. Virtual segments borrow from the segment
/// that the caller passed in and from what is kept here for them.
struct Outcome {
  std::vector<VirtualSegment> segments;
  std::vector<Event> events;
  Progress progress = Progress::passed;          ///< of the connection of the segment that was put in
  TunnelId tunnel = no_tunnel;                   ///< the one that is open there
  std::uint32_t handshake_bytes = 0;             ///< of the segment's payload; the rest is payload of the tunnel
  std::vector<Held> released;                    ///< the held segments that are shown
  PerSide<std::vector<std::uint8_t>> envelopes;  ///< of the synthetic segments

  void clear() noexcept {
    segments.clear();
    events.clear();
    progress = Progress::passed;
    tunnel = no_tunnel;
    handshake_bytes = 0;
    released.clear();
  }
};

}  // namespace proxytunnel
