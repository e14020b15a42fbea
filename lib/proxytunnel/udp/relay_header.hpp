// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the header in front of each datagram that a SOCKS5 proxy relays.
// spec: RFC 1928 section 7
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

struct RelayHeader {
  std::uint8_t fragment = 0;  ///< 0: the datagram is whole
  Target target;              ///< to whom it goes; on the way back from whom it comes

  [[nodiscard]] std::uint8_t position() const noexcept { return fragment & 0x7fU; }
  [[nodiscard]] bool is_last_fragment() const noexcept { return (fragment & 0x80U) != 0; }
};

/// The header at the start of `bytes`. Outcomes: ok; need_more; malformed if the reserved bytes are not zero, the
/// address type is unknown or a name is empty.
[[nodiscard]] Parsed<RelayHeader> parse_relay_header(Bytes bytes) noexcept;

}  // namespace proxytunnel
