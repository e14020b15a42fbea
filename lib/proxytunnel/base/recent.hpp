// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a bounded map of what was used lately; what was used least lately is forgotten.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

namespace proxytunnel {

/// Two generations of the same size: what is used moves to the younger one, and once that is full, the elder one is
/// forgotten. So as many as a generation holds are known for sure, those used last, and what is of no use any more
/// needs no care.
template <class Key, class Value>
class Recent {
 public:
  using Generation = std::map<Key, Value>;

  explicit Recent(std::size_t generation) noexcept : most_(generation) {}

  [[nodiscard]] bool empty() const noexcept { return younger_.empty() && elder_.empty(); }

  /// nullptr if it is not known. Counts as use. The pointer lives until the next call.
  [[nodiscard]] Value* find(const Key& key) {
    if (const auto known = younger_.find(key); known != younger_.end()) return &known->second;
    auto used = elder_.extract(key);
    if (used.empty()) return nullptr;
    Value* const value = &younger_.insert(std::move(used)).position->second;
    grow_old();
    return value;
  }

  /// Replaces what was known of the key. The pointer lives until the next call.
  Value* set(const Key& key, Value value) {
    elder_.erase(key);
    Value* const kept = &younger_.insert_or_assign(key, std::move(value)).first->second;
    grow_old();
    return kept;
  }

  /// Forgets it at once.
  void erase(const Key& key) {
    younger_.erase(key);
    elder_.erase(key);
  }

  /// The generation that was forgotten since the last call; of several only the last one. Kept until then.
  [[nodiscard]] Generation take_forgotten() { return std::exchange(forgotten_, {}); }

 private:
  void grow_old() {
    if (younger_.size() < most_) return;
    forgotten_ = std::exchange(elder_, std::exchange(younger_, {}));
  }

  Generation younger_, elder_, forgotten_;
  std::size_t most_;  ///< of one generation
};

}  // namespace proxytunnel
