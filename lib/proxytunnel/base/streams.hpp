// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the two byte streams of a connection, as a handshake is shown them: bytes and where they came from.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/direction.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// Position of a byte in one direction of a connection; 0 is the first byte behind the SYN. 64 bits never wrap.
using Offset = std::int64_t;

/// Which frame carried something, and when.
struct Stamp {
  FrameNumber frame = 0;  ///< 0: none
  Time time = 0;
};

[[nodiscard]] inline Stamp stamp_of(const Frame& frame) noexcept {
  if (frame.carried_in != 0) return {frame.carried_in, frame.carried_at};
  return {frame.number, frame.time};
}

/// Bytes of one side that the capture lacks so far, while it has what follows them.
struct Hole {
  Offset end;           ///< where the bytes behind it begin
  Offset heard_behind;  ///< how much of the other side's stream was heard by what follows
};

class Streams {
 public:
  /// The bytes of one direction that follow what was taken, in order and without holes. Valid until take().
  [[nodiscard]] virtual Bytes untaken(Side side) const noexcept = 0;
  /// How many bytes of this direction were taken.
  [[nodiscard]] virtual Offset taken(Side side) const noexcept = 0;
  /// The frame that carried the `size`th of the untaken bytes (1 is the first).
  [[nodiscard]] virtual Stamp stamp(Side side, std::size_t size) const noexcept = 0;
  /// How many of the other side's untaken bytes this side had heard when it said the `size`th of its untaken bytes (1
  /// is the first): by its acknowledgment, or by the order of the capture where acknowledgments mean nothing. At least
  /// 0.
  [[nodiscard]] virtual std::size_t heard(Side side, std::size_t size) const noexcept = 0;
  /// How many of its untaken bytes this side said before it had heard one of the other side's.
  [[nodiscard]] virtual std::size_t unheard(Side side) const noexcept = 0;
  /// True if bytes of this direction were seen that cannot be shown, since others before them are missing.
  [[nodiscard]] virtual bool has_hole(Side side) const noexcept = 0;
  /// Bytes that are taken before they are there are never shown.
  virtual void take(Side side, std::size_t size) noexcept = 0;

 protected:
  ~Streams() = default;
};

}  // namespace proxytunnel
