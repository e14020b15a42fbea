// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts a datagram together that a SOCKS client or proxy cut into fragments.
// spec: RFC 1928 section 7 (FRAG)
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/segment.hpp"
#include "udp/relay_header.hpp"

namespace proxytunnel {

/// One direction of an association has one queue: fragments come in order, and whatever else comes gives up what waits.
class RelayFragments {
 public:
  enum class Outcome : std::uint8_t {
    waiting,   ///< kept
    complete,  ///< take() is the datagram
    lost       ///< this fragment, or those before it, came to nothing
  };

  /// A fragment, with `payload` as much as was captured of `length` bytes.
  Outcome add(const RelayHeader& header, Bytes payload, std::uint32_t length);
  /// Gives up what waits; true if something did.
  bool forget() noexcept;
  /// The payload of the datagram that is complete.
  std::vector<std::uint8_t> take();
  /// Bytes that wait.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

  std::vector<Ticket> tickets;  ///< of the datagrams that wait, for whoever put them in

 private:
  std::vector<std::uint8_t> bytes_;
  Target target_;
  std::uint8_t next_ = 1;  ///< position that must come next; 1: nothing waits
};

}  // namespace proxytunnel
