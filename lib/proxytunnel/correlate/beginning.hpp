// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the first bytes of one direction as a few hashes, so that two streams can be compared when both are gone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/siphash.hpp"

namespace proxytunnel {

/// How the beginnings of two streams compare.
enum class Agreement : std::uint8_t {
  nothing,  ///< there is nothing to compare
  differ,
  start,  ///< they are the same as far as both are known, and one is longer
  all     ///< they are the same
};

/// A stream up to its first hole, at most 4 KiB of it: hashes of its first 8, 16, 64, ... bytes, and of all of them.
struct Beginning {
  static constexpr std::array<std::uint32_t, 6> marks = {8, 16, 64, 256, 1024, 4096};
  static constexpr std::uint32_t longest = marks.back();

  std::uint32_t size = 0;                           ///< bytes that the hashes are of
  std::uint64_t whole = 0;                          ///< of all of them
  std::array<std::uint64_t, marks.size()> up_to{};  ///< of so many as the marks say, where there are as many

  /// Of streams hashed with one key.
  [[nodiscard]] static Agreement compare(const Beginning& one, const Beginning& another) noexcept;
};

/// Makes one of a stream. The key is a secret, so that nobody can prepare streams that look alike.
class BeginningHash {
 public:
  explicit BeginningHash(const HashKey& key) noexcept : hash_(key) {}

  /// The bytes that follow. What goes beyond the longest beginning counts for nothing.
  void add(Bytes bytes) noexcept;
  [[nodiscard]] bool is_full() const noexcept { return beginning_.size == Beginning::longest; }
  [[nodiscard]] Beginning value() const noexcept;

 private:
  void add_word(std::uint64_t word) noexcept;
  [[nodiscard]] std::uint64_t digest() const noexcept;

  SipHash hash_;                        ///< of whole words
  std::array<std::uint8_t, 8> rest_{};  ///< the bytes behind them
  Beginning beginning_;
};

}  // namespace proxytunnel
