// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the first payload of a conversation, in turns.
#include "inside/first_payload.hpp"

#include <algorithm>

namespace unproxy {

using proxytunnel::Bytes;
using proxytunnel::Direction;
using proxytunnel::Offset;

void FirstPayload::say(Direction direction, Bytes bytes) {
  bytes = bytes.first(std::min(bytes.size(), most_bytes - said_[direction]));
  std::vector<std::uint8_t>& said = turns_.back().bytes;
  said.insert(said.end(), bytes.begin(), bytes.end());
  said_[direction] += bytes.size();
  is_full_ |= said_[direction] == most_bytes;
}

void FirstPayload::add_segment(Direction direction, Offset offset, Bytes bytes) {
  if (is_full_) return;
  is_full_ = ++packets_ == most_packets;
  constexpr auto end = static_cast<Offset>(most_bytes);
  if (offset < 0 || offset >= end) return;
  bytes = bytes.first(std::min(bytes.size(), static_cast<std::size_t>(end - offset)));
  proxytunnel::StreamBuffer& stream = streams_[direction];
  stream.insert(offset, bytes, {});
  const Bytes next = stream.untaken();
  if (next.empty()) return;
  if (turns_.empty() || turns_.back().direction != direction) {
    if (turns_.size() == most_turns) {
      is_full_ = true;
      return;
    }
    turns_.push_back({direction, {}});
  }
  say(direction, next);
  stream.take(next.size());
}

void FirstPayload::add_datagram(Direction direction, Bytes bytes) {
  if (is_full_) return;
  turns_.push_back({direction, {}});
  say(direction, bytes);
  is_full_ |= turns_.size() == most_turns;
}

}  // namespace unproxy
