// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts a datagram together that a SOCKS client or proxy cut into fragments.
#include "udp/fragments.hpp"

#include <utility>

#include "base/limits.hpp"

namespace proxytunnel {

RelayFragments::Outcome RelayFragments::add(const RelayHeader& header, Bytes payload, std::uint32_t length) {
  bool lost = false;
  if (header.position() == 1) lost = forget();
  const bool fits = header.position() == next_ && payload.size() == length &&
                    (next_ == 1 || header.target.text() == target_.text()) &&
                    bytes_.size() + length <= limits::fragmented_datagram;
  if (!fits) {
    forget();
    return Outcome::lost;
  }
  target_ = header.target;
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  ++next_;
  if (header.is_last_fragment()) return Outcome::complete;
  return lost ? Outcome::lost : Outcome::waiting;
}

bool RelayFragments::forget() noexcept {
  const bool waited = next_ != 1;
  bytes_.clear();
  next_ = 1;
  return waited;
}

std::vector<std::uint8_t> RelayFragments::take() {
  next_ = 1;
  return std::exchange(bytes_, {});
}

}  // namespace proxytunnel
