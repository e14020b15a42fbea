// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SHA-256 of one direction's payload, whatever the order in which its segments come.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "capture/digest.hpp"

namespace unproxy {

/// Keeps at most 1 MiB of bytes that wait behind a hole (INTERFACES: accounting is bounded). Where a byte comes twice,
/// the first one counts.
class PayloadHash {
 public:
  /// Bytes at an offset of the payload.
  void add(std::int64_t offset, proxytunnel::Bytes bytes);

  /// True once more had to wait than there is room for: there is no hash then.
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  /// Hexadecimal; empty unless exactly the `size` bytes from offset 0 on were added.
  std::string hex(std::int64_t size);

 private:
  void append(std::int64_t offset, proxytunnel::Bytes bytes);

  Sha256 sha256_;
  std::int64_t next_ = 0;
  std::map<std::int64_t, std::vector<std::uint8_t>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool overflowed_ = false;
};

}  // namespace unproxy
