// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what remains of a connection when the payload of its tunnels moved into virtual conversations.
#include "tracker/remainder.hpp"

#include <algorithm>
#include <limits>

namespace proxytunnel {

void Moved::add(Range range) {
  if (range.begin >= range.end) return;
  if (!list_.empty() && list_.back().range.end >= range.begin) {
    list_.back().range.end = std::max(list_.back().range.end, range.end);
    return;
  }
  const Offset before = list_.empty() ? 0 : list_.back().before + list_.back().range.end - list_.back().range.begin;
  list_.push_back({range, before});
  // Many at once, so that those that stay need not move each time.
  if (list_.size() <= 2 * limits::shares) return;
  const auto most = list_.end() - static_cast<std::ptrdiff_t>(limits::shares);
  known_from_ = most->range.begin;
  list_.erase(list_.begin(), most);
}

// The first that ends behind it.
std::vector<Moved::Entry>::const_iterator Moved::behind(Offset offset) const noexcept {
  return std::upper_bound(list_.begin(), list_.end(), offset,
                          [](Offset wanted, const Entry& entry) { return wanted < entry.range.end; });
}

Offset Moved::before(Offset offset) const noexcept {
  const auto found = behind(offset);
  if (found != list_.end()) return found->before + std::max<Offset>(offset - found->range.begin, 0);
  if (list_.empty()) return 0;
  return list_.back().before + list_.back().range.end - list_.back().range.begin;
}

Range Moved::stays_behind(Offset offset) const noexcept {
  constexpr Offset no_end = std::numeric_limits<Offset>::max();
  auto found = behind(offset);
  if (found != list_.end() && found->range.begin <= offset) {
    offset = found->range.end;
    ++found;
  }
  return {offset, found == list_.end() ? no_end : found->range.begin};
}

RemainderWaiting* Remains::find(Ticket ticket) noexcept {
  const auto found =
      std::find_if(waiting.begin(), waiting.end(), [=](const RemainderWaiting& each) { return each.ticket == ticket; });
  return found == waiting.end() ? nullptr : &*found;
}

Offset Remains::moved_before(Side side, Offset offset) const noexcept {
  return moved[side].before(std::min(offset, fin_at[side].value_or(offset)));
}

std::vector<Range> without(Range range, const RangeSet& some, const RangeSet& others) {
  std::vector<Range> left{range};
  for (const RangeSet* set : {&some, &others}) {
    for (const Range& taken : set->ranges()) {
      std::vector<Range> rest;
      for (const Range& each : left) {
        const Range front{each.begin, std::min(each.end, taken.begin)};
        const Range back{std::max(each.begin, taken.end), each.end};
        if (front.begin < front.end) rest.push_back(front);
        if (back.begin < back.end) rest.push_back(back);
      }
      left = std::move(rest);
    }
  }
  return left;
}

}  // namespace proxytunnel
