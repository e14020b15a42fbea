// SPDX-License-Identifier: GPL-2.0-or-later
// summary: walks the options of a pcapng block, and the records of a name resolution block, which look the same.
// spec: draft-ietf-opsawg-pcapng sections 3.5 and 4.5
#pragma once

#include <algorithm>
#include <optional>

#include "capture/byte_order.hpp"
#include "capture/pcapng_format.hpp"

namespace unproxy::pcapng {

using proxytunnel::Bytes;

struct Option {
  std::uint16_t code = 0;
  Bytes value;  ///< without padding; lives as long as the block
};

/// 2 code | 2 length | the value | padding to 32 bits
class OptionWalk {
 public:
  OptionWalk(Bytes options, ByteOrder order) noexcept : rest_(options), order_(order) {}

  /// The next option; nullopt at the end marker, at the end of the block and at a length that does not fit.
  std::optional<Option> next() noexcept {
    if (rest_.size() < 4) return std::nullopt;
    const std::uint16_t code = load16(rest_.data(), order_);
    const std::size_t length = load16(&rest_[2], order_);
    if (code == option::end || length > rest_.size() - 4) return std::nullopt;
    const Bytes value = rest_.subspan(4, length);
    rest_ = rest_.subspan(std::min(rest_.size(), 4 + padded(length)));
    return Option{code, value};
  }

 private:
  Bytes rest_;
  ByteOrder order_;
};

}  // namespace unproxy::pcapng
