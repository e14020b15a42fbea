// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the names of addresses that were written lately.
#include "capture/written_names.hpp"

#include <array>
#include <cstring>
#include <utility>

#include "capture/random_key.hpp"

namespace unproxy {

std::size_t WrittenNames::Hash::operator()(const proxytunnel::Address& address) const noexcept {
  std::array<std::uint32_t, 6> words{};
  std::memcpy(words.data(), address.octets.data(), address.octets.size());
  words[4] = address.version;
  return table.of(words);
}

WrittenNames::WrittenNames(std::size_t most) : names_(64, Hash{proxytunnel::TableHash(random_key())}), most_(most) {}

bool WrittenNames::add(const proxytunnel::Address& address, std::string name) {
  const auto known = names_.find(address);
  if (known != names_.end() && known->second.contains(name)) return false;
  if (size_ == most_) {
    names_.clear();
    size_ = 0;
  }
  names_[address].insert(std::move(name));
  ++size_;
  return true;
}

const std::set<std::string>& WrittenNames::of(const proxytunnel::Address& address) const {
  static const std::set<std::string> none;
  const auto known = names_.find(address);
  return known == names_.end() ? none : known->second;
}

}  // namespace unproxy
