// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the hash of tables: its secret numbers.
#include "base/table_hash.hpp"

namespace proxytunnel {

TableHash::TableHash(const HashKey& key) noexcept {
  std::uint64_t counter = 0;
  const auto next = [&] {
    SipHash hash(key);
    hash.add(counter++);
    return hash.finish(sizeof counter);
  };
  for (std::uint32_t& word : secret_) word = static_cast<std::uint32_t>(next());
  multiplier_ = next() | 1;
}

}  // namespace proxytunnel
