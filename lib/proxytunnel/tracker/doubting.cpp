// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about segments that their receiver may have dropped: they change nothing until an answer
//          tells that they were taken.
// spec: RFC 9293 section 3.10.7.4, RFC 5961
//
// Theory of operation: every segment of the wire is judged before anything else changes. What a receiver drops, by its
// numbers or its checksum, is set aside. Each later segment may be the answer to it: then it is believed, what waits is
// judged anew, and what is taken is shown at the frame of the answer. It is dropped, and told, when a copy of it is
// taken, when there are too many, or at the end; there it is believed if the connection did not go on without it. What
// is carried by a tunnel was judged when its carrier was.
#include "synth/verify.hpp"
#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

std::uint32_t first_number(const Segment& segment) noexcept {
  return segment.sequence() + (segment.has(tcp_flag::syn) ? 1 : 0);
}
std::uint32_t numbers_behind_syn(const Segment& segment) noexcept {
  return segment.length + (segment.has(tcp_flag::fin) ? 1 : 0);
}

std::size_t cost_of(const Segment& segment) noexcept {
  return Held::cost(segment) + sizeof(Doubted);
}

// A SYN repeats the known one, or completes what was seen without one (lost or reordered). What a SYN carried may be
// acknowledged with it (RFC 7413).
bool is_known_syn(const Connection& connection, const Segment& segment, Side side) noexcept {
  const SequenceSpace &own = connection.space[side], &peer = connection.space[other(side)];
  if (own.known() && own.sequence(0) != first_number(segment)) return false;
  if (!segment.has(tcp_flag::ack) || !peer.known()) return true;
  const Offset answered = peer.offset(segment.acknowledgment());
  return answered >= 0 && answered <= peer.latest();
}

bool is_near(const Connection& connection, const Segment& segment) noexcept {
  const Side side = connection.side_of(segment.sender);
  const SequenceSpace& own = connection.space[side];
  return connection.receiver[side].takes(own.offset(segment.sequence()), own.latest());
}

// Bytes from long ago that nothing was seen of: the capture has them late.
bool fills_hole(const Connection& connection, const Segment& segment, Side side) noexcept {
  const Range place = payload_range(connection.space[side], segment);
  return segment.length > 0 && !segment.closes() && place.begin >= 0 && place.end < connection.space[side].latest() &&
         connection.sent && !connection.sent->overlaps(side, place);
}

}  // namespace

// By its numbers.
Doubt doubt_about(const Connection& connection, const Segment& segment, Side side) noexcept {
  const SequenceSpace &own = connection.space[side], &peer = connection.space[other(side)];
  const Receiver &receiver = connection.receiver[side], &sender = connection.receiver[other(side)];
  if (segment.has(tcp_flag::syn)) {
    return is_known_syn(connection, segment, side) ? Doubt::none : Doubt::another_number;
  }
  if (own.known()) {
    const Offset begin = own.offset(segment.sequence());
    if (!receiver.takes(begin, own.latest())) {
      return fills_hole(connection, segment, side) ? Doubt::none : Doubt::outside_window;
    }
    if (segment.has(tcp_flag::rst)) {
      if (receiver.takes_reset(begin, own.latest())) return Doubt::none;
      return begin > own.latest() ? Doubt::challenged : Doubt::outside_window;
    }
    const bool is_behind = segment.has(tcp_flag::fin) && !receiver.takes_end(begin + segment.length, own.latest());
    if (is_behind) return Doubt::outside_window;
  }
  const bool answers = segment.has(tcp_flag::ack) && peer.known();
  const bool is_answer_near = !answers || sender.takes(peer.offset(segment.acknowledgment()), peer.latest());
  return is_answer_near ? Doubt::none : Doubt::outside_window;
}

namespace {

// Whether an acknowledgment answers something, or bytes that were not seen.
bool tells_news(const Connection& connection, const Segment& segment, Side side) noexcept {
  const SequenceSpace& peer = connection.space[other(side)];
  return connection.doubts || !peer.known() || peer.offset(segment.acknowledgment()) > peer.latest();
}

}  // namespace

// By its checksum, where those of its sender tell anything. What is none of ours is not read, and what only repeats an
// acknowledgment changes nothing.
bool is_damaged(Connection& connection, const Segment& segment, Side side) noexcept {
  Trust& own = connection.trust[side];
  const bool matters =
      segment.has(tcp_flag::syn) || segment.closes() ||
      (connection.phase != Phase::passed && (segment.length > 0 || tells_news(connection, segment, side)));
  if (own == Trust::unreliable || !matters) return false;
  const Checksum found = verify(segment);
  if (found == Checksum::right) own = Trust::right;
  if (found != Checksum::wrong) return false;
  const bool is_fault = own == Trust::right || (own == Trust::none && connection.trust[other(side)] == Trust::right);
  if (!is_fault) own = Trust::all_wrong;
  return is_fault;
}

namespace {

bool has_waiting_syn(const Connection& connection) noexcept {
  return connection.doubts && std::any_of(connection.doubts->begin(), connection.doubts->end(),
                                          [](const Doubted& each) { return each.why == Doubt::another_number; });
}

bool is_same(const Segment& one, const Segment& another) noexcept {
  return one.sender == another.sender && one.sequence() == another.sequence() && one.length == another.length &&
         one.flags() == another.flags() && one.checksum() == another.checksum();
}

// Whether both carry (some of) the same numbers.
bool overlaps(const Segment& one, const Segment& another) noexcept {
  if (one.sender != another.sender) return false;
  if (one.has(tcp_flag::syn) && another.has(tcp_flag::syn)) return one.sequence() == another.sequence();
  const std::uint32_t behind = first_number(one) - first_number(another);
  return behind < numbers_behind_syn(another) || 0 - behind < numbers_behind_syn(one);
}

// Whether `answer` tells that the other side took what waits.
bool is_answered(const Connection& connection, const Doubted& doubted, const Segment& answer) noexcept {
  const Segment waiting = doubted.held.segment();
  const auto is_outside = [&] {
    return doubt_about(connection, answer, connection.side_of(answer.sender)) == Doubt::outside_window;
  };
  const bool may_answer = waiting.sender != answer.sender && answer.has(tcp_flag::ack) && !answer.has(tcp_flag::rst);
  if (!may_answer || waiting.has(tcp_flag::rst)) return false;
  const std::uint32_t size = numbers_behind_syn(waiting);
  const std::uint32_t acknowledged = answer.acknowledgment() - first_number(waiting);
  if (waiting.has(tcp_flag::syn)) {
    if (doubted.why == Doubt::wrong_checksum || answer.has(tcp_flag::syn)) return acknowledged <= size;
    return acknowledged <= limits::answered_start && is_outside();
  }
  if (doubted.why == Doubt::wrong_checksum) return acknowledged - size <= limits::answered_start;
  // What lies far away is answered from there; what only acknowledges too much, by what acknowledges it.
  const bool is_far = !is_near(connection, waiting);
  return acknowledged >= (is_far ? std::min(size, 1U) : std::max(size, 1U)) &&
         acknowledged <= limits::answered_start + size && (!is_far || is_outside());
}

}  // namespace

bool Tracker::is_set_aside(Connection& connection, const Segment& segment, Outcome& outcome) {
  if (connection.doubts) hear_answer(connection, segment, outcome);
  const Side side = connection.side_of(segment.sender);
  Doubt why = doubt_about(connection, segment, side);
  const bool is_ours = connection.phase != Phase::passed || segment.has(tcp_flag::syn) || segment.closes();
  if (why == Doubt::outside_window && !is_ours && !has_waiting_syn(connection)) return true;
  if (why != Doubt::outside_window && is_damaged(connection, segment, side)) why = Doubt::wrong_checksum;
  if (why == Doubt::another_number && connection.closed()) {
    begin_anew(connection, segment, segment.frame, outcome);
    why = Doubt::none;
  }
  if (why == Doubt::none) {
    if (connection.doubts) go_on(connection, segment);
    return false;
  }
  if (is_worth_keeping(connection, segment, why)) {
    keep_aside(connection, segment, why, outcome);
  } else if (why != Doubt::outside_window || is_ours) {
    connection.odd.add(why);
  }
  return true;
}

// False for what no answer can be about, and for what the receiver has already.
bool Tracker::is_worth_keeping(const Connection& connection, const Segment& segment, Doubt why) noexcept {
  if (segment.has(tcp_flag::rst)) return why == Doubt::challenged;
  const bool is_far = why == Doubt::outside_window && !is_near(connection, segment);
  if (why == Doubt::another_number || is_far) return true;
  const Side side = connection.side_of(segment.sender);
  if (segment.has(tcp_flag::syn)) return !connection.syn_seen[side];
  if (segment.has(tcp_flag::fin) && (why == Doubt::outside_window || connection.fin_seen[side])) return false;
  if (numbers_behind_syn(segment) == 0) return false;
  return !connection.sent || !connection.sent->overlaps(side, payload_range(connection.space[side], segment));
}

void Tracker::keep_aside(Connection& connection, const Segment& segment, Doubt why, Outcome& outcome) {
  Doubts& doubts = connection.doubts ? *connection.doubts : connection.doubts.emplace();
  const bool is_repeated = std::any_of(
      doubts.begin(), doubts.end(), [&segment](const Doubted& each) { return is_same(each.held.segment(), segment); });
  if (is_repeated) return;
  const Side side = connection.side_of(segment.sender);
  const std::size_t cost = cost_of(segment);
  if (doubted_bytes_ + cost > limits::doubted_bytes_total) {
    connection.odd.add(why);
    return;
  }
  doubted_bytes_ += cost;
  doubts.push_back({Held(segment, side, {0, 0}, 0), why});
  if (doubts.size() <= limits::doubted_segments) return;
  // Too many, and nothing but them: the connection goes on there.
  if (!doubts.front().went_on) {
    believe(connection, 0, segment.frame, outcome);
  } else {
    drop(connection, 0);
  }
}

void Tracker::drop(Connection& connection, std::size_t which) {
  Doubts& doubts = *connection.doubts;
  connection.odd.add(doubts[which].why);
  note_dropped(connection, doubts[which].held.segment().ticket);
  doubted_bytes_ -= cost_of(doubts[which].held.segment());
  doubts.erase(doubts.begin() + static_cast<std::ptrdiff_t>(which));
  if (doubts.empty()) connection.doubts.reset();
}

void Tracker::hear_answer(Connection& connection, const Segment& answer, Outcome& outcome) {
  for (std::size_t i = 0; connection.doubts && i < connection.doubts->size();) {
    if (!is_answered(connection, (*connection.doubts)[i], answer)) {
      ++i;
      continue;
    }
    believe(connection, i, answer.frame, outcome);
    i = 0;
  }
}

// The connection goes on with a segment that is taken: what waits is not needed for that. Of two copies the receiver
// took this one.
void Tracker::go_on(Connection& connection, const Segment& taken) {
  for (std::size_t i = 0; connection.doubts && i < connection.doubts->size();) {
    Doubted& doubted = (*connection.doubts)[i];
    const Segment waiting = doubted.held.segment();
    if (overlaps(waiting, taken)) {
      drop(connection, i);
      continue;
    }
    const bool is_heard = waiting.sender != taken.sender && taken.has(tcp_flag::ack);
    if (is_heard || doubted.why != Doubt::wrong_checksum) doubted.went_on = true;
    ++i;
  }
}

// What waits was taken. Everything else that waits is judged by what that changes.
void Tracker::believe(Connection& connection, std::size_t which, const Frame& frame, Outcome& outcome) {
  const std::unique_ptr<Doubts> doubts = connection.doubts.take();
  for (const Doubted& each : *doubts) doubted_bytes_ -= cost_of(each.held.segment());
  Doubted& believed = (*doubts)[which];
  const Segment segment = believed.held.segment();
  if (believed.why == Doubt::another_number) {
    for (std::size_t i = 0; i < which; ++i) connection.odd.add((*doubts)[i].why);
    begin_anew(connection, segment, frame, outcome);
    doubts->erase(doubts->begin(), doubts->begin() + static_cast<std::ptrdiff_t>(which));
    which = 0;
  } else if (believed.why == Doubt::wrong_checksum) {
    connection.trust[connection.side_of(segment.sender)] = Trust::unreliable;
  } else if (believed.why == Doubt::outside_window) {
    if (!is_near(connection, segment)) connection.space[connection.side_of(segment.sender)].leap(segment.sequence());
  }
  Doubts rest;
  for (std::size_t i = 0; i < doubts->size(); ++i) {
    Doubted& each = (*doubts)[i];
    const Segment waiting = each.held.segment();
    const Side side = connection.side_of(waiting.sender);
    const Doubt why = i == which ? Doubt::none : doubt_about(connection, waiting, side);
    const bool is_damaged_still = each.why == Doubt::wrong_checksum && connection.trust[side] != Trust::unreliable;
    if (why == Doubt::none && !is_damaged_still) {
      take_late(connection, std::move(each.held), frame, outcome);
      continue;
    }
    doubted_bytes_ += cost_of(each.held.segment());
    rest.push_back(std::move(each));
  }
  if (!rest.empty()) connection.doubts.emplace() = std::move(rest);
}

void Tracker::take_late(Connection& connection, Held held, const Frame& frame, Outcome& outcome) {
  outcome.released.push_back(std::move(held));
  Segment segment = outcome.released.back().segment();
  if (segment.frame.number != frame.number) {
    segment.frame.carried_in = segment.frame.number;
    segment.frame.carried_at = segment.frame.time;
    segment.frame.number = frame.number;
    segment.frame.time = frame.time;
  }
  if (!note_taken_late(connection, segment)) segment.ticket = 0;
  take(connection, segment, outcome);
}

// Another connection with the same ends.
void Tracker::begin_anew(Connection& connection, const Segment& segment, const Frame& frame, Outcome& outcome) {
  retire(connection, frame, outcome);
  begin(connection, segment);
}

// The connection ends: no answer will come any more.
void Tracker::settle_doubts(Connection& connection, const Frame& frame, Outcome& outcome) {
  while (connection.doubts) {
    if (connection.doubts->front().went_on) {
      drop(connection, 0);
    } else {
      believe(connection, 0, frame, outcome);
    }
  }
  if (connection.odd.any()) note_oddities(connection, Side::initiator);
}

// In the attempt that has the latest bytes of a side. Where there is none yet, it waits for one.
void Tracker::note_oddities(Connection& connection, Side side) {
  Attempt* attempt = connection.association.get();
  if (attempt == nullptr && connection.handshaking) attempt = connection.handshaking->tunnel.attempt();
  if (attempt == nullptr && connection.tunnels) attempt = &connection.tunnels->owner_of_latest(side).attempt;
  if (attempt == nullptr) return;
  const Oddities odd = std::exchange(connection.odd, {});
  if (odd.outside_window) attempt->note("outside-window");
  if (odd.checksum_wrong) attempt->note("checksum-wrong");
  if (odd.overlap_conflict) attempt->note("overlap-conflict");
}

// What was sent again must say the same. A byte that was acknowledged is sent again to keep the connection alive, and
// may be any.
void Tracker::compare_with_sent(Connection& connection, const Segment& segment, Side side) {
  if (!connection.sent) return;
  Sent& sent = *connection.sent;
  const Range place = payload_range(connection.space[side], segment);
  RecentBytes& recent = sent.recent[side];
  const bool is_again = place.begin < connection.space[side].latest();
  const bool keeps_alive = segment.length == 1 && place.end <= connection.receiver[side].acknowledged();
  if (is_again && !keeps_alive && recent.contradicts(place.begin, segment.payload)) {
    connection.odd.overlap_conflict = true;
  }
  sent.taken[side].add(place);
  const std::size_t before = recent.size();
  recent.remember(place.begin, segment.payload, limits::recent_bytes_total - recent_bytes_);
  recent_bytes_ += recent.size() - before;
}

void Tracker::forget_sent(Connection& connection) noexcept {
  if (!connection.sent) return;
  recent_bytes_ -= connection.sent->size();
  connection.sent.reset();
}

}  // namespace proxytunnel
