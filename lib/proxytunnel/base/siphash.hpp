// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a keyed hash, so that nobody who does not know the key can prepare values that collide.
// spec: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012, section 2 (SipHash-2-4)
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace proxytunnel {

/// 128 bits that an attacker must not know. Programs draw them from the system's randomness; no result depends on them.
struct HashKey {
  std::uint64_t low = 0, high = 0;

  static HashKey from(std::span<const std::uint8_t, 16> bytes) noexcept;
};

/// Word by word.
class SipHash {
 public:
  explicit SipHash(const HashKey& key) noexcept
      : a_(key.low ^ 0x736f6d6570736575U),
        b_(key.high ^ 0x646f72616e646f6dU),
        c_(key.low ^ 0x6c7967656e657261U),
        d_(key.high ^ 0x7465646279746573U) {}

  void add(std::uint64_t word) noexcept {
    d_ ^= word;
    for (unsigned i = 0; i < 2; ++i) round();
    a_ ^= word;
  }
  /// The hash; `last` are the bytes behind the last whole word, at most seven, and in its highest byte the low byte of
  /// the size of all.
  [[nodiscard]] std::uint64_t finish(std::uint64_t last) noexcept {
    add(last);
    c_ ^= 0xff;
    for (unsigned i = 0; i < 4; ++i) round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void round() noexcept {
    a_ += b_;
    b_ = std::rotl(b_, 13) ^ a_;
    a_ = std::rotl(a_, 32);
    c_ += d_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ += d_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ += b_;
    b_ = std::rotl(b_, 17) ^ c_;
    c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_, b_, c_, d_;
};

[[nodiscard]] std::uint64_t siphash(const HashKey& key, Bytes bytes) noexcept;

}  // namespace proxytunnel
