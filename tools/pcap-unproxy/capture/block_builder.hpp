// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts a pcapng block together in memory, little-endian, with its padding and lengths.
// spec: draft-ietf-opsawg-pcapng sections 3.1 and 3.5
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "capture/byte_order.hpp"
#include "capture/pcapng_format.hpp"

namespace unproxy::pcapng {

using proxytunnel::Bytes;

/// For the blocks that are rare; packets are written without a copy.
class BlockBuilder {
 public:
  explicit BlockBuilder(std::uint32_t type) { put32(type).put32(0); }

  BlockBuilder& put16(std::uint16_t value) {
    store16(grow(2), value);
    return *this;
  }
  BlockBuilder& put32(std::uint32_t value) {
    store32(grow(4), value);
    return *this;
  }
  BlockBuilder& put(Bytes value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  BlockBuilder& pad() {
    bytes_.resize(padded(bytes_.size()));
    return *this;
  }
  /// At most 65535 bytes of `value`.
  BlockBuilder& option(std::uint16_t code, Bytes value) {
    const Bytes fitting = value.first(value.size() < 0xffff ? value.size() : 0xffff);
    return put16(code).put16(static_cast<std::uint16_t>(fitting.size())).put(fitting).pad();
  }
  BlockBuilder& end_of_options() { return put32(option::end); }

  /// The whole block; valid as long as the builder.
  Bytes finish() {
    const auto size = static_cast<std::uint32_t>(bytes_.size() + 4);
    store32(&bytes_[4], size);
    put32(size);
    return bytes_;
  }

 private:
  std::uint8_t* grow(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return bytes_.data() + bytes_.size() - count;
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace unproxy::pcapng
