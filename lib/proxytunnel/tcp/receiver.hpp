// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the end that receives a stream can have taken of it, as far as others see: by what it acknowledged and
//          the room that it said it has.
// spec: RFC 9293 section 3.10.7.4 (acceptable segments), RFC 5961 sections 3 to 5, RFC 7323 section 2.3
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/limits.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// Pure: of offsets only. `latest`: how far the stream was seen. A capture may have lost segments and answers, so that
/// what a receiver expects next lies anywhere between what it acknowledged and what was seen.
class Receiver {
 public:
  /// How much of the stream it acknowledged.
  [[nodiscard]] Offset acknowledged() const noexcept { return acknowledged_; }
  void acknowledge(Offset offset) noexcept { acknowledged_ = std::max(acknowledged_, offset); }
  /// It has room for so many bytes. Without a word of it any window is possible.
  void advertise(std::uint32_t window) noexcept { window_ = std::max({window_, window, limits::smallest_window}); }

  /// The room that it may have.
  [[nodiscard]] Offset window() const noexcept { return window_ == 0 ? limits::largest_window : window_; }
  /// Bytes from `begin` on: inside the window, or sent again.
  [[nodiscard]] bool takes(Offset begin, Offset latest) const noexcept {
    return begin >= std::min(acknowledged_, latest) - window() && begin <= std::max(latest, acknowledged_) + window();
  }
  /// The end of the stream: nothing was seen behind it.
  [[nodiscard]] bool takes_end(Offset end, Offset latest) const noexcept {
    return end >= latest - of_fin && takes(end, latest);
  }
  /// A RST: at the next byte. One further on in the window is answered with a challenge, and changes nothing.
  [[nodiscard]] bool takes_reset(Offset at, Offset latest) const noexcept {
    return at >= std::max(std::min(acknowledged_, latest) - of_fin, latest - window()) &&
           at <= std::max(latest, acknowledged_) + of_fin;
  }

 private:
  static constexpr Offset of_fin = 1;  // a FIN has a number of its own, and segments that follow stand behind it
  Offset acknowledged_ = 0;
  std::uint32_t window_ = 0;
};

}  // namespace proxytunnel
