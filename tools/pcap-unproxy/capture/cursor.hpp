// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes what is in packet blocks and records, little-endian, into room that is there.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "capture/byte_order.hpp"
#include "capture/pcapng_format.hpp"

namespace unproxy::pcapng {

class Cursor {
 public:
  /// `at` has room for all that is put.
  explicit Cursor(std::uint8_t* at) noexcept : at_(at) {}

  Cursor& put16(std::uint16_t value) noexcept {
    store16(at_, value);
    at_ += sizeof value;
    return *this;
  }
  Cursor& put32(std::uint32_t value) noexcept {
    store32(at_, value);
    at_ += sizeof value;
    return *this;
  }
  Cursor& put(proxytunnel::Bytes value) noexcept {
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
    return *this;
  }
  /// Behind `size` bytes.
  Cursor& pad(std::size_t size) noexcept {
    for (; size % 4 != 0; ++size) *at_++ = 0;
    return *this;
  }

 private:
  std::uint8_t* at_;
};

}  // namespace unproxy::pcapng
