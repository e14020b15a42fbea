// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the names of addresses that were written lately, so that none is written again for each conversation.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <unordered_map>

#include "base/endpoint.hpp"
#include "base/table_hash.hpp"

namespace unproxy {

class WrittenNames {
 public:
  /// At most `most` of them: then all are forgotten, and some are written again, which does no harm.
  explicit WrittenNames(std::size_t most);

  /// True if it is new.
  bool add(const proxytunnel::Address& address, std::string name);
  /// Those of an address, in order; none if it has none.
  [[nodiscard]] const std::set<std::string>& of(const proxytunnel::Address& address) const;

 private:
  struct Hash {
    proxytunnel::TableHash table;
    std::size_t operator()(const proxytunnel::Address& address) const noexcept;
  };

  std::unordered_map<proxytunnel::Address, std::set<std::string>, Hash> names_;
  std::size_t size_ = 0, most_;
};

}  // namespace unproxy
