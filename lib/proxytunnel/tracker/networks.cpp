// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which network a connection is in where its two directions name different ones.
#include "tracker/networks.hpp"

namespace proxytunnel {
namespace {

/// Networks with the same ends, of which the latest are looked through.
constexpr std::size_t most_beside = 16;

ConnectionKey in_network(ConnectionKey key, NetworkId network) noexcept {
  key.network = network;
  return key;
}

}  // namespace

NetworkId Networks::of(const Segment& segment) {
  const NetworkId own = segment.frame.network;
  if (own == 0) return 0;
  const ConnectionKey key = ConnectionKey::of(segment);
  const std::size_t side = segment.sender == key.low ? 0 : 1;
  Known* known = known_.find(key);
  const bool is_new = known == nullptr;
  if (is_new) known = known_.set(key, {own});
  if (known->shown_as != own || !known->is_half(side)) return known->shown_as;
  known->heard[side].hear(segment);
  const Heard heard = known->heard[side];
  const std::optional<NetworkId> half = find_other_half(key, side, heard);
  if (!half) {
    if (is_new) note_beside(key);
    return own;
  }
  known_.find(in_network(key, *half))->is_shared = true;
  known_.find(key)->shown_as = *half;
  shared_.set(own, *half);
  return *half;
}

void Networks::note_beside(const ConnectionKey& key) {
  std::vector<NetworkId>* beside = beside_.find(in_network(key, 0));
  if (beside == nullptr) beside = beside_.set(in_network(key, 0), {});
  if (beside->size() == most_beside) beside->erase(beside->begin());
  beside->push_back(key.network);
}

// In networks with these ends, where only the other end was heard.
std::optional<NetworkId> Networks::find_other_half(const ConnectionKey& key, std::size_t side, const Heard& heard) {
  const std::vector<NetworkId>* const beside = beside_.find(in_network(key, 0));
  if (beside == nullptr) return std::nullopt;
  for (const NetworkId network : *beside) {
    if (network == key.network) continue;
    const Known* const there = known_.find(in_network(key, network));
    if (there == nullptr || there->shown_as != network || there->heard[side].any) continue;
    if (there->is_half(1 - side) && heard.talks_with(there->heard[1 - side])) return network;
  }
  return std::nullopt;
}

NetworkId Networks::of(const ConnectionKey& key) {
  const Known* const known = key.network == 0 ? nullptr : known_.find(key);
  return known == nullptr ? key.network : known->shown_as;
}

NetworkId Networks::of(const Datagram& datagram) {
  if (datagram.frame.network == 0) return 0;
  const NetworkId* const shared = shared_.find(datagram.frame.network);
  return shared != nullptr ? *shared : datagram.frame.network;
}

void Networks::Heard::hear(const Segment& segment) noexcept {
  const bool opens = segment.has(tcp_flag::syn);
  const std::uint32_t end = segment.sequence() + segment.length + (opens || segment.has(tcp_flag::fin) ? 1 : 0);
  if (!any || opens) {
    first = segment.sequence();
    next = end;
  }
  if (static_cast<std::int32_t>(end - next) > 0) next = end;
  if (segment.has(tcp_flag::ack)) acknowledged = segment.acknowledgment();
  any = true;
}

bool Networks::Heard::talks_with(const Heard& another) const noexcept {
  return acknowledges(another) || another.acknowledges(*this);
}

bool Networks::Heard::acknowledges(const Heard& sent) const noexcept {
  if (!acknowledged) return false;
  const std::uint32_t covered = *acknowledged - sent.first;
  return covered != 0 && covered <= sent.next - sent.first;
}

}  // namespace proxytunnel
