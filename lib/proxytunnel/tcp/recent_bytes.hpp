// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the latest bytes of one direction, to tell whether what comes again says something else.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// Keeps the latest limits::recent_bytes that were sent, in at most limits::recent_ranges ranges.
class RecentBytes {
 public:
  /// May grow by `room` bytes; what finds none is not remembered.
  void remember(Offset begin, Bytes bytes, std::size_t room);
  /// True if bytes from `begin` on are other ones than those that are remembered for the same place.
  [[nodiscard]] bool contradicts(Offset begin, Bytes bytes) const noexcept;
  /// Bytes that it takes.
  [[nodiscard]] std::size_t size() const noexcept { return ring_.size(); }

 private:
  struct Piece {
    Offset begin = 0;
    std::uint64_t size = 0;
    std::uint64_t at = 0;  // how many bytes had been written before it

    [[nodiscard]] bool goes_on_with(const Piece& next) const noexcept {
      return next.begin == begin + static_cast<Offset>(size) && next.at == at + size;
    }
  };

  std::vector<std::uint8_t> ring_;
  std::array<Piece, limits::recent_ranges> pieces_{};
  std::size_t latest_ = 0;  // of pieces_
  std::uint64_t written_ = 0;
};

}  // namespace proxytunnel
