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
  const Packet& packet = waiting_.take();
  enter_names(packet.time);
  return &packet;
}

void LookAhead::fill() {
  while (waiting_.size() < most_packets && waiting_.bytes() < most_bytes) {
    if (!waiting_.empty() && is_later(waiting_.newest().time, waiting_.oldest().time)) return;
    const Packet* packet = reader_.next();
    if (packet == nullptr) return;
    wait(*packet);
  }
}

void LookAhead::wait(const Packet& packet) {
  waiting_.add(packet);
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
