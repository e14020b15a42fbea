// SPDX-License-Identifier: GPL-2.0-or-later
// summary: legs by what a tunnel may know of its own.
#include "correlate/leg_index.hpp"

#include <algorithm>
#include <tuple>

#include "correlate/span.hpp"

namespace proxytunnel {

template <class Visit>
void LegIndex::each_digest(const Content& content, Direction direction, Visit visit) {
  const Beginning& beginning = content.beginning[direction];
  if (beginning.size == 0) return;
  visit(beginning.whole);
  for (std::size_t i = first_mark; i < Beginning::marks.size() && Beginning::marks[i] < beginning.size; ++i) {
    visit(beginning.up_to[i]);
  }
}

bool LegIndex::is_found(const Leg& leg, By by, const std::unordered_set<std::uint64_t>& keys) const {
  if (by == By::server) return keys.contains(end_hash(leg.ends.acceptor, Kind::server));
  bool is_one = false;
  for (const Direction direction : {Direction::from_client, Direction::from_server}) {
    const std::uint64_t kind = key_of(kind_of(direction));
    const auto look = [&](std::uint64_t digest) { is_one |= keys.contains(digest + kind); };
    if (by == By::all_bytes) {
      look(leg.content.beginning[direction].whole);
    } else {
      each_digest(leg.content, direction, look);
    }
  }
  return is_one;
}

LegIndex::LegIndex(std::span<const Leg> legs, const HashKey& key, std::span<const Time> ahead) : key_(key) {
  for (std::uint32_t number = 0; number < legs.size(); ++number) {
    const Leg& leg = legs[number];
    const Time first = minus(leg.first.time, ahead[leg.source]);
    const auto add = [&](std::uint64_t of) { entries_.push_back({of, first, number, 0}); };
    add(end_hash(leg.ends.initiator, Kind::client));
    add(end_hash(leg.ends.acceptor, Kind::server));
    for (const Direction direction : {Direction::from_client, Direction::from_server}) {
      if (const std::uint64_t random = leg.content.random[direction]) add(random + key_of(Kind::random));
      each_digest(leg.content, direction, [&](std::uint64_t digest) { add(digest + key_of(kind_of(direction))); });
    }
    for (std::uint32_t request = 0; request < leg.content.requests.size(); ++request) {
      const HttpRequest& asked = leg.content.requests[request];
      const Time time = minus(asked.stamp.time, ahead[leg.source]);
      entries_.push_back({asked.asked + key_of(Kind::request), time, number, request});
    }
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& one, const Entry& another) {
    return std::tie(one.key, one.time, one.leg, one.request) <
           std::tie(another.key, another.time, another.leg, another.request);
  });
}

LegIndex::Found LegIndex::find(std::uint64_t key) const {
  struct ByKey {
    bool operator()(const Entry& entry, std::uint64_t of) const noexcept { return entry.key < of; }
    bool operator()(std::uint64_t of, const Entry& entry) const noexcept { return of < entry.key; }
  };
  const auto [begin, end] = std::equal_range(entries_.begin(), entries_.end(), key, ByKey());
  return {begin, end};
}

LegIndex::Found LegIndex::within(Found found, Time from, Time to) {
  const auto begin =
      std::lower_bound(found.begin(), found.end(), from, [](const Entry& entry, Time at) { return entry.time < at; });
  const auto end =
      std::upper_bound(begin, found.end(), to, [](Time at, const Entry& entry) { return at < entry.time; });
  return {begin, end};
}

std::uint64_t LegIndex::end_hash(const Endpoint& end, Kind kind) const {
  SipHash hash(key_);
  hash.add(end.address.word(0));
  hash.add(end.address.word(8));
  return hash.finish(static_cast<std::uint64_t>(end.port) << 16 | static_cast<std::uint64_t>(end.address.version) << 8 |
                     static_cast<std::uint64_t>(kind));
}

}  // namespace proxytunnel
