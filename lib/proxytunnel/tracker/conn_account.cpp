// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a log says of one connection, in the words of Zeek's conn.log.
#include "tracker/conn_account.hpp"

#include <algorithm>
#include <utility>

namespace proxytunnel {
namespace {

constexpr std::uint32_t udp_header = 8;
// However long a hostile connection goes on about it.
constexpr std::size_t longest_history = 256;

std::uint32_t ip_header(const IpFields& ip) noexcept {
  return ip.version == 6 ? 40 : 20;
}

bool is_power_of_ten(std::uint32_t number) noexcept {
  while (number % 10 == 0 && number > 1) number /= 10;
  return number == 1;
}

}  // namespace

void ConnAccount::count(Time time, std::uint32_t ip_bytes, OneSide& side) {
  if (sides_[Side::initiator].packets + sides_[Side::acceptor].packets == 0) first_ = last_ = time;
  ++side.packets;
  side.ip_bytes += ip_bytes;
}

void ConnAccount::see(const Datagram& datagram, Side side) {
  OneSide& own = sides_[side];
  count(datagram.frame.time, ip_header(datagram.ip) + udp_header + datagram.length, own);
  own.payload.seen(own.payload.bytes() + own.payload.missing_bytes(),
                   static_cast<std::uint32_t>(datagram.payload.size()), datagram.length);
  own.state = State::active;
  last_ = std::max(last_, datagram.frame.time);
  if (own.seen[data]++ == 0) note(data, side);
}

void ConnAccount::see(const Segment& segment, Side side) {
  OneSide& own = sides_[side];
  const auto size = static_cast<std::uint32_t>(segment.header.size());
  count(segment.frame.time, ip_header(segment.ip) + size + segment.length, own);
  const bool was_over = own.state == State::closed || own.state == State::reset;
  const bool says_something = segment.length > 0 || segment.closes() || segment.has(tcp_flag::syn);
  note_flags(segment, side);
  see_payload(segment, side);
  advance(segment, side);
  if (!was_over || says_something) last_ = std::max(last_, segment.frame.time);
}

void ConnAccount::swap_sides() {
  std::swap(sides_[Side::initiator], sides_[Side::acceptor]);
  constexpr char other_case = 'a' ^ 'A';
  for (char& letter : history_) letter = static_cast<char>(letter ^ other_case);
}

void ConnAccount::note(Letter letter, Side side) {
  if (history_.size() >= longest_history) return;
  const char lower = letters[letter];
  history_ += side == Side::initiator ? static_cast<char>(lower - 'a' + 'A') : lower;
}

// Again where it stands at another place.
void ConnAccount::note_at(Letter letter, Side side, std::uint32_t place, std::uint32_t& latest) {
  std::uint32_t& seen = sides_[side].seen[letter];
  if (seen == 0 || latest != place) note(letter, side);
  seen = 1;
  latest = place;
}

void ConnAccount::note_flags(const Segment& segment, Side side) {
  OneSide& own = sides_[side];
  const bool is_syn = segment.has(tcp_flag::syn), is_fin = segment.has(tcp_flag::fin),
             is_rst = segment.has(tcp_flag::rst);
  const auto once = [&](Letter letter) {
    if (own.seen[letter] == 0) note(letter, side);
    own.seen[letter] = 1;
  };
  if (is_fin && is_rst) {
    once(inconsistent);
  } else if (is_syn && (is_fin || is_rst)) {
    once(multi_flag);
  } else if (is_syn) {
    note_at(segment.has(tcp_flag::ack) ? syn_ack : syn, side, segment.sequence(), own.latest_syn);
  } else if (is_fin) {
    note_at(fin, side, segment.sequence() + segment.length, own.latest_fin);
  } else if (is_rst) {
    note_at(rst, side, segment.sequence(), own.latest_rst);
  } else if (segment.length > 0) {
    once(data);
  } else if (segment.has(tcp_flag::ack)) {
    once(ack);
  }
  const bool may_wait = !is_rst && own.state != State::reset && sides_[other(side)].state != State::closed;
  if (segment.window() == 0 && may_wait && is_power_of_ten(++own.seen[zero_window])) note(zero_window, side);
}

void ConnAccount::see_payload(const Segment& segment, Side side) {
  if (segment.has(tcp_flag::rst)) return;
  OneSide &own = sides_[side], &peer = sides_[other(side)];
  const bool is_syn = segment.has(tcp_flag::syn);
  const std::uint32_t begin = segment.sequence() + (is_syn ? 1 : 0);
  if (!own.space.known()) own.space.start(begin);
  const Offset at = own.space.offset(begin), end = at + segment.length;
  if (segment.length > 0 && at >= 0) {
    if (end <= own.space.latest() && is_power_of_ten(++own.seen[again])) note(again, side);
    own.payload.seen(at, static_cast<std::uint32_t>(segment.payload.size()), segment.length);
    own.space.see(end);
  }
  if (segment.has(tcp_flag::fin) && end >= own.space.latest()) own.payload.finished(end);
  if (!segment.has(tcp_flag::ack)) return;
  if (!peer.space.known()) return peer.space.start(segment.acknowledgment());
  const std::int64_t missing = peer.payload.missing_bytes();
  peer.payload.acknowledged(peer.space.offset(segment.acknowledgment()));
  const bool is_new_gap = peer.payload.missing_bytes() > missing;
  if (is_new_gap && is_power_of_ten(++peer.seen[gap])) note(gap, other(side));
}

void ConnAccount::advance(const Segment& segment, Side side) {
  OneSide &own = sides_[side], &peer = sides_[other(side)];
  if (segment.has(tcp_flag::rst)) {
    own.state = State::reset;
  } else if (segment.has(tcp_flag::fin)) {
    if (own.state != State::reset) own.state = State::closed;
  } else if (own.state == State::closed || own.state == State::reset) {
    return;
  } else if (segment.has(tcp_flag::syn)) {
    const bool is_answer = segment.has(tcp_flag::ack);
    own.state = is_answer || peer.state == State::syn_sent ? State::established : State::syn_sent;
    if (own.state == State::established && peer.state == State::syn_sent) peer.state = State::established;
  } else if (own.state == State::inactive) {
    own.state = peer.state == State::established ? State::established : State::partial;
  }
}

std::int64_t ConnAccount::missed_bytes() const noexcept {
  return sides_[Side::initiator].payload.missing_bytes() + sides_[Side::acceptor].payload.missing_bytes();
}

std::string_view ConnAccount::state(Transport transport) const noexcept {
  const OneSide &own = sides_[Side::initiator], &peer = sides_[Side::acceptor];
  const State originator = own.state, responder = peer.state;
  if (transport == Transport::udp) {
    const bool speaks = originator == State::active, answers = responder == State::active;
    return speaks ? (answers ? "SF" : "S0") : answers ? "SHR" : "OTH";
  }
  const auto is_partial = [](State state) { return state == State::inactive || state == State::partial; };
  if (responder == State::reset) {
    const bool is_empty = originator == State::reset && bytes(Side::initiator) == 0 && bytes(Side::acceptor) == 0;
    if (originator == State::syn_sent || is_empty) return "REJ";
    return is_partial(originator) ? "RSTRH" : "RSTR";
  }
  if (originator == State::reset) {
    if (!is_partial(responder)) return "RSTO";
    return own.seen[syn] > 0 && history_.find_first_of("HAFGIQ") == std::string::npos ? "RSTOS0" : "OTH";
  }
  if (responder == State::closed && originator == State::closed) return "SF";
  if (originator == State::closed) return is_partial(responder) ? "SH" : "S2";
  if (responder == State::closed) return is_partial(originator) ? "SHR" : "S3";
  if (originator == State::syn_sent && responder == State::inactive) return "S0";
  return originator == State::established && responder == State::established ? "S1" : "OTH";
}

}  // namespace proxytunnel
