// SPDX-License-Identifier: GPL-2.0-or-later
// summary: legs by what a tunnel may know of its own.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "correlate/leg.hpp"

namespace proxytunnel {

/// One sorted list of hashes. Who finds a leg compares values: two of them may have one hash. What is found comes in
/// the order of its time.
class LegIndex {
 public:
  /// `ahead`: of each source, how far its clock is ahead; times of entries are without it.
  LegIndex(std::span<const Leg> legs, const HashKey& key, std::span<const Time> ahead);

  struct Entry {
    std::uint64_t key;
    Time time;  ///< of the leg's first packet, or of its request
    std::uint32_t leg;
    std::uint32_t request;  ///< by_request(): which of its requests
  };
  using Found = std::span<const Entry>;
  /// Those of them from one time to another, both included.
  [[nodiscard]] static Found within(Found found, Time from, Time to);

  [[nodiscard]] Found by_client(const Endpoint& client) const { return find(end_hash(client, Kind::client)); }
  [[nodiscard]] Found by_server(const Endpoint& server) const { return find(end_hash(server, Kind::server)); }
  [[nodiscard]] Found by_random(std::uint64_t random) const { return find(random + key_of(Kind::random)); }
  /// A digest of Beginning: of the whole of it, or up to a mark of 64 bytes at least.
  [[nodiscard]] Found by_bytes(Direction direction, std::uint64_t digest) const {
    return find(digest + key_of(kind_of(direction)));
  }
  [[nodiscard]] Found by_request(std::uint64_t asked) const { return find(asked + key_of(Kind::request)); }
  /// By what a leg may be found.
  enum class By : std::uint8_t { server, all_bytes, first_bytes };
  /// Whether it is found by any of these keys.
  [[nodiscard]] bool is_found(const Leg& leg, By by, const std::unordered_set<std::uint64_t>& keys) const;
  /// The first mark of Beginning that is in it.
  static constexpr std::size_t first_mark = 2;

 private:
  enum class Kind : std::uint8_t { client, server, random, said_by_client, said_by_server, request };
  static constexpr std::uint64_t key_of(Kind kind) noexcept { return static_cast<std::uint64_t>(kind); }
  static constexpr Kind kind_of(Direction direction) noexcept {
    return direction == Direction::from_client ? Kind::said_by_client : Kind::said_by_server;
  }
  template <class Visit>
  static void each_digest(const Content& content, Direction direction, Visit visit);
  [[nodiscard]] std::uint64_t end_hash(const Endpoint& end, Kind kind) const;
  [[nodiscard]] Found find(std::uint64_t key) const;

  HashKey key_;
  std::vector<Entry> entries_;
};

}  // namespace proxytunnel
