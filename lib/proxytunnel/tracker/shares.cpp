// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which bytes of one direction belong to which virtual conversation, and where they stand in it.
#include "tracker/shares.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace proxytunnel {

void Shares::add(Range range, std::size_t conversation, Offset at) {
  range.end = std::min(range.end, Share::no_end);
  if (!list_.empty()) {
    Share& last = list_.back();
    if (last.conversation == conversation && last.range.end == range.begin) {
      last.range.end = range.end;
      return;
    }
  }
  if (list_.size() == limits::shares) list_.pop_front();
  list_.push_back({range, conversation, at});
}

const Share* Shares::holding(Offset offset) const noexcept {
  const auto found = std::upper_bound(list_.begin(), list_.end(), offset,
                                      [](Offset wanted, const Share& share) { return wanted < share.range.end; });
  return found != list_.end() && found->range.begin <= offset ? &*found : nullptr;
}

const Share* Shares::before(std::size_t conversation, Offset offset) const noexcept {
  const Share* best = nullptr;
  for (auto share = list_.rbegin(); share != list_.rend(); ++share) {
    if (share->conversation != conversation) continue;
    best = &*share;
    if (share->range.begin < offset) break;
  }
  return best;
}

}  // namespace proxytunnel
