// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what frames of a capture are called.
#pragma once

#include <cstddef>
#include <cstdint>

namespace proxytunnel {

/// A frame, counted from 1 in file order, as Wireshark counts; 0: none. Where a capture is cut into files, each counts
/// anew, and the upper bits have the place of the file among them, from 0: so numbers grow with the capture.
using FrameNumber = std::uint64_t;

constexpr unsigned frame_bits = 40;

[[nodiscard]] constexpr FrameNumber frame_of_file(std::size_t file, FrameNumber number) noexcept {
  return static_cast<FrameNumber>(file) << frame_bits | number;
}
[[nodiscard]] constexpr std::size_t file_of(FrameNumber frame) noexcept {
  return static_cast<std::size_t>(frame >> frame_bits);
}
/// As Wireshark shows it, which opens one file.
[[nodiscard]] constexpr FrameNumber number_in_file(FrameNumber frame) noexcept {
  return frame & ((FrameNumber{1} << frame_bits) - 1);
}

/// From `begin` to before `end`.
struct FrameRange {
  FrameNumber begin = 0, end = 0;

  [[nodiscard]] constexpr bool has(FrameNumber frame) const noexcept { return begin <= frame && frame < end; }
};

}  // namespace proxytunnel
