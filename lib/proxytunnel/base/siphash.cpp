// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a keyed hash, so that nobody who does not know the key can prepare values that collide.
#include "base/siphash.hpp"

#include <algorithm>
#include <array>

namespace proxytunnel {

HashKey HashKey::from(std::span<const std::uint8_t, 16> bytes) noexcept {
  return {little_endian(bytes.data()), little_endian(bytes.data() + 8)};
}

std::uint64_t siphash(const HashKey& key, Bytes bytes) noexcept {
  SipHash hash(key);
  const std::size_t size = bytes.size();
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) hash.add(little_endian(bytes.data()));
  std::array<std::uint8_t, 8> last{};
  std::copy(bytes.begin(), bytes.end(), last.begin());
  last[7] = static_cast<std::uint8_t>(size);
  return hash.finish(little_endian(last.data()));
}

}  // namespace proxytunnel
