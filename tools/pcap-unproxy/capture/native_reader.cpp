// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the end of a native capture, in order or not.
#include "capture/native_reader.hpp"

#include <chrono>
#include <cstring>
#include <limits>

namespace unproxy {

const Packet* NativeReader::next() {
  if (ended_) return nullptr;
  if (read_packet()) return &packet_;
  ended_ = true;
  window_.drain();
  return nullptr;
}

// A pipe has no clock but that of its packets.
void NativeReader::when_idle(const std::function<void(Time)>& idle) {
  window_.file().when_idle([this, idle](std::chrono::nanoseconds waited) {
    const Time time = packet_.time;
    idle(time < std::numeric_limits<Time>::max() - waited.count() ? time + waited.count() : time);
  });
}

bool NativeReader::damaged(std::uint64_t offset, const std::string& what) {
  damage_ = Damage{offset, what + " at offset " + std::to_string(offset) +
                               "; what comes before it was read. Capture or copy the file again if you can."};
  return false;
}

bool NativeReader::cut_short(std::uint64_t offset, const std::string& what) {
  if (window_.file().error() != 0) {
    return damaged(offset, std::string("cannot be read (") + std::strerror(window_.file().error()) + ") in " + what);
  }
  // A reader that was told to stop in the middle of a packet has not found anything wrong.
  return window_.file().is_stopped() ? false : damaged(offset, "cut short in the middle of " + what);
}

}  // namespace unproxy
