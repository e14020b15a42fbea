// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tool gives the core with each segment and gets back with each virtual one: the interface and the
//          link-layer header that a packet of this direction has.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"

namespace unproxy {

struct Envelope {
  std::uint32_t interface = 0;     ///< index into CaptureReader::interfaces()
  proxytunnel::Bytes link_header;  ///< every byte before the IP header

  /// `room` is reused from packet to packet; the result borrows from it.
  [[nodiscard]] proxytunnel::Bytes pack(std::vector<std::uint8_t>& room) const {
    room.resize(sizeof interface + link_header.size());
    std::memcpy(room.data(), &interface, sizeof interface);
    if (!link_header.empty()) std::memcpy(room.data() + sizeof interface, link_header.data(), link_header.size());
    return room;
  }
  /// Borrows from `packed`.
  static Envelope unpack(proxytunnel::Bytes packed) {
    Envelope envelope;
    if (packed.size() < sizeof interface) return envelope;
    std::memcpy(&envelope.interface, packed.data(), sizeof interface);
    envelope.link_header = packed.subspan(sizeof interface);
    return envelope;
  }
};

}  // namespace unproxy
