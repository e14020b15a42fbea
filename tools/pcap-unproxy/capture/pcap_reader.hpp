// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads pcap files, in microseconds or nanoseconds and either byte order, from files and pipes.
// spec: draft-ietf-opsawg-pcap
#pragma once

#include <memory>

#include "capture/byte_order.hpp"
#include "capture/native_reader.hpp"

namespace unproxy {

class PcapReader final : public NativeReader {
 public:
  /// Whether a file that begins with these bytes is for this reader: one of the four magic numbers and, if there are
  /// bytes enough to see it, version 2.4. (Older versions have the two lengths of a packet swapped.)
  static bool recognizes(Bytes beginning) noexcept;

  /// The window stands at the beginning of a file that recognizes() accepted.
  explicit PcapReader(InputWindow window);

 private:
  bool read_packet() override;

  ByteOrder order_;
  bool header_complete_ = false;
  std::uint32_t nanoseconds_per_unit_ = 1;
  std::uint32_t max_captured_ = 0;
};

}  // namespace unproxy
