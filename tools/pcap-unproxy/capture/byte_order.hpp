// SPDX-License-Identifier: GPL-2.0-or-later
// summary: numbers in the byte order that a capture file chose; stores are always little-endian, as the writer writes.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace unproxy {

enum class ByteOrder : std::uint8_t { little, big };

inline std::uint16_t load16(const std::uint8_t* at, ByteOrder order) noexcept {
  const std::uint16_t value = proxytunnel::get16(at);
  return order == ByteOrder::big ? value : __builtin_bswap16(value);
}
inline std::uint32_t load32(const std::uint8_t* at, ByteOrder order) noexcept {
  const std::uint32_t value = proxytunnel::get32(at);
  return order == ByteOrder::big ? value : __builtin_bswap32(value);
}
inline std::uint64_t load64(const std::uint8_t* at, ByteOrder order) noexcept {
  const std::uint64_t value = std::uint64_t{proxytunnel::get32(at)} << 32 | proxytunnel::get32(at + 4);
  return order == ByteOrder::big ? value : __builtin_bswap64(value);
}

inline void store16(std::uint8_t* at, std::uint16_t value) noexcept {
  proxytunnel::put16(at, __builtin_bswap16(value));
}
inline void store32(std::uint8_t* at, std::uint32_t value) noexcept {
  proxytunnel::put32(at, __builtin_bswap32(value));
}

}  // namespace unproxy
