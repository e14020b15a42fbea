// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts fragmented datagrams together, within bounds.
// spec: RFC 791 section 3.2, RFC 8200 section 4.5
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "base/bytes.hpp"
#include "base/encapsulation.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// The datagram that a fragment is part of.
struct FragmentKey {
  Address sender, receiver;
  std::uint32_t identification = 0;
  std::uint32_t vlan = 0;  ///< two networks may use the same addresses
  NetworkId network = 0;
  std::uint8_t protocol = 0;  ///< IPv4 only: RFC 8200 does not count it

  auto operator<=>(const FragmentKey&) const = default;
};

struct Fragment {
  std::uint32_t offset = 0;  ///< bytes
  bool more = false;         ///< another fragment follows this one
  std::uint8_t protocol = 0;
  Bytes bytes;  ///< all of them: a fragment not captured whole cannot be used
  FrameNumber frame = 0;
};

/// Fragments that wait for the rest of their datagram. Where fragments overlap, the one that begins first gives the
/// bytes, and of two that begin together the one captured first: what Wireshark shows.
/// Bounded by decode_limits; the datagram that has waited longest goes first.
class FragmentTable {
 public:
  enum class Outcome : std::uint8_t {
    waiting,    ///< kept, or a copy of one that is kept
    complete,   ///< datagram() is the whole, and forgotten here
    malformed,  ///< empty, or beyond the largest datagram: not kept
    over_limit  ///< the datagram has too many fragments or bytes: all of it is dropped
  };

  FragmentTable() = default;
  FragmentTable(const FragmentTable&) = delete;
  FragmentTable& operator=(const FragmentTable&) = delete;

  /// Adds a fragment captured at `now`. Time may run backwards.
  Outcome add(const FragmentKey& key, const Fragment& fragment, Time now);

  /// The datagram that the latest add() completed; valid until the next add().
  [[nodiscard]] Bytes datagram() const noexcept { return datagram_; }
  /// The frames that it came in, with this one.
  [[nodiscard]] const std::vector<FrameNumber>& frames() const noexcept { return frames_; }
  /// The protocol that its first fragment names.
  [[nodiscard]] std::uint8_t protocol() const noexcept { return protocol_; }
  /// Datagrams that were given up, and those that still wait.
  [[nodiscard]] std::uint64_t unfinished() const noexcept { return given_up_ + waiting_.size(); }
  [[nodiscard]] std::uint64_t given_up() const noexcept { return given_up_; }

 private:
  struct Piece {
    std::uint32_t offset = 0, size = 0;
    std::size_t at = 0;  ///< in the waiting datagram's bytes
    std::uint8_t protocol = 0;
  };
  struct Waiting;
  using Table = std::map<FragmentKey, Waiting>;
  struct Waiting {
    Time since = 0;
    bool has_end = false;
    std::uint32_t end = 0;            ///< size of the whole, once has_end
    std::vector<Piece> pieces;        ///< by offset, then by arrival
    std::vector<std::uint8_t> bytes;  ///< of all pieces, by arrival
    std::vector<FrameNumber> frames;  ///< of the pieces, and of the first copies of them
    std::list<Table::iterator>::iterator age;
  };

  Table::iterator find_or_begin(const FragmentKey& key, Time now);
  void give_up(Table::iterator waiting);
  void forget(Table::iterator waiting);
  static bool is_complete(const Waiting& waiting) noexcept;
  void put_together(const Waiting& waiting);

  Table waiting_;
  std::list<Table::iterator> by_age_;  ///< oldest first
  std::size_t bytes_ = 0;              ///< of all waiting datagrams
  std::uint64_t given_up_ = 0;
  std::vector<std::uint8_t> datagram_;
  std::vector<FrameNumber> frames_;
  std::uint8_t protocol_ = 0;
};

}  // namespace proxytunnel
