// SPDX-License-Identifier: GPL-2.0-or-later
// summary: TCP connections by their two ends and the tunnel that carries them; bounded, the longest idle goes first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/connection_key.hpp"

namespace proxytunnel {

/// A hash table with linear probing over a slab of values that are also linked by last use. Values may move when one is
/// inserted: pointers live until the next insertion. Keys and links lie apart from the values, close together: a packet
/// of ordinary traffic touches those of several connections, and the value of one.
template <class T>
class ConnectionTable {
 public:
  ConnectionTable(std::size_t most, const HashKey& hash_key) : most_(std::max<std::size_t>(most, 1)), hash_(hash_key) {
    slots_.resize(std::size_t{1} << (word_bits - shift_), none);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// nullptr if there is none. Does not count as use.
  [[nodiscard]] T* find(const ConnectionKey& key) noexcept {
    const std::uint32_t index = slots_[slot_of(key)];
    return index == none ? nullptr : &values_[index];
  }

  [[nodiscard]] const T* find(const ConnectionKey& key) const noexcept {
    const std::uint32_t index = slots_[slot_of(key)];
    return index == none ? nullptr : &values_[index];
  }

  /// Likewise, but the entry becomes the most recently used one.
  T* use(const ConnectionKey& key) noexcept {
    // Packets come in bursts: the most recent is the likeliest.
    if (newest_ != none && keys_[newest_] == key) return &values_[newest_];
    const std::uint32_t index = slots_[slot_of(key)];
    if (index == none) return nullptr;
    touch(index);
    return &values_[index];
  }

  /// The value of a key, and whether it is new (then T()). The entry becomes the most recently used. If the table is
  /// full, `evict(T&)` is called with the value idle for longest, which is then dropped.
  template <class Evict>
  std::pair<T*, bool> find_or_insert(const ConnectionKey& key, Evict evict) {
    if (T* known = use(key)) return {known, false};
    std::size_t slot = slot_of(key);
    if (size_ == most_) {
      evict(values_[oldest_]);
      remove(oldest_);
      slot = slot_of(key);
    } else if ((size_ + 1) * 2 > slots_.size()) {
      grow();
      slot = slot_of(key);
    }
    const std::uint32_t index = allocate(key);
    slots_[slot] = index;
    link_newest(index);
    ++size_;
    return {&values_[index], true};
  }

  /// The value idle for longest; nullptr if there is none.
  [[nodiscard]] T* oldest() noexcept { return oldest_ == none ? nullptr : &values_[oldest_]; }
  /// Drops the value idle for longest.
  void erase_oldest() {
    if (oldest_ != none) remove(oldest_);
  }

  /// Drops the value of a key, if there is one.
  void erase(const ConnectionKey& key) {
    const std::uint32_t index = slots_[slot_of(key)];
    if (index != none) remove(index);
  }

  /// Visits every value, the longest idle first.
  template <class Visit>
  void each(Visit visit) {
    for (std::uint32_t index = oldest_; index != none; index = links_[index].newer) visit(values_[index]);
  }
  template <class Visit>
  void each(Visit visit) const {
    for (std::uint32_t index = oldest_; index != none; index = links_[index].newer) visit(values_[index]);
  }

  /// Whether it is so of any value; the longest idle is asked first.
  template <class IsSo>
  [[nodiscard]] bool any(IsSo is_so) const {
    for (std::uint32_t index = oldest_; index != none; index = links_[index].newer) {
      if (is_so(values_[index])) return true;
    }
    return false;
  }

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  struct Links {
    std::uint32_t older = none, newer = none;
  };

  // The high bits of the hash count.
  [[nodiscard]] std::size_t wanted_slot(const ConnectionKey& key) const noexcept { return key.hash(hash_) >> shift_; }

  // The slot that holds the key, or the empty one where it belongs.
  [[nodiscard]] std::size_t slot_of(const ConnectionKey& key) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = wanted_slot(key);
    while (slots_[slot] != none && !(keys_[slots_[slot]] == key)) slot = (slot + 1) & mask;
    return slot;
  }

  std::uint32_t allocate(const ConnectionKey& key) {
    if (free_.empty()) {
      keys_.push_back(key);
      links_.emplace_back();
      values_.emplace_back();
      return static_cast<std::uint32_t>(keys_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    keys_[index] = key;  // the value was made new when it was removed
    return index;
  }

  void remove(std::uint32_t index) {
    erase_slot(slot_of(keys_[index]));
    unlink(index);
    values_[index] = T();
    free_.push_back(index);
    --size_;
  }

  // Linear probing without tombstones: entries behind the hole move up if their own slot allows.
  void erase_slot(std::size_t hole) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = (hole + 1) & mask; slots_[slot] != none; slot = (slot + 1) & mask) {
      const std::size_t wanted = wanted_slot(keys_[slots_[slot]]);
      if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
        slots_[hole] = slots_[slot];
        hole = slot;
      }
    }
    slots_[hole] = none;
  }

  void grow() {
    std::vector<std::uint32_t> before(slots_.size() * 2, none);
    before.swap(slots_);
    --shift_;
    for (const std::uint32_t index : before) {
      if (index != none) slots_[slot_of(keys_[index])] = index;
    }
  }

  void link_newest(std::uint32_t index) noexcept {
    links_[index].older = newest_;
    links_[index].newer = none;
    if (newest_ != none) links_[newest_].newer = index;
    newest_ = index;
    if (oldest_ == none) oldest_ = index;
  }
  void unlink(std::uint32_t index) noexcept {
    const Links links = links_[index];
    (links.older == none ? oldest_ : links_[links.older].newer) = links.newer;
    (links.newer == none ? newest_ : links_[links.newer].older) = links.older;
  }
  void touch(std::uint32_t index) noexcept {
    if (index == newest_) return;
    unlink(index);
    link_newest(index);
  }

  static constexpr unsigned word_bits = 64;
  unsigned shift_ = word_bits - 10;
  std::vector<std::uint32_t> slots_;  // as many as the hash has bits above shift_; `none` or an index into those below
  std::vector<ConnectionKey> keys_;
  std::vector<Links> links_;
  std::vector<T> values_;
  std::vector<std::uint32_t> free_;
  std::uint32_t oldest_ = none, newest_ = none;
  std::size_t size_ = 0;
  std::size_t most_;
  TableHash hash_;
};

}  // namespace proxytunnel
