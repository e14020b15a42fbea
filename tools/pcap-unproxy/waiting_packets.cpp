// SPDX-License-Identifier: GPL-2.0-or-later
// summary: copies of packets that were read before their turn.
#include "waiting_packets.hpp"

#include <algorithm>
#include <utility>

namespace unproxy {
namespace {

constexpr std::size_t block_size = std::size_t{256} << 10;

std::size_t size_of(const Packet& packet) {
  return packet.data.size() + packet.options.bytes.size();
}

}  // namespace

void WaitingPackets::add(const Packet& packet) {
  const std::size_t size = size_of(packet);
  Block& block = block_for(size);
  const auto put = [&block](Bytes bytes) {
    std::copy(bytes.begin(), bytes.end(), block.room.begin() + static_cast<std::ptrdiff_t>(block.used));
    const Bytes copy = Bytes(block.room).subspan(block.used, bytes.size());
    block.used += bytes.size();
    return copy;
  };
  Packet& waiting = packets_.emplace_back(packet);
  waiting.data = put(packet.data);
  waiting.options.bytes = put(packet.options.bytes);
  ++block.packets;
  bytes_ += size;
}

const Packet& WaitingPackets::take() {
  if (blocks_.front().packets == 0) release_oldest_block();  // it had the one that was taken last
  taken_ = packets_.front();
  packets_.pop_front();
  --blocks_.front().packets;
  bytes_ -= size_of(taken_);
  return taken_;
}

// The newest one, if the packet has room in it.
WaitingPackets::Block& WaitingPackets::block_for(std::size_t size) {
  if (!blocks_.empty() && blocks_.back().room.size() - blocks_.back().used >= size) return blocks_.back();
  if (size <= block_size && !spare_.empty()) {
    blocks_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  } else {
    blocks_.emplace_back().room.resize(std::max(size, block_size));
  }
  return blocks_.back();
}

// What had to be larger is not kept for those that come.
void WaitingPackets::release_oldest_block() {
  if (blocks_.front().room.size() == block_size) spare_.push_back({std::move(blocks_.front().room), 0, 0});
  blocks_.pop_front();
}

}  // namespace unproxy
