// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about what remains of the packets that were put in, when their payload moved.
#include <algorithm>
#include <limits>

#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

constexpr Offset all_known = std::numeric_limits<Offset>::max();

// Up to where it is known of the bytes of a side whether they move.
Offset known_of(const Connection& connection, Side side) noexcept {
  if (!connection.handshaking) return all_known;
  const Handshaking& work = *connection.handshaking;
  Offset known = work.taken(side);
  // What is a part of a message of the handshake stays, whatever becomes of it.
  if (work.tunnel.waits_for(side)) known = std::max(known, work.stream(side).end());
  for (bool more = true; more;) {
    more = false;
    for (const RangeSet* set : {&work.lost[side], &connection.remains->stayed[side]}) {
      for (const Range& range : set->ranges()) {
        if (range.begin > known || range.end <= known) continue;
        known = range.end;
        more = true;
      }
    }
  }
  return known;
}

bool is_known(const Connection& connection, const RemainderWaiting& waiting) noexcept {
  if (waiting.is_dropped) return true;
  if (waiting.is_doubted) return false;
  if (waiting.place.end > known_of(connection, waiting.side)) return false;
  const Side peer = other(waiting.side);
  const Offset end = connection.remains->fin_at[peer].value_or(all_known);
  return !waiting.acknowledged || std::min(*waiting.acknowledged, end) <= known_of(connection, peer);
}

RemainderWaiting describe(const Connection& connection, const Segment& segment) noexcept {
  RemainderWaiting waiting;
  waiting.ticket = segment.ticket;
  waiting.side = connection.side_of(segment.sender);
  const SequenceSpace& theirs = connection.space[other(waiting.side)];
  waiting.place = payload_range(connection.space[waiting.side], segment);
  const bool acknowledges = segment.has(tcp_flag::ack) && theirs.known();
  if (acknowledges) waiting.acknowledged = theirs.offset(segment.acknowledgment());
  waiting.syn = segment.has(tcp_flag::syn);
  waiting.fin = segment.has(tcp_flag::fin);
  waiting.rst = segment.has(tcp_flag::rst);
  waiting.sacks = acknowledges && !segment.options().empty() && sacks_behind(segment, segment.acknowledgment());
  return waiting;
}

/// The numbers that a segment has in what remains.
struct Numbers {
  const Connection& connection;
  const RemainderWaiting& of;

  [[nodiscard]] Offset moved_before(Offset offset) const noexcept {
    return connection.remains->moved_before(of.side, offset);
  }
  [[nodiscard]] Offset acknowledged() const noexcept {
    if (!of.acknowledged) return 0;
    return *of.acknowledged - connection.remains->moved_before(other(of.side), *of.acknowledged);
  }

  /// The part of it that is in `kept`, as a segment.
  [[nodiscard]] Translation piece(Range kept, Checksums checksums) const noexcept {
    const Side peer = other(of.side);
    const SequenceSpace &own = connection.space[of.side], &theirs = connection.space[peer];
    Translation change;
    change.sender = connection.ends[of.side];
    change.receiver = connection.ends[peer];
    change.keeps_syn = of.syn && kept.begin == of.place.begin;
    const Offset number = kept.begin - moved_before(kept.begin) - (change.keeps_syn ? 1 : 0);
    change.sequence = own.sequence(number);
    change.acknowledgment = theirs.sequence(acknowledged());
    change.cut = static_cast<std::uint32_t>(kept.begin - of.place.begin);
    change.keep = static_cast<std::uint32_t>(kept.end - kept.begin);
    change.checksums = checksums;
    if (of.sacks) change.sack = sack();
    return change;
  }

  // Of the blocks, those that lie in what stays next to what is acknowledged.
  [[nodiscard]] Translation::Sack sack() const noexcept {
    const Side peer = other(of.side);
    const SequenceSpace& theirs = connection.space[peer];
    const Offset from = *of.acknowledged;
    const Range stays = connection.remains->moved[peer].stays_behind(from);
    Translation::Sack sack;
    sack.size = 0;
    if (stays.begin - from > limits::largest_window) return sack;
    const Offset size = std::clamp<Offset>(stays.end - stays.begin, 0, limits::largest_window);
    sack.floor = theirs.sequence(stays.begin);
    sack.size = static_cast<std::uint32_t>(size);
    sack.shift = static_cast<std::uint32_t>(connection.remains->moved_before(peer, stays.begin));
    return sack;
  }
};

// What remains of it. Acknowledgments of what moved say nothing any more.
Remainder remainder_of(Connection& connection, const RemainderWaiting& of, Checksums checksums) {
  Remains& remains = *connection.remains;
  const Moved &own = remains.moved[of.side], &theirs = remains.moved[other(of.side)];
  const Numbers numbers{connection, of};
  Remainder remainder;
  remainder.ticket = of.ticket;
  Offset& acknowledged = remains.acknowledged[of.side];
  const Offset acknowledges = of.is_dropped ? acknowledged : numbers.acknowledged();
  const bool is_news = acknowledges > acknowledged;
  acknowledged = std::max(acknowledged, acknowledges);
  const bool is_untouched = !own.any() && !theirs.any();
  const bool is_out_of_sight = !own.knows(of.place.begin) || (of.acknowledged && !theirs.knows(*of.acknowledged));
  if (is_untouched || of.is_dropped || is_out_of_sight) return remainder;

  std::vector<Range> kept;
  for (Offset at = of.place.begin; at < of.place.end;) {
    const Range stays = own.stays_behind(at);
    const Range piece{stays.begin, std::min(stays.end, of.place.end)};
    if (piece.begin < piece.end) kept.push_back(piece);
    at = std::max(piece.begin, piece.end);
  }
  const bool has_all = of.place.begin == of.place.end || (kept.size() == 1 && kept[0] == of.place);
  const bool has_same_numbers = numbers.moved_before(of.place.begin) == 0 &&
                                (!of.acknowledged || acknowledges == *of.acknowledged) &&
                                !(of.sacks && theirs.any_behind(*of.acknowledged));
  if (has_all && has_same_numbers) return remainder;
  remainder.is_whole = false;
  if (kept.empty()) {
    const bool is_needed = of.syn || of.fin || of.rst || is_news;
    if (!is_needed) return remainder;
    // A SYN stands before the payload, a FIN behind it.
    const Offset at = of.syn ? of.place.begin : of.place.end;
    kept.push_back({at, at});
  }
  for (const Range& each : kept) {
    remainder.pieces.push_back(numbers.piece(each, checksums));
    if (&each != &kept.back()) remainder.pieces.back().dropped_flags = tcp_flag::fin | tcp_flag::rst;
  }
  return remainder;
}

}  // namespace

// What is taken, or set aside, is told of at once if it can be.
void Tracker::tell_remainder(Connection& connection, const Segment& segment, bool is_taken, Outcome& outcome) {
  Remains& remains = *connection.remains;
  if (segment.ticket == 0) return settle(connection, outcome);
  RemainderWaiting waiting = describe(connection, segment);
  if (is_taken && waiting.fin && !waiting.rst) remains.fin_at[waiting.side] = waiting.place.end;
  const auto is_kept = [&] {
    return connection.doubts && connection.phase != Phase::passed &&
           std::any_of(connection.doubts->begin(), connection.doubts->end(),
                       [&](const Doubted& each) { return each.held.segment().ticket == segment.ticket; });
  };
  waiting.is_doubted = !is_taken && is_kept();
  waiting.is_dropped = !is_taken && !waiting.is_doubted;
  remains.waiting.push_back(waiting);
  settle(connection, outcome);
  if (!connection.remains || connection.remains->waiting.empty()) return;
  if (connection.remains->waiting.back().ticket != segment.ticket) return;
  outcome.waits = true;
  waiting_tickets_.emplace(segment.ticket, connection.key());
}

// In order, as far as it is known.
void Tracker::settle(Connection& connection, Outcome& outcome) {
  Remains& remains = *connection.remains;
  while (!remains.waiting.empty() && is_known(connection, remains.waiting.front())) {
    const RemainderWaiting waiting = remains.waiting.front();
    remains.waiting.pop_front();
    waiting_tickets_.erase(waiting.ticket);
    // What was told stays so.
    if (connection.handshaking && !waiting.is_dropped) {
      const Offset taken = connection.handshaking->taken(waiting.side);
      const Range early{std::max(taken, waiting.place.begin), waiting.place.end};
      if (early.begin < early.end) remains.stayed[waiting.side].add(early);
    }
    outcome.remainders.push_back(remainder_of(connection, waiting, options_.checksums));
  }
  const bool is_over = connection.phase == Phase::passed || connection.phase == Phase::relaying;
  if (is_over && remains.waiting.empty()) connection.remains.reset();
}

// It ends, and waits no longer.
void Tracker::settle_all(Connection& connection, Outcome& outcome) {
  for (RemainderWaiting& waiting : connection.remains->waiting) waiting.is_dropped |= waiting.is_doubted;
  settle(connection, outcome);
}

// What waited to be answered was taken, after all. False if it left long ago, as it was.
bool Tracker::note_taken_late(Connection& connection, const Segment& segment) {
  RemainderWaiting* waiting = connection.remains ? connection.remains->find(segment.ticket) : nullptr;
  if (waiting == nullptr) return false;
  *waiting = describe(connection, segment);
  if (waiting->fin && !waiting->rst) connection.remains->fin_at[waiting->side] = waiting->place.end;
  return true;
}

void Tracker::note_dropped(Connection& connection, Ticket ticket) {
  RemainderWaiting* waiting = connection.remains ? connection.remains->find(ticket) : nullptr;
  if (waiting != nullptr) waiting->is_dropped = true;
}

void Tracker::tell_given_up(Outcome& outcome) {
  for (const Ticket ticket : given_up_) outcome.remainders.push_back({.ticket = ticket});
  given_up_.clear();
}

// If it is a fragment of a relayed datagram, those with it go, too.
void Tracker::let_fragments_go(Ticket ticket, Outcome& outcome) {
  for (auto& [id, directions] : fragments_) {
    for (Owned<RelayFragments>& each : directions) {
      if (!each || std::find(each->tickets.begin(), each->tickets.end(), ticket) == each->tickets.end()) continue;
      fragment_bytes_ -= each->bytes();
      each->forget();
      give_up(*each);
    }
  }
  tell_given_up(outcome);
}

void Tracker::let_go(Ticket ticket, Outcome& outcome) noexcept {
  outcome.clear();
  const auto found = waiting_tickets_.find(ticket);
  if (found == waiting_tickets_.end()) return let_fragments_go(ticket, outcome);
  const ConnectionKey key = found->second;
  Connection* connection = table_of(key).find(key);
  if (connection == nullptr || !connection->remains) return;
  Remains& remains = *connection->remains;
  RemainderWaiting* waiting = remains.find(ticket);
  if (waiting == nullptr) return;
  if (waiting->is_doubted) {
    waiting->is_dropped = true;
    const std::size_t count = connection->doubts ? connection->doubts->size() : 0;
    for (std::size_t i = 0; i < count; ++i) {
      if ((*connection->doubts)[i].held.segment().ticket != ticket) continue;
      drop(*connection, i);
      break;
    }
  } else {
    const auto stay = [&](Side side, Offset end) {
      const Offset known = known_of(*connection, side);
      if (known < end) remains.stayed[side].add({known, end});
    };
    stay(waiting->side, waiting->place.end);
    if (waiting->acknowledged) stay(other(waiting->side), *waiting->acknowledged);
  }
  settle(*connection, outcome);
}

}  // namespace proxytunnel
