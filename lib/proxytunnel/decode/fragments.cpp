// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts fragmented datagrams together, within bounds.
// spec: RFC 791 section 3.2, RFC 8200 section 4.5
#include "decode/fragments.hpp"

#include <algorithm>

#include "decode/limits.hpp"

namespace proxytunnel {

namespace {

bool waited_too_long(Time since, Time now) noexcept {
  // Unsigned, because hostile time stamps may be further apart than Time can tell.
  return now > since && static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(since) >
                            static_cast<std::uint64_t>(decode_limits::fragment_wait);
}

}  // namespace

FragmentTable::Outcome FragmentTable::add(const FragmentKey& key, const Fragment& fragment, Time now) {
  const std::size_t size = fragment.bytes.size();
  if (size == 0 || size > decode_limits::datagram_bytes || fragment.offset > decode_limits::datagram_bytes - size) {
    return Outcome::malformed;
  }
  while (!by_age_.empty() && waited_too_long(by_age_.front()->second.since, now)) give_up(by_age_.front());

  const auto entry = find_or_begin(key, now);
  Waiting& waiting = entry->second;
  if (waiting.frames.size() < 2 * decode_limits::fragments_per_datagram) waiting.frames.push_back(fragment.frame);
  const Piece piece{fragment.offset, static_cast<std::uint32_t>(size), waiting.bytes.size(), fragment.protocol};
  const auto [same, behind] = std::equal_range(waiting.pieces.begin(), waiting.pieces.end(), piece,
                                               [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  if (std::any_of(same, behind, [&](const Piece& kept) { return kept.size >= piece.size; }) &&
      (fragment.more || waiting.has_end)) {
    return Outcome::waiting;
  }
  if (waiting.pieces.size() == decode_limits::fragments_per_datagram ||
      waiting.bytes.size() + size > decode_limits::fragment_bytes_per_datagram) {
    give_up(entry);
    return Outcome::over_limit;
  }
  waiting.pieces.insert(behind, piece);
  waiting.bytes.insert(waiting.bytes.end(), fragment.bytes.begin(), fragment.bytes.end());
  bytes_ += size;
  if (!fragment.more && !waiting.has_end) {
    waiting.has_end = true;
    waiting.end = piece.offset + piece.size;
  }
  if (is_complete(waiting)) {
    put_together(waiting);
    frames_ = std::move(entry->second.frames);
    forget(entry);
    return Outcome::complete;
  }
  while (bytes_ > decode_limits::fragment_bytes || waiting_.size() > decode_limits::fragmented_datagrams) {
    give_up(by_age_.front());
  }
  return Outcome::waiting;
}

FragmentTable::Table::iterator FragmentTable::find_or_begin(const FragmentKey& key, Time now) {
  auto entry = waiting_.find(key);
  if (entry != waiting_.end()) {
    if (!waited_too_long(entry->second.since, now)) return entry;
    give_up(entry);
  }
  entry = waiting_.try_emplace(key).first;
  entry->second.since = now;
  entry->second.age = by_age_.insert(by_age_.end(), entry);
  return entry;
}

void FragmentTable::give_up(Table::iterator waiting) {
  ++given_up_;
  forget(waiting);
}

void FragmentTable::forget(Table::iterator waiting) {
  bytes_ -= waiting->second.bytes.size();
  by_age_.erase(waiting->second.age);
  waiting_.erase(waiting);
}

bool FragmentTable::is_complete(const Waiting& waiting) noexcept {
  if (!waiting.has_end) return false;
  std::uint32_t reached = 0;
  for (const Piece& piece : waiting.pieces) {
    if (piece.offset > reached) break;
    reached = std::max(reached, piece.offset + piece.size);
  }
  return reached >= waiting.end;
}

void FragmentTable::put_together(const Waiting& waiting) {
  protocol_ = waiting.pieces.front().protocol;
  datagram_.clear();
  datagram_.reserve(waiting.end);
  for (const Piece& piece : waiting.pieces) {
    const std::size_t known = datagram_.size();
    const std::size_t until = std::min<std::size_t>(piece.offset + piece.size, waiting.end);
    if (until <= known) continue;
    const auto bytes = waiting.bytes.begin() + static_cast<std::ptrdiff_t>(piece.at);
    datagram_.insert(datagram_.end(), bytes + static_cast<std::ptrdiff_t>(known - piece.offset),
                     bytes + static_cast<std::ptrdiff_t>(until - piece.offset));
  }
}

}  // namespace proxytunnel
