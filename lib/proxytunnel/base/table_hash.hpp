// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the hash of tables whose keys an attacker writes: fast, and with a bound on collisions that is proved.
// spec: RFC 4418 section 5.2.2 (NH, of UMAC); M. Dietzfelbinger et al., "A Reliable Randomized Algorithm for the
//       Closest-Pair Problem", 1997, section 2 (multiply-shift)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/siphash.hpp"

namespace proxytunnel {

/// NH, and then the product with a secret odd number, of which the high bits count. Who does not see any hash, as who
/// writes a capture does not, cannot find two keys that have one with a higher chance than 2^-32; of the 2^n slots that
/// the highest n bits name, two keys share one with at most twice the chance of any two. A mix in between, which can be
/// undone and so takes nothing from that, keeps keys in equal steps (a scan) from being slots in equal steps.
class TableHash {
 public:
  static constexpr std::size_t most_words = 14;

  /// From a key that nobody knows.
  explicit TableHash(const HashKey& key) noexcept;

  /// The high bits are the better ones. Of an even number of words, the same for all keys of a table.
  template <std::size_t size>
  [[nodiscard]] std::uint64_t of(const std::array<std::uint32_t, size>& words) const noexcept {
    static_assert(size % 2 == 0 && size <= most_words);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < size; i += 2) {
      const std::uint32_t one = words[i] + secret_[i], another = words[i + 1] + secret_[i + 1];
      sum += std::uint64_t{one} * another;
    }
    return mixed(sum) * multiplier_;
  }

 private:
  static constexpr std::uint64_t mixed(std::uint64_t sum) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15U;
    sum *= odd;
    return sum ^ sum >> 32;
  }

  std::array<std::uint32_t, most_words> secret_;
  std::uint64_t multiplier_;
};

}  // namespace proxytunnel
