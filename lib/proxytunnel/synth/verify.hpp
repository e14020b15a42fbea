// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether the TCP checksum of a captured segment is right: what its receiver looks at first.
// spec: RFC 9293 section 3.1
#pragma once

#include <cstdint>

#include "base/segment.hpp"

namespace proxytunnel {

enum class Checksum : std::uint8_t {
  unknown,  ///< not all of it was captured, or its sender left the checksum to the network card
  right,
  wrong
};

[[nodiscard]] Checksum verify(const Segment& segment) noexcept;

}  // namespace proxytunnel
