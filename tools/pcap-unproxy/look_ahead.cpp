// SPDX-License-Identifier: GPL-2.0-or-later
// summary: DNS in time, although the capture has it too late.
#include "look_ahead.hpp"

#include <limits>

namespace unproxy {
namespace {

// How far ahead. dumpcap empties its ring of an interface at least twice a second; a busy one is written in batches of
// some hundred packets.
constexpr Time most_time = 2'000'000'000;
constexpr std::size_t most_packets = 16384;
constexpr std::size_t most_bytes = std::size_t{8} << 20;
// What is larger is not kept for the next packet, which may be small.
constexpr std::size_t ordinary_room = 2048;

// By more than most_time; time stamps may be anything.
bool is_later(Time last, Time first) {
  return first <= std::numeric_limits<Time>::max() - most_time && last > first + most_time;
}

}  // namespace

const Packet* LookAhead::next() {
  if (waiting_.empty() && !reader_.has_several_interfaces()) {
    ahead_ = false;
    const Packet* packet = reader_.next();
    if (packet == nullptr || !reader_.has_several_interfaces()) return packet;
    // The second interface came with this packet: from here on, read ahead.
    wait(*packet);
  }
  ahead_ = true;
  fill();
  if (waiting_.empty()) return nullptr;
  if (current_.bytes.capacity() <= ordinary_room) rooms_.push_back(std::move(current_.bytes));
  current_ = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= current_.bytes.size();
  const std::size_t size = current_.packet.data.size();
  current_.packet.data = Bytes(current_.bytes).first(size);
  current_.packet.options.bytes = Bytes(current_.bytes).subspan(size);
  enter_names(current_.packet.time);
  return &current_.packet;
}

void LookAhead::fill() {
  while (waiting_.size() < most_packets && waiting_bytes_ < most_bytes) {
    if (!waiting_.empty() && is_later(waiting_.back().packet.time, waiting_.front().packet.time)) return;
    const Packet* packet = reader_.next();
    if (packet == nullptr) return;
    wait(*packet);
  }
}

void LookAhead::wait(const Packet& packet) {
  Copy& copy = waiting_.emplace_back(Copy{packet, {}});
  if (!rooms_.empty()) {
    copy.bytes = std::move(rooms_.back());
    rooms_.pop_back();
  }
  copy.bytes.assign(packet.data.begin(), packet.data.end());
  const Bytes options = packet.options.bytes;
  copy.bytes.insert(copy.bytes.end(), options.begin(), options.end());
  waiting_bytes_ += copy.bytes.size();
  read_names(packet);
}

void LookAhead::read_names(const Packet& packet) {
  const Interface& interface = reader_.interfaces()[packet.interface];
  if (proxytunnel::is_plainly_tcp(interface.link_type, packet.data)) return;
  if (filter_ != nullptr && !filter_->matches(packet, interface.link_type)) return;
  const proxytunnel::Decoded& decoded = decoder_.decode(packet.of_link_type(interface.link_type));
  if (decoded.kind != proxytunnel::Decoded::Kind::udp || !proxytunnel::is_of_dns(decoded.datagram)) return;
  const Bytes payload = decoded.datagram.payload;
  messages_.emplace(packet.time, Message{decoded.datagram, {payload.begin(), payload.end()}});
}

void LookAhead::enter_names(Time now) {
  while (!messages_.empty() && messages_.begin()->first <= now) {
    Message& message = messages_.begin()->second;
    message.datagram.payload = message.payload;
    tracker_.learn(message.datagram);
    messages_.erase(messages_.begin());
  }
}

}  // namespace unproxy
