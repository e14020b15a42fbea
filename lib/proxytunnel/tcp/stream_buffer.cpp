// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the small reorder buffer of a handshake: one direction's bytes in order, with the frames that carried them.
#include "tcp/stream_buffer.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace proxytunnel {

bool StreamBuffer::insert(Offset offset, Bytes bytes, const Said& said) {
  if (offset < end()) {
    const auto known = static_cast<std::uint64_t>(end() - offset);
    if (known >= bytes.size()) return true;
    bytes = bytes.subspan(known);
    offset = end();
  }
  if (bytes.empty()) return true;
  if (offset > end() && pieces_.size() >= limits::held_segments) return false;
  if (kept_ + bytes.size() > limits::held_bytes) return false;
  kept_ += bytes.size();
  if (offset == end()) {
    append(bytes, said);
    join_pieces();
    return true;
  }
  const auto place = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](Offset at, const Piece& piece) { return at < piece.offset; });
  pieces_.insert(place, Piece{offset, {bytes.begin(), bytes.end()}, said});
  return true;
}

void StreamBuffer::append(Bytes bytes, const Said& said) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  if (marks_.size() < limits::stream_marks) {
    marks_.push_back({end(), said});
  } else {
    marks_.back() = {end(), said};
  }
}

void StreamBuffer::join_pieces() {
  std::size_t joined = 0;
  for (; joined < pieces_.size() && pieces_[joined].offset <= end(); ++joined) {
    const Piece& piece = pieces_[joined];
    const auto known = std::min(static_cast<std::size_t>(end() - piece.offset), piece.bytes.size());
    kept_ -= known;
    if (known < piece.bytes.size()) append(Bytes(piece.bytes).subspan(known), piece.said);
  }
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(joined));
}

Said StreamBuffer::said(Offset offset) const noexcept {
  const auto mark =
      std::lower_bound(marks_.begin(), marks_.end(), offset, [](const Mark& have, Offset at) { return have.end < at; });
  if (mark != marks_.end()) return mark->said;
  return marks_.empty() ? Said{} : marks_.back().said;
}

Hole StreamBuffer::hole() const noexcept {
  Hole hole{pieces_.front().offset, 0};
  for (const Piece& piece : pieces_) hole.heard_behind = std::max(hole.heard_behind, piece.said.acknowledged);
  return hole;
}

void StreamBuffer::take(std::size_t size) noexcept {
  const std::size_t there = std::min(size, bytes_.size() - head_);
  head_ += there;
  taken_ += static_cast<Offset>(size);
  kept_ -= there;
  const auto needed =
      std::find_if(marks_.begin(), marks_.end(), [this](const Mark& mark) { return mark.end > taken_; });
  marks_.erase(marks_.begin(), needed);
  if (head_ == bytes_.size()) {
    bytes_.clear();
    head_ = 0;
  } else if (head_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  if (there < size) join_pieces();
}

}  // namespace proxytunnel
