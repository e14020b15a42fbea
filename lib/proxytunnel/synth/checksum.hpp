// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the Internet checksum as an arithmetic of sums, so that a checksum follows a changed header without the
//          payload being read again.
// spec: RFC 1071, RFC 1624
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace proxytunnel {

/// A one's complement sum of 16-bit words. Two sums are equal if they fold to the same value, where 0 and 0xffff are
/// one value, too.
class Sum {
 public:
  constexpr Sum() noexcept = default;
  explicit constexpr Sum(std::uint32_t value) noexcept : value_(value) {}

  /// The words of `bytes`, the first byte being a high one; an odd last byte is padded with zero.
  static Sum of(Bytes bytes) noexcept;

  constexpr Sum operator+(Sum more) const noexcept { return Sum(fold(value_ + more.value_)); }
  constexpr Sum operator-(Sum less) const noexcept { return Sum(fold(value_ + (0xffffU - less.folded()))); }
  /// The sum of the same bytes moved by one place: RFC 1071 section 2 (B).
  [[nodiscard]] constexpr Sum swapped() const noexcept {
    const std::uint32_t word = folded();
    return Sum((word >> 8 | word << 8) & 0xffffU);
  }
  [[nodiscard]] constexpr std::uint16_t folded() const noexcept { return static_cast<std::uint16_t>(fold(value_)); }
  /// What goes into the checksum field.
  [[nodiscard]] constexpr std::uint16_t checksum() const noexcept { return static_cast<std::uint16_t>(~folded()); }

 private:
  static constexpr std::uint32_t fold(std::uint64_t value) noexcept {
    while (value >> 16 != 0) value = (value & 0xffffU) + (value >> 16);
    return static_cast<std::uint32_t>(value);
  }
  std::uint32_t value_ = 0;
};

inline Sum Sum::of(Bytes bytes) noexcept {
  // Any byte order gives the same sum, byte-swapped (RFC 1071 section 2 (B)): add in host order, swap once. Sums of
  // wider words are the same, too: eight at once, which no carry leaves (both compilers know this kind of vector).
  using Lanes = std::uint64_t __attribute__((vector_size(16)));
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t total = 0;
  if (left >= 32) {
    constexpr Lanes low = {0xffffffffU, 0xffffffffU};
    Lanes sums[4] = {};
    for (; left >= 32; at += 32, left -= 32) {
      Lanes words[2];
      std::memcpy(words, at, 32);
      sums[0] += words[0] & low;
      sums[1] += words[0] >> 32;
      sums[2] += words[1] & low;
      sums[3] += words[1] >> 32;
    }
    const Lanes sum = sums[0] + sums[1] + sums[2] + sums[3];
    total = sum[0] + sum[1];
  }
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, 4);
    total += word;
  }
  std::uint32_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  total += tail;
  const Sum sum(fold(total));
  const std::uint16_t probe = 1;
  std::uint8_t low_first = 0;
  std::memcpy(&low_first, &probe, 1);
  return low_first == 1 ? sum.swapped() : sum;
}

}  // namespace proxytunnel
