// SPDX-License-Identifier: GPL-2.0-or-later
// summary: who speaks. A Side is known from the TCP handshake, a Direction only from the bytes of a proxy handshake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace proxytunnel {

/// The two ends of a TCP connection: who sent the SYN (or, without one, who was seen first) and who did not.
enum class Side : std::uint8_t { initiator, acceptor };

/// The two byte streams of a proxy conversation. The client may be either Side: roles come from the bytes.
enum class Direction : std::uint8_t { from_client, from_server };

constexpr Side other(Side side) noexcept {
  return side == Side::initiator ? Side::acceptor : Side::initiator;
}
constexpr Direction other(Direction direction) noexcept {
  return direction == Direction::from_client ? Direction::from_server : Direction::from_client;
}

/// Two values of T, one for each Side or for each Direction.
template <class Key, class T>
class Pair {
 public:
  Pair() = default;
  Pair(T first, T second) : values_{std::move(first), std::move(second)} {}
  T& operator[](Key key) noexcept { return values_[static_cast<std::size_t>(key)]; }
  const T& operator[](Key key) const noexcept { return values_[static_cast<std::size_t>(key)]; }
  auto begin() noexcept { return values_.begin(); }
  auto end() noexcept { return values_.end(); }

 private:
  std::array<T, 2> values_{};
};
template <class T>
using PerSide = Pair<Side, T>;
template <class T>
using PerDirection = Pair<Direction, T>;

}  // namespace proxytunnel
