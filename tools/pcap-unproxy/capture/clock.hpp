// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how an interface of a capture writes times.
// spec: draft-ietf-opsawg-pcapng sections 4.2 (if_tsresol, if_tsoffset) and 4.3
#pragma once

#include <cstdint>

#include "base/segment.hpp"

namespace unproxy {

struct Clock {
  std::uint64_t units_per_second = 1'000'000'000;
  std::uint64_t nanoseconds_per_unit = 1;  ///< 0 unless a whole number
  std::int64_t offset_seconds = 0;

  static constexpr Clock microseconds() noexcept { return {1'000'000, 1000, 0}; }
};

/// The nearest time that can be told.
[[nodiscard]] proxytunnel::Time time_of(std::uint64_t timestamp, const Clock& clock) noexcept;

/// The latest timestamp that is not behind `time`; 0 for what lies before its beginning.
[[nodiscard]] std::uint64_t timestamp_of(proxytunnel::Time time, const Clock& clock) noexcept;

}  // namespace unproxy
