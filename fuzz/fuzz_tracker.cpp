// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes the door: a script of segments of a few connections; every virtual segment must be sound.
//
// Script: one operation after the other.
//   byte 0   bit 0-1 connection, bit 2 from the acceptor, bit 3-6 kind of segment, bit 7 capture cuts the payload
//   byte 1   bytes of payload that follow (0 to 255)
//   byte 2   only where the kind asks for it: how far the sequence number is off, as a signed byte
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "tracker/tracker.hpp"

using namespace proxytunnel;

namespace {

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

class Script {
 public:
  explicit Script(Bytes bytes) : reader_(bytes) {}

  void run() {
    while (reader_.complete() && !reader_.rest().empty()) step();
    Outcome outcome;
    tracker_.finish(outcome);
    check_events(outcome);
    demand(opened_ == tracker_.counters().tunnels, "every opened tunnel is told");
    tracker_.finish(outcome);
    demand(outcome.events.empty(), "a finished tracker is empty");
  }

 private:
  struct Peer {
    std::uint32_t next[2] = {0xfffffff0U, 77};
  };

  static TrackerOptions options() {
    TrackerOptions options;
    options.connections = 6;  // small, so that connections are dropped, too
    return options;
  }

  static Endpoint end(unsigned connection, bool acceptor) {
    const std::string host = acceptor ? "10.0.0.1" : "10.0.0." + std::to_string(5 + connection / 2);
    return {*Address::parse(connection == 3 ? "fd00::" + std::to_string(acceptor ? 1 : 2) : host),
            static_cast<std::uint16_t>(acceptor ? 1080 : 40000 + connection)};
  }

  void step() {
    const unsigned operation = reader_.u8(), size = reader_.u8();
    const unsigned connection = operation & 3U, kind = operation >> 3 & 15U;
    const bool acceptor = (operation & 4U) != 0, is_cut = (operation & 128U) != 0;
    static constexpr unsigned flags_of[16] = {0x18, 0x18, 0x10, 0x02, 0x12, 0x11, 0x04, 0x14,
                                              0x18, 0x19, 0x00, 0x02, 0x18, 0x10, 0x3f, 0x1a};
    const unsigned flags = flags_of[kind];
    const std::int32_t off = kind >= 8 ? static_cast<std::int8_t>(reader_.u8()) : 0;
    const Bytes available = reader_.rest();
    const Bytes payload = reader_.take(std::min<std::size_t>(size, available.size()));

    std::uint32_t* next = peers_[connection].next;
    const std::uint32_t sequence =
        next[acceptor ? 1 : 0] + static_cast<std::uint32_t>(off * (kind == 12 ? 1 << 24 : 1));
    std::vector<std::uint8_t> header(kind % 3 == 0 ? 32 : 20);
    put32(&header[4], sequence);
    put32(&header[8], next[acceptor ? 0 : 1] - (kind == 13 ? 5U : 0U));
    header[12] = static_cast<std::uint8_t>(header.size() / 4 << 4);
    header[13] = static_cast<std::uint8_t>(flags);
    if (header.size() == 32) {  // a SACK option with one block
      static constexpr std::uint8_t sack[] = {1, 1, 5, 10};
      std::copy(std::begin(sack), std::end(sack), header.begin() + 20);
      put32(&header[24], next[acceptor ? 0 : 1] - 3);
      put32(&header[28], next[acceptor ? 0 : 1] + 3);
    }
    if (off == 0) next[acceptor ? 1 : 0] += static_cast<std::uint32_t>(payload.size()) + ((flags & 3U) != 0 ? 1 : 0);

    const std::vector<std::uint8_t> exact(
        payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(is_cut ? payload.size() / 2 : payload.size()));
    Segment segment;
    segment.sender = end(connection, acceptor);
    segment.receiver = end(connection, !acceptor);
    segment.ip.version = segment.sender.address.version;
    segment.header = header;
    segment.payload = exact;
    segment.length = static_cast<std::uint32_t>(payload.size());
    segment.frame.number = ++frame_;
    segment.frame.time = static_cast<Time>(frame_) * 1000;
    put(segment, 0);
  }

  void put(const Segment& segment, unsigned depth) {
    demand(depth <= limits::layers, "layers end");
    Outcome outcome;
    tracker_.segment(segment, outcome);
    check_events(outcome);
    for (const VirtualPacket& made : outcome.packets) {
      check(made);
      put(made.as_segment(), depth + 1);
    }
  }

  void check(const VirtualPacket& made) {
    demand(made.sender.address.version == made.receiver.address.version, "one family");
    demand(made.ip_size == (made.sender.address.is_v4() ? 20 : 40), "IP header");
    demand(made.transport_size >= 20 && made.transport_size <= 60 && made.transport_size % 4 == 0, "TCP header");
    demand(made.payload.size() <= made.length, "no more payload than on the wire");
    demand(made.offset >= 0, "nothing before the base");
    demand(made.frame.time == static_cast<Time>(frame_) * 1000, "the time of the frame that is read");
    demand(made.frame.number >= 1 && made.frame.number <= frame_, "a frame that was read");
    if (made.kind == VirtualKind::syn) demand(begun_.insert(made.tunnel).second, "one SYN for each tunnel");
    demand(begun_.contains(made.tunnel), "a SYN before everything");
  }

  void check_events(const Outcome& outcome) {
    for (const Event& event : outcome.events) {
      if (const auto* opened = std::get_if<OpenedEvent>(&event)) {
        ++opened_;
        demand(opened->attempt.origin.has_value(), "an opened tunnel has an origin");
      }
      const auto* ended = std::get_if<EndedEvent>(&event);
      if (ended == nullptr) continue;
      demand(ended_.insert(ended->attempt.id).second, "each attempt ends once");
      for (const auto direction : {Direction::from_client, Direction::from_server}) {
        demand(ended->attempt.payload[direction].missing_bytes() >= 0, "missing bytes");
      }
    }
  }

  Reader reader_;
  Tracker tracker_{options()};
  Peer peers_[4];
  std::uint64_t frame_ = 0, opened_ = 0;
  std::set<TunnelId> begun_, ended_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Script({bytes, size}).run();
  return 0;
}
