// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the oracle of completeness: whatever the order of events, what was captured behind a base comes out, or the
//          report says that it is missing.
//
// A script plays one of a few proxy sessions, whose two streams are known, as segments of any cutting, in any order,
// with repetitions and losses, with acknowledgments and closings at any time. The same streams played straight through
// tell whose each byte is. Of the bytes that are captured, lie behind the base of the first tunnel and are somebody's
// payload, as many must have come out as there are, less those that the report calls missing; and the report's counts
// are those of what came out.
//
// Played again with tickets, what remains of the connection is asked for: every byte that was captured is in what
// remains or in a virtual conversation, and in one of them only; and what remains is a stream, whose numbers have no
// gap where something moved.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/range_set.hpp"
#include "demand.hpp"
#include "tracker/tracker.hpp"

namespace completeness {

using namespace proxytunnel;
using namespace std::string_literals;

/// A piece of a stream, and whose it is.
enum class Of : std::uint8_t { handshake, tunnel, connect /* payload, if the CONNECT opens */ };
struct Part {
  std::string bytes;
  Of of = Of::tunnel;
};
using Stream = std::vector<Part>;
struct Session {
  const char* name;
  PerSide<Stream> streams;

  [[nodiscard]] std::string text(Side side) const {
    std::string all;
    for (const Part& part : streams[side]) all += part.bytes;
    return all;
  }
};

inline std::string letters(std::size_t size, char from) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(from + static_cast<char>(i % 23));
  return text;
}

inline const std::vector<Session>& sessions() {
  static const Part socks5_asks{"\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"s, Of::handshake};
  static const Part socks5_grants{"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s, Of::handshake};
  static const Part connect{"CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n", Of::handshake};
  static const Part granted{"HTTP/1.1 200 OK\r\n\r\n", Of::handshake};
  static const Part wants{"HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nwho?", Of::handshake};
  static const Part header{"PROXY TCP4 192.0.2.9 192.0.2.1 40001 25\r\n", Of::handshake};
  static const Part up{letters(110, 'A')}, down{letters(160, 'a')};
  static const Part up_later{up.bytes, Of::connect}, down_later{down.bytes, Of::connect};
  static const Part one{"GET http://192.0.2.7/a HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n"};
  static const Part two{"POST http://192.0.2.8/b HTTP/1.1\r\nContent-Length: 30\r\n\r\n" + letters(30, 'A')};
  static const Part from_one{"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + letters(90, 'a')};
  static const Part from_two{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"};
  static const Part until_close{"HTTP/1.0 200 OK\r\n\r\n" + letters(200, 'a')};
  static const Part garbage{"no request: \x01\x02" + letters(60, 'A')};
  static const std::vector<Session> all = {
      {"socks5", {{socks5_asks, up}, {socks5_grants, down}}},
      {"socks4",
       {{{"\x04\x01\x00\x50\xc0\x00\x02\x07me\x00"s, Of::handshake}, up},
        {{"\x00\x5a\x00\x00\x00\x00\x00\x00"s, Of::handshake}, down}}},
      {"connect", {{connect, up}, {granted, down}}},
      {"connect, refused first", {{connect, connect, up}, {wants, granted, down}}},
      {"proxy header", {{header, up}, {down}}},
      {"two origins", {{one, two, one}, {from_one, from_two, from_one}}},
      {"two origins, refused first", {{one, two, one}, {wants, from_two, from_one}}},
      {"an origin, then connect", {{one, connect, up_later}, {from_one, granted, down_later}}},
      {"an origin until it closes", {{one}, {until_close}}},
      {"no request any more", {{one, two, garbage}, {from_one, from_two, down}}},
      {"connect inside socks5", {{socks5_asks, {connect.bytes}, up}, {socks5_grants, {granted.bytes}, down}}},
  };
  return all;
}

/// What came out for one tunnel: virtual offsets in each direction.
struct Seen {
  PerDirection<RangeSet> out{RangeSet(100000), RangeSet(100000)};
  std::optional<Attempt> ended;
};

/// What remains of the segments of one connection, by the offsets that their bytes had.
class Remaining {
 public:
  struct Put {
    Side side;
    Offset begin, end;
  };

  void put(Ticket ticket, Put segment) {
    known_[ticket] = segment;
    untold_.insert(ticket);
  }
  void wait(Ticket ticket) { waiting_.insert(ticket); }
  [[nodiscard]] Ticket oldest() const { return waiting_.empty() ? 0 : *waiting_.begin(); }
  [[nodiscard]] bool waits() const { return !waiting_.empty(); }

  void tell(const Remainder& remainder, PerSide<std::uint32_t> first) {
    waiting_.erase(remainder.ticket);
    const auto found = known_.find(remainder.ticket);
    if (found == known_.end()) return;  // of a virtual packet
    demand(untold_.erase(remainder.ticket) == 1, "it is told once what remains of a segment");
    const Put& of = found->second;
    if (remainder.is_whole) return keep(of.side, of.begin, of.end, of.begin);
    for (const Translation& piece : remainder.pieces) {
      const Offset begin = of.begin + piece.cut, end = begin + piece.keep;
      demand(end <= of.end, "a piece is a part of its segment");
      keep(of.side, begin, end, static_cast<std::int32_t>(piece.sequence - first[of.side]));
    }
  }
  /// What nothing was said of, and does not wait, is as it was.
  void tell_rest() {
    for (const Ticket ticket : std::set<Ticket>(untold_)) {
      if (!waiting_.contains(ticket)) tell({.ticket = ticket}, {0, 0});
    }
  }
  [[nodiscard]] std::int64_t size(Side side) const { return static_cast<std::int64_t>(places_[side].size()); }

  /// A byte has one place, and there are no gaps but those that were in the capture.
  void check(Side side, bool is_exact) const {
    Offset before = -1, place = -1;
    for (const auto& [offset, at] : places_[side]) {
      demand(!is_exact || (at > place && at - place <= offset - before), "places of what remains are in order");
      before = offset;
      place = at;
    }
  }

 private:
  void keep(Side side, Offset begin, Offset end, Offset place) {
    for (Offset i = begin; i < end; ++i) places_[side].try_emplace(i, place + i - begin);
  }

  std::map<Ticket, Put> known_;
  std::set<Ticket> untold_, waiting_;
  PerSide<std::map<Offset, Offset>> places_;
};

enum class Mode : std::uint8_t { virtual_packets, replace };

inline TrackerOptions options_for(Mode mode) {
  TrackerOptions options;
  options.remainders = mode == Mode::replace;
  return options;
}

/// One connection played into a tracker.
class Player {
 public:
  Player(const Session& session, Mode mode)
      : session_(session),
        mode_(mode),
        texts_{session.text(Side::initiator), session.text(Side::acceptor)},
        tracker_(options_for(mode)) {}

  /// What waits for longest goes as it is.
  void let_go() {
    const Ticket ticket = remaining_.oldest();
    if (ticket == 0) return;
    log_.push_back("let go");
    Outcome outcome;
    tracker_.let_go(ticket, outcome);
    demand(!outcome.remainders.empty(), "what is let go goes");
    take(outcome);
  }

  [[nodiscard]] const std::string& stream(Side side) const { return texts_[side]; }

  /// The bytes [begin, end) of a side, and an acknowledgment of `acknowledged` bytes of the other one.
  void segment(Side side, std::size_t begin, std::size_t end, std::size_t acknowledged, unsigned flags) {
    const Endpoint ends[] = {{*Address::parse("192.0.2.100"), 40000}, {*Address::parse("192.0.2.1"), 3128}};
    const bool is_client = side == Side::initiator;
    std::array<std::uint8_t, 20> header{};
    const bool is_syn = (flags & tcp_flag::syn) != 0;
    put32(&header[4], first_[side] + static_cast<std::uint32_t>(begin) - (is_syn ? 1 : 0));
    put32(&header[8], first_[other(side)] + static_cast<std::uint32_t>(acknowledged));
    header[12] = 5 << 4;
    header[13] = static_cast<std::uint8_t>(flags);
    const std::vector<std::uint8_t> bytes(stream(side).begin() + static_cast<std::ptrdiff_t>(begin),
                                          stream(side).begin() + static_cast<std::ptrdiff_t>(end));
    Segment made;
    made.sender = ends[is_client ? 0 : 1];
    made.receiver = ends[is_client ? 1 : 0];
    made.header = header;
    made.payload = bytes;
    made.length = static_cast<std::uint32_t>(bytes.size());
    made.frame.number = ++frame_;
    made.frame.time = static_cast<Time>(frame_) * 1000;
    if (mode_ == Mode::replace) {
      made.ticket = ++tickets_;
      const auto from = static_cast<Offset>(begin);
      remaining_.put(made.ticket, {side, from, from + static_cast<Offset>(bytes.size())});
    }
    put(made);
    remaining_.tell_rest();
    log_.push_back((is_client ? "> " : "< ") + std::to_string(begin) + " to " + std::to_string(end) + " ack " +
                   std::to_string(acknowledged) + " flags " + std::to_string(flags));
    if (!is_syn) captured_[side].add({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
  }

  /// The capture is over; then everything must hold.
  void finish() {
    Outcome outcome;
    while (tracker_.finish(outcome)) take(outcome);
    for (const auto& [id, seen] : tunnels_) {
      demand(seen.ended.has_value(), "every tunnel ends");
      for (const Direction direction : {Direction::from_client, Direction::from_server}) {
        demand(seen.ended->payload[direction].bytes() == seen.out[direction].size(), "what is counted came out");
      }
    }
    if (mode_ == Mode::replace) {
      check_remaining(Side::initiator, Direction::from_client);
      check_remaining(Side::acceptor, Direction::from_server);
    } else if (base_) {
      check(Side::initiator, Direction::from_client);
      check(Side::acceptor, Direction::from_server);
    }
  }

 private:
  void put(const Segment& segment) {
    Outcome outcome;
    tracker_.segment(segment, outcome);
    if (outcome.waits) remaining_.wait(segment.ticket);
    take(outcome);
  }
  void take(Outcome& outcome) {
    for (const Remainder& remainder : outcome.remainders) remaining_.tell(remainder, first_);
    outcome.in_order([this](Event& event) { take(event); },
                     [this](const VirtualPacket& made) {
                       demand(!tunnels_[made.tunnel].ended, "no packet of a tunnel that ended");
                       const Offset end = made.offset + static_cast<Offset>(made.payload.size());
                       tunnels_[made.tunnel].out[made.direction].add({made.offset, end});
                       note_base(made);
                       Segment segment = made.as_segment();
                       if (mode_ == Mode::replace) segment.ticket = ++tickets_;
                       put(segment);
                     });
  }
  void take(Event& event) {
    auto* ended = std::get_if<EndedEvent>(&event);
    if (ended == nullptr) return;
    if (ended->attempt.status != Status::established && ended->attempt.status != Status::auth_failed) return;
    if (ended->attempt.origin) tunnels_[ended->attempt.id].ended = std::move(ended->attempt);
  }
  void note_base(const VirtualPacket& made) {
    if (base_ || made.kind != VirtualKind::ack) return;
    const Segment ack = made.as_segment();
    base_ = PerSide<Offset>{ack.sequence() - first_[Side::initiator], ack.acknowledgment() - first_[Side::acceptor]};
  }

  void check(Side side, Direction direction) const {
    std::int64_t wanted = 0, had = 0, begin = 0;
    const bool connected = std::any_of(tunnels_.begin(), tunnels_.end(), [](const auto& entry) {
      return entry.second.ended->protocol == Protocol::http_connect;
    });
    // Where the answer was thought lost, what the capture brings after all at its place is not shown, and that is told.
    const bool is_told = std::any_of(tunnels_.begin(), tunnels_.end(), [direction](const auto& entry) {
      return direction == Direction::from_server && entry.second.ended->has_noted("reply-not-captured");
    });
    for (const Part& part : session_.streams[side]) {
      const auto end = begin + static_cast<std::int64_t>(part.bytes.size());
      for (const Range range : captured_[side].ranges()) {
        const Range own{std::max({range.begin, begin, (*base_)[side]}), std::min(range.end, end)};
        const bool is_payload = part.of == Of::tunnel || (part.of == Of::connect && connected && !is_told);
        if (is_payload && own.begin < own.end) wanted += own.end - own.begin;
      }
      begin = end;
    }
    for (const auto& [id, seen] : tunnels_) {
      if (seen.ended->layer == 0) had += seen.out[direction].size() + seen.ended->payload[direction].missing_bytes();
    }
    if (had < wanted) {
      std::fprintf(stderr, "%s, %s: %lld of %lld bytes\n", session_.name, side == Side::initiator ? "client" : "server",
                   static_cast<long long>(had), static_cast<long long>(wanted));
      for (const std::string& line : log_) std::fprintf(stderr, "  %s\n", line.c_str());
    }
    demand(had >= wanted, "what was captured behind a base comes out, or is told to be missing");
  }

  void check_remaining(Side side, Direction direction) const {
    const auto notes = [this](const char* anomaly) {
      return std::any_of(tunnels_.begin(), tunnels_.end(),
                         [anomaly](const auto& entry) { return entry.second.ended->has_noted(anomaly); });
    };
    std::int64_t moved = 0;
    for (const auto& [id, seen] : tunnels_) {
      if (seen.ended->layer == 0) moved += seen.out[direction].size();
    }
    const std::int64_t captured = captured_[side].size(), stays = remaining_.size(side);
    // What nobody took stays as it is, also where it repeats what moved.
    const bool is_exact = !notes("outside-window");
    if (remaining_.waits() || stays + moved < captured || (is_exact && stays + moved > captured)) {
      std::fprintf(stderr, "%s, %s: %lld bytes stay and %lld moved of %lld\n", session_.name,
                   side == Side::initiator ? "client" : "server", static_cast<long long>(stays),
                   static_cast<long long>(moved), static_cast<long long>(captured));
      for (const std::string& line : log_) std::fprintf(stderr, "  %s\n", line.c_str());
    }
    demand(!remaining_.waits(), "nothing waits for ever");
    demand(stays + moved >= captured, "every byte that was captured is somewhere");
    demand(!is_exact || stays + moved == captured, "every byte is in one place");
    remaining_.check(side, is_exact);
  }

  const Session& session_;
  Mode mode_;
  PerSide<std::string> texts_;
  Tracker tracker_;
  Remaining remaining_;
  Ticket tickets_ = 0;
  PerSide<std::uint32_t> first_{0xffffffc0U, 77};  // the numbers wrap
  FrameNumber frame_ = 0;
  std::map<TunnelId, Seen> tunnels_;
  PerSide<RangeSet> captured_{RangeSet(100000), RangeSet(100000)};
  std::optional<PerSide<Offset>> base_;  ///< of the first tunnel
  std::vector<std::string> log_;         ///< what was put in
};

/// Plays the script: byte 0 chooses the session; then operations of four bytes: bit 0 the side, bits 1 to 3 what (0 to
/// 4 payload, 5 an acknowledgment, 6 FIN, 7 RST), bit 4 that what waits is let go before, and where it begins, how long
/// it is and what it acknowledges, in 256ths of the streams.
inline void play(Bytes script, Mode mode) {
  Reader reader(script);
  const Session& session = sessions()[reader.u8() % sessions().size()];
  Player player(session, mode);
  player.segment(Side::initiator, 0, 0, 0, tcp_flag::syn);
  player.segment(Side::acceptor, 0, 0, 0, tcp_flag::syn | tcp_flag::ack);
  while (reader.complete() && reader.rest().size() >= 4) {
    const unsigned operation = reader.u8(), at = reader.u8(), share = reader.u8(), answer = reader.u8();
    const Side side = (operation & 1U) == 0 ? Side::initiator : Side::acceptor;
    if ((operation & 16U) != 0) player.let_go();
    const std::size_t size = player.stream(side).size();
    const unsigned what = operation >> 1 & 7U;
    std::size_t begin = at * size / 255, end = std::min(size, begin + share * size / 255);
    if (what >= 6) begin = end = size;
    if (what == 5) end = begin;
    const unsigned closing = what == 6 ? tcp_flag::fin : what == 7 ? tcp_flag::rst : 0;
    player.segment(side, begin, end, answer * player.stream(other(side)).size() / 255, tcp_flag::ack | closing);
  }
  player.finish();
}

inline void play(Bytes script) {
  play(script, Mode::virtual_packets);
  play(script, Mode::replace);
}

}  // namespace completeness
