// SPDX-License-Identifier: GPL-2.0-or-later
// summary: segments that came before their tunnel was known to be open, kept with their headers.
#include "tracker/held.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace proxytunnel {

Held::Held(const Segment& segment, Side side, Range place, Offset from)
    : skeleton_(segment),
      header_size_(segment.header.size()),
      payload_size_(segment.payload.size()),
      side_(side),
      place_(place),
      window_{std::clamp(from, place.begin, place.end), place.end} {
  bytes_.reserve(cost(segment));
  for (const Bytes part : {segment.header, segment.payload, segment.frame.envelope}) {
    bytes_.insert(bytes_.end(), part.begin(), part.end());
  }
  skeleton_.header = skeleton_.payload = skeleton_.frame.envelope = skeleton_.frame.encapsulation = {};
}

Segment Held::segment() const noexcept {
  Segment segment = skeleton_;
  const Bytes all(bytes_);
  segment.header = all.first(header_size_);
  segment.payload = all.subspan(header_size_, payload_size_);
  segment.frame.envelope = all.subspan(header_size_ + payload_size_);
  return segment;
}

bool HeldSegments::hold(const Segment& segment, Side side, Range place, Offset from, std::size_t most) {
  const std::size_t cost = Held::cost(segment);
  if (segments_.size() >= most || bytes_ + cost > limits::held_bytes) return false;
  bytes_ += cost;
  segments_.emplace_back(segment, side, place, from);
  return true;
}

void HeldSegments::forget(Side side, Offset offset) {
  std::erase_if(segments_, [&](const Held& held) {
    const Segment segment = held.segment();
    if (held.side() != side || held.place().end > offset || segment.closes()) return false;
    bytes_ -= Held::cost(segment);
    return true;
  });
}

std::vector<Held> HeldSegments::release() {
  bytes_ = 0;
  return std::exchange(segments_, {});
}

std::vector<Held> HeldSegments::release(PerSide<Offset> known) {
  std::vector<Held> released, kept;
  for (Held& held : segments_) {
    const Offset end = known[held.side()];
    if (end >= held.place().end) {
      bytes_ -= Held::cost(held.segment());
      released.push_back(std::move(held));
      continue;
    }
    if (end > held.window().begin) {
      Held& part = released.emplace_back(held);
      part.set_window({held.window().begin, end});
      held.set_window({end, held.place().end});
    }
    kept.push_back(std::move(held));
  }
  segments_ = std::move(kept);
  return released;
}

}  // namespace proxytunnel
