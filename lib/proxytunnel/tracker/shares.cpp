// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which bytes of one direction belong to which virtual conversation, and where they stand in it.
#include "tracker/shares.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace proxytunnel {

void Shares::add(Range range, TunnelId tunnel, Offset at, Offset shown) {
  range.end = std::min(range.end, Share::no_end);
  if (!list_.empty()) {
    Share& last = list_.back();
    if (last.tunnel == tunnel && last.range.end == range.begin) {
      last.range.end = range.end;
      return;
    }
  }
  list_.push_back({range, tunnel, at});
  // Many at once, so that those that stay need not move each time.
  if (list_.size() <= 2 * limits::shares || list_.front().range.end > shown) return;
  const auto most = list_.end() - static_cast<std::ptrdiff_t>(limits::shares);
  list_.erase(list_.begin(),
              std::find_if(list_.begin(), most, [shown](const Share& share) { return share.range.end > shown; }));
}

std::vector<Share>::const_iterator Shares::behind(Offset offset) const noexcept {
  return std::upper_bound(list_.begin(), list_.end(), offset,
                          [](Offset wanted, const Share& share) { return wanted < share.range.end; });
}

const Share* Shares::holding(Offset offset) const noexcept {
  const auto found = behind(offset);
  return found != list_.end() && found->range.begin <= offset ? &*found : nullptr;
}

const Share* Shares::before(TunnelId tunnel, Offset offset) const noexcept {
  const Share* best = nullptr;
  // NOLINTNEXTLINE(modernize-loop-convert): clang 14 has no reversed ranges
  for (auto share = list_.rbegin(); share != list_.rend(); ++share) {
    if (share->tunnel != tunnel) continue;
    best = &*share;
    if (share->range.begin < offset) break;
  }
  return best;
}

}  // namespace proxytunnel
