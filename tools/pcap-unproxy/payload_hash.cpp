// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SHA-256 of one direction's payload, whatever the order in which its segments come.
#include "payload_hash.hpp"

namespace unproxy {
namespace {

constexpr std::size_t most_waiting = std::size_t{1} << 20;

}  // namespace

void PayloadHash::append(std::int64_t offset, proxytunnel::Bytes bytes) {
  const auto known = static_cast<std::size_t>(next_ - offset);
  if (known >= bytes.size()) return;
  sha256_.update(bytes.subspan(known));
  next_ = offset + static_cast<std::int64_t>(bytes.size());
}

void PayloadHash::add(std::int64_t offset, proxytunnel::Bytes bytes) {
  if (bytes.empty() || overflowed_) return;
  if (offset > next_) {
    std::vector<std::uint8_t>& place = waiting_[offset];
    if (place.size() >= bytes.size()) return;
    const std::size_t more = bytes.size() - place.size();
    if (waiting_bytes_ + more > most_waiting) {
      overflowed_ = true;
      waiting_.clear();
      return;
    }
    waiting_bytes_ += more;
    place.insert(place.end(), bytes.end() - static_cast<std::ptrdiff_t>(more), bytes.end());
    return;
  }
  append(offset, bytes);
  while (!waiting_.empty() && waiting_.begin()->first <= next_) {
    const auto first = waiting_.begin();
    append(first->first, first->second);
    waiting_bytes_ -= first->second.size();
    waiting_.erase(first);
  }
}

std::string PayloadHash::hex(std::int64_t size) {
  return overflowed_ || next_ != size ? std::string() : sha256_.hex();
}

}  // namespace unproxy
