// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the latest bytes of one direction, to tell whether what comes again says something else.
#include "tcp/recent_bytes.hpp"

#include <algorithm>
#include <cstring>

namespace proxytunnel {

void RecentBytes::remember(Offset begin, Bytes bytes, std::size_t room) {
  if (bytes.size() > limits::recent_bytes) {
    begin += static_cast<Offset>(bytes.size() - limits::recent_bytes);
    bytes = bytes.last(limits::recent_bytes);
  }
  if (ring_.size() < limits::recent_bytes && written_ + bytes.size() > ring_.size()) {
    // Most directions are short: it grows with what was written until it is full, and is a ring from then on.
    const std::size_t wanted = std::min(limits::recent_bytes, static_cast<std::size_t>(written_) + bytes.size());
    if (wanted - ring_.size() > room) return;
    ring_.resize(wanted);
  }
  if (bytes.empty()) return;
  const Piece piece{begin, bytes.size(), written_};
  if (pieces_[latest_].goes_on_with(piece)) {
    pieces_[latest_].size += bytes.size();
  } else {
    latest_ = (latest_ + 1) % pieces_.size();
    pieces_[latest_] = piece;
  }
  const std::size_t at = written_ % ring_.size();
  const std::size_t first = std::min(bytes.size(), ring_.size() - at);
  std::memcpy(ring_.data() + at, bytes.data(), first);
  if (first < bytes.size()) std::memcpy(ring_.data(), bytes.data() + first, bytes.size() - first);
  written_ += bytes.size();
}

bool RecentBytes::contradicts(Offset begin, Bytes bytes) const noexcept {
  const Offset end = begin + static_cast<Offset>(bytes.size());
  for (const Piece& piece : pieces_) {
    // What was written over is forgotten, from its beginning on.
    const std::uint64_t kept_from = written_ - std::min<std::uint64_t>(written_, ring_.size());
    const Offset forgotten = piece.at < kept_from ? static_cast<Offset>(kept_from - piece.at) : 0;
    const Offset from = std::max(begin, piece.begin + forgotten),
                 to = std::min(end, piece.begin + static_cast<Offset>(piece.size));
    for (Offset place = from; place < to; ++place) {
      const std::uint64_t at = piece.at + static_cast<std::uint64_t>(place - piece.begin);
      if (ring_[at % ring_.size()] != bytes[static_cast<std::size_t>(place - begin)]) return true;
    }
  }
  return false;
}

}  // namespace proxytunnel
