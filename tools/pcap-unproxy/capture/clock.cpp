// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how an interface of a capture writes times.
#include "capture/clock.hpp"

#include <algorithm>
#include <limits>

namespace unproxy {

using proxytunnel::Time;

namespace {

__extension__ using Wide = __int128;
constexpr Wide billion = 1'000'000'000;

}  // namespace

Time time_of(std::uint64_t timestamp, const Clock& clock) noexcept {
  const Wide elapsed = clock.nanoseconds_per_unit != 0 ? Wide{timestamp} * Wide{clock.nanoseconds_per_unit}
                                                       : Wide{timestamp} * billion / Wide{clock.units_per_second};
  const Wide time = elapsed + Wide{clock.offset_seconds} * billion;
  return static_cast<Time>(std::clamp<Wide>(time, std::numeric_limits<Time>::min(), std::numeric_limits<Time>::max()));
}

std::uint64_t timestamp_of(Time time, const Clock& clock) noexcept {
  const bool is_plain = clock.nanoseconds_per_unit == 1 && clock.offset_seconds == 0;
  if (is_plain) return static_cast<std::uint64_t>(std::max<Time>(time, 0));
  const Wide since = Wide{time} - Wide{clock.offset_seconds} * billion;
  const Wide units = since * Wide{clock.units_per_second} / billion;
  return static_cast<std::uint64_t>(std::clamp<Wide>(units, 0, std::numeric_limits<std::uint64_t>::max()));
}

}  // namespace unproxy
