// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what packets are written to, be it one file or many that have all in common but their packets.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "capture/capture.hpp"

namespace unproxy {

/// Functions throw as those of CaptureWriter.
class CaptureOutput {
 public:
  using StatisticsSource = std::function<std::optional<LiveStatistics>()>;

  CaptureOutput() = default;
  CaptureOutput(const CaptureOutput&) = delete;
  CaptureOutput& operator=(const CaptureOutput&) = delete;
  virtual ~CaptureOutput() = default;

  /// As of CaptureWriter; the number is good for all files.
  virtual std::uint32_t interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) = 0;
  /// As of CaptureWriter; the same for all files.
  [[nodiscard]] virtual std::optional<std::uint32_t> single_link_type() const noexcept = 0;
  /// `ends` are the addresses that the packet has.
  virtual void packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
                      FrameNumber source_frame, std::string_view comment, std::span<const Address> ends) = 0;
  virtual void name(const NameRecord& record) = 0;
  virtual void secrets(const Secrets& secrets) = 0;
  /// What is told of interface 0 at the end of each file.
  virtual void set_statistics(StatisticsSource source) = 0;
  /// Nothing came for a while: what was written must come out.
  virtual void idle(Time now) = 0;
  /// All files are complete.
  virtual void finish() = 0;
  /// How many files these are, in words that follow the name of the output; empty: one.
  [[nodiscard]] virtual std::string told() const = 0;
};

}  // namespace unproxy
