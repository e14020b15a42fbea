// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a bound on the bytes that many connections keep together.
#pragma once

#include <cstddef>

namespace proxytunnel {

/// Shared so that no holder can take what others need: each may hold at most an eighth of what is free at the time.
/// The more is held, the less each may add, and there is always something left for a newcomer (the dynamic thresholds
/// of shared-memory switches).
class Budget {
 public:
  explicit Budget(std::size_t most) noexcept : most_(most) {}

  /// Reserves `bytes` more for somebody who holds `held`. False, and nothing reserved, if that is more than a share.
  [[nodiscard]] bool reserve(std::size_t bytes, std::size_t held) noexcept {
    if (bytes + held > (most_ - used_) / 8) return false;
    used_ += bytes;
    return true;
  }
  void release(std::size_t bytes) noexcept { used_ -= bytes; }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  std::size_t most_;
  std::size_t used_ = 0;
};

}  // namespace proxytunnel
