// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --window: a part of a sequence, and what is read around it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "base/frame_number.hpp"

namespace unproxy {

/// Files of a sequence, counted from 0 in its order. What belongs to it began in one of them.
struct Window {
  std::size_t first = 0, last = 0;
  std::optional<std::size_t> look_back;   ///< so many files before it are read; absent: all
  std::optional<std::size_t> look_ahead;  ///< so many behind it at most; absent: until all that belongs to it is over

  [[nodiscard]] bool has_file(std::size_t file) const noexcept { return first <= file && file <= last; }
  [[nodiscard]] proxytunnel::FrameRange frames() const noexcept {
    return {proxytunnel::frame_of_file(first, 0), proxytunnel::frame_of_file(last + 1, 0)};
  }
  /// As it is asked for.
  [[nodiscard]] std::string text() const { return std::to_string(first + 1) + ".." + std::to_string(last + 1); }
  /// The first file that is read.
  [[nodiscard]] std::size_t begin() const noexcept { return first - std::min(first, look_back.value_or(first)); }
  /// Behind the last one that may be.
  [[nodiscard]] std::size_t end(std::size_t files) const noexcept {
    return last + 1 + std::min(files - last - 1, look_ahead.value_or(files));
  }
};

}  // namespace unproxy
