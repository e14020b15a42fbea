// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tool gives the core with each segment and gets back with each virtual one: the interface and the
//          link layer that a packet of this direction has.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "decode/link.hpp"

namespace unproxy {

struct Envelope {
  std::uint32_t interface = 0;   ///< index into CaptureReader::interfaces()
  proxytunnel::LinkHeader link;  ///< of the innermost packet

  /// `room` is reused from packet to packet; the result borrows from it.
  [[nodiscard]] proxytunnel::Bytes pack(std::vector<std::uint8_t>& room) const {
    const Fixed fixed{interface, link.link_type};
    room.resize(sizeof fixed + link.bytes.size());
    std::memcpy(room.data(), &fixed, sizeof fixed);
    if (!link.bytes.empty()) std::memcpy(room.data() + sizeof fixed, link.bytes.data(), link.bytes.size());
    return room;
  }
  /// Borrows from `packed`.
  static Envelope unpack(proxytunnel::Bytes packed) {
    Fixed fixed;
    if (packed.size() < sizeof fixed) return {};
    std::memcpy(&fixed, packed.data(), sizeof fixed);
    return {fixed.interface, {fixed.link_type, packed.subspan(sizeof fixed)}};
  }

 private:
  struct Fixed {
    std::uint32_t interface = 0, link_type = 0;
  };
};

}  // namespace unproxy
