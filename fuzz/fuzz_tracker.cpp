// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes the door: a script of segments, datagrams and chunks of a few connections; every virtual packet must
//          be sound, and every event.
//
// Script: one operation after the other.
//   byte 0   bit 0-1 connection, bit 2 from the acceptor, bit 3-6 kind, bit 7 capture cuts the payload
//   byte 1   bytes of payload that follow (0 to 255)
//   byte 2   only of kinds 8 to 15
// Kind 10 is a UDP datagram between the ends of the connection; byte 2: bit 0-2 is added to the port of the initiator,
//   bit 3 the acceptor's port is 53, bit 4 the datagram has no checksum, bit 5 it carries the right one.
// Kind 15 is a chunk of what TLS carries between them; byte 2: bit 0-1 how the stream ends (3: not), bit 2-7, if not 0:
//   the number, from 1, of the tunnel whose conversation carries the TLS connection instead.
// All others are segments; byte 2 says how far the sequence number is off, as a signed byte. Of its lowest bits, 1 says
//   that there is no checksum, 3 that it is wrong.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "demand.hpp"
#include "synth/ip_header.hpp"
#include "tracker/tracker.hpp"

using namespace proxytunnel;

namespace {

class Script {
 public:
  explicit Script(Bytes bytes) : reader_(bytes) {}

  void run() {
    while (reader_.complete() && !reader_.rest().empty()) step();
    Outcome outcome;
    while (tracker_.finish(outcome)) look_at(outcome, {}, 0, 1);
    demand(opened_.size() == tracker_.counters().tunnels, "every opened tunnel is told");
    for (const TunnelId tunnel : opened_) demand(ended_.contains(tunnel), "every opened tunnel ends");
    demand(!tracker_.finish(outcome) && outcome.events.empty(), "a finished tracker is empty");
  }

 private:
  struct Peer {
    std::uint32_t next[2] = {0xfffffff0U, 77};
  };
  /// A virtual conversation, as its SYN shows it.
  struct Conversation {
    Endpoint opener, acceptor;
    unsigned layer;
    LayerPath path;
  };
  static constexpr unsigned datagram_kind = 10, chunk_kind = 15;

  static TrackerOptions options() {
    TrackerOptions options;
    options.connections = 6;  // small, so that connections are dropped, too
    demand(options.trusted.add("10.0.0.5"), "an address");
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
    const std::uint8_t extra = kind >= 8 ? reader_.u8() : 0;
    const Bytes available = reader_.rest();
    const Bytes payload = reader_.take(std::min<std::size_t>(size, available.size()));
    const std::vector<std::uint8_t> exact(
        payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(is_cut ? payload.size() / 2 : payload.size()));
    const auto length = static_cast<std::uint32_t>(payload.size());
    ++frame_;
    if (kind == datagram_kind) {
      put_datagram(connection, acceptor, extra, exact, length);
    } else if (kind == chunk_kind) {
      put_chunk(connection, acceptor, extra, exact);
    } else {
      put_segment(connection, acceptor, kind, static_cast<std::int8_t>(extra), exact, length);
    }
  }

  /// The third connection is in a network, of the fourth each direction is in one.
  [[nodiscard]] Frame frame(unsigned connection, bool acceptor) const {
    static constexpr NetworkId networks[4][2] = {{0, 0}, {0, 0}, {5, 5}, {1, 2}};
    Frame frame;
    frame.network = networks[connection][acceptor ? 1 : 0];
    frame.number = frame_;
    frame.time = static_cast<Time>(frame_) * 1000;
    return frame;
  }

  void put_segment(unsigned connection, bool acceptor, unsigned kind, std::int32_t off, Bytes payload,
                   std::uint32_t length) {
    static constexpr unsigned flags_of[16] = {0x18, 0x18, 0x10, 0x02, 0x12, 0x11, 0x04, 0x14,
                                              0x18, 0x19, 0x00, 0x02, 0x18, 0x10, 0x3f, 0x1a};
    const unsigned flags = flags_of[kind];
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
    if (off == 0) next[acceptor ? 1 : 0] += length + ((flags & 3U) != 0 ? 1 : 0);

    Segment segment;
    segment.sender = end(connection, acceptor);
    segment.receiver = end(connection, !acceptor);
    segment.ip.version = segment.sender.address.version;
    segment.header = header;
    segment.payload = payload;
    segment.length = length;
    segment.frame = frame(connection, acceptor);
    const auto size = static_cast<std::uint32_t>(header.size()) + length;
    const Sum sum =
        pseudo_header(Transport::tcp, segment.sender, segment.receiver, size) + Sum::of(header) + Sum::of(payload);
    put16(&header[16], (off & 3) == 1 ? 0 : (off & 3) == 3 ? sum.checksum() ^ 1U : sum.checksum());
    put(segment, 0);
  }

  void put_datagram(unsigned connection, bool acceptor, unsigned extra, Bytes payload, std::uint32_t length) {
    Endpoint client = end(connection, false), relay = end(connection, true);
    client.port = static_cast<std::uint16_t>(client.port + (extra & 7U));
    if ((extra & 8U) != 0) relay.port = 53;
    Datagram datagram;
    datagram.sender = acceptor ? relay : client;
    datagram.receiver = acceptor ? client : relay;
    datagram.ip.version = datagram.sender.address.version;
    datagram.payload = payload;
    datagram.length = length;
    datagram.checksum = 0x1234;
    if ((extra & 16U) != 0) datagram.checksum = 0;
    if ((extra & 32U) != 0) datagram.checksum = right_checksum(datagram);
    datagram.frame = frame(connection, acceptor);
    put(datagram, 0);
  }

  void put_chunk(unsigned connection, bool acceptor, unsigned extra, Bytes payload) {
    Chunk chunk;
    Endpoint one = end(connection, false), another = end(connection, true);
    if (const TunnelId tunnel = extra >> 2; tunnel != 0) {
      const auto carrier = conversations_.find(tunnel - 1);
      if (carrier == conversations_.end()) {
        --frame_;  // nothing was put in
        return;
      }
      one = carrier->second.opener;
      another = carrier->second.acceptor;
      chunk.parent = tunnel - 1;
      chunk.layer = carrier->second.layer + 1;
    }
    chunk.sender = acceptor ? another : one;
    chunk.receiver = acceptor ? one : another;
    chunk.ip.version = chunk.sender.address.version;
    chunk.payload = payload;
    chunk.end = (extra & 3U) == 3 ? StreamEnd::open : static_cast<StreamEnd>(extra & 3U);
    chunk.frame = frame(connection, acceptor);
    Outcome outcome;
    tracker_.chunk(chunk, outcome);
    look_at(outcome, payload, static_cast<std::uint32_t>(payload.size()), chunk.layer);
  }

  static std::uint16_t right_checksum(const Datagram& datagram) {
    const std::uint32_t length = datagram.length + 8;
    const Sum sum = pseudo_header(Transport::udp, datagram.sender, datagram.receiver, length) +
                    Sum(datagram.sender.port) + Sum(datagram.receiver.port) + Sum(length) + Sum::of(datagram.payload);
    return sum.checksum() == 0 ? 0xffff : sum.checksum();
  }

  void put(const Segment& segment, unsigned depth) {
    demand(depth <= limits::layers, "layers end");
    // Who asks first gets no other answer.
    const bool asks = segment.frame.number % 2 == 0, passes = asks && tracker_.passes(segment);
    Outcome outcome;
    tracker_.segment(segment, outcome);
    const bool is_empty = outcome.packets.empty() && outcome.events.empty() && outcome.parts.empty();
    const bool is_nothing = outcome.progress == Progress::passed || outcome.progress == Progress::undecided;
    demand(!passes || (is_empty && is_nothing), "what passes brings nothing out");
    look_at(outcome, segment.payload, segment.length, depth);
  }

  // A datagram whose checksum is right becomes one whose checksum is right.
  void put(const Datagram& datagram, unsigned depth) {
    demand(depth <= limits::layers, "layers end");
    const bool is_right = datagram.payload.size() == datagram.length && datagram.checksum == right_checksum(datagram);
    Outcome outcome;
    tracker_.datagram(datagram, outcome);
    demand(outcome.packets.size() <= 1, "one datagram for each");
    for (const VirtualPacket& made : outcome.packets) {
      demand(made.transport == Transport::udp, "of a datagram comes a datagram");
      const Datagram shown = made.as_datagram();
      const bool must_be_right = is_right || made.kind == VirtualKind::held;
      demand(!must_be_right || shown.checksum == right_checksum(shown), "the checksum");
      demand(made.kind == VirtualKind::held || made.length <= datagram.length, "a header less");
    }
    look_at(outcome, datagram.payload, datagram.length, depth);
  }

  void look_at(const Outcome& outcome, Bytes payload, std::uint32_t length, unsigned depth) {
    check_events(outcome);
    const std::uint64_t told = std::accumulate(outcome.parts.begin(), outcome.parts.end(), std::uint64_t{0},
                                               [](std::uint64_t sum, const Part& part) { return sum + part.size; });
    demand(outcome.parts.empty() || told == length, "the parts are the payload");
    for (const VirtualPacket& made : outcome.packets) {
      check(made);
      // Further inside, packets of the same frame may have waited for each other.
      const bool is_of_now = depth == 0 && made.kind == VirtualKind::translated;
      demand(!is_of_now || is_part(made.payload, payload), "payload that was put in");
      if (made.transport == Transport::udp) {
        put(made.as_datagram(), depth + 1);
      } else {
        put(made.as_segment(), depth + 1);
      }
    }
  }

  static bool is_part(Bytes part, Bytes whole) {
    return part.empty() || std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
  }

  void check(const VirtualPacket& made) {
    demand(made.sender.address.version == made.receiver.address.version, "one family");
    demand(made.ip_size == (made.sender.address.is_v4() ? 20 : 40), "IP header");
    demand(made.payload.size() <= made.length, "no more payload than on the wire");
    demand(made.offset >= 0, "nothing before the base");
    demand(made.frame.time == static_cast<Time>(frame_) * 1000, "the time of the frame that is read");
    demand(made.frame.number >= 1 && made.frame.number <= frame_, "a frame that was read");
    demand(opened_.contains(made.tunnel) && !ended_.contains(made.tunnel), "a tunnel that is open");
    if (made.transport == Transport::udp) {
      demand(made.transport_size == 8, "UDP header");
      demand(flows_.contains({made.tunnel, made.flow}), "a flow that was told");
      demand(!conversations_.contains(made.tunnel), "no datagrams of a TCP tunnel");
      return;
    }
    demand(made.transport_size >= 20 && made.transport_size <= 60 && made.transport_size % 4 == 0, "TCP header");
    if (made.kind == VirtualKind::syn) {
      const bool is_first =
          conversations_.emplace(made.tunnel, Conversation{made.sender, made.receiver, made.layer, made.path}).second;
      demand(is_first, "one SYN for each tunnel");
    }
    const auto begun = conversations_.find(made.tunnel);
    demand(begun != conversations_.end(), "a SYN before everything");
    const Conversation& ends = begun->second;
    demand((made.sender == ends.opener && made.receiver == ends.acceptor) ||
               (made.sender == ends.acceptor && made.receiver == ends.opener),
           "the same ends all along");
    demand(made.path == ends.path && made.path != 0, "the same path all along");
  }

  void check_events(const Outcome& outcome) {
    for (const Event& event : outcome.events) {
      if (const auto* requested = std::get_if<RequestedEvent>(&event)) {
        const TunnelId id = requested->attempt.id;
        demand(!opened_.contains(id) && requested_.insert(id).second, "a request comes first, and once");
      }
      if (const auto* opened = std::get_if<OpenedEvent>(&event)) {
        demand(opened_.insert(opened->attempt.id).second, "each tunnel opens once");
        const bool is_association = opened->attempt.command == Command::udp_associate;
        demand(opened->attempt.origin.has_value() != is_association, "an opened tunnel has an origin");
        const bool is_declared = opened->attempt.transport == Transport::udp && !is_association;
        if (is_declared) flows_.emplace(opened->attempt.id, 0);  // the tunnel is the only one
      }
      if (const auto* flow = std::get_if<FlowEvent>(&event)) {
        demand(opened_.contains(flow->attempt.id), "flows of an association");
        demand(flow->attempt.origin.has_value() && flow->attempt.target.has_value(), "a flow has an origin");
        flows_.emplace(flow->attempt.id, flow->flow);
      }
      if (const auto* name = std::get_if<NameEvent>(&event)) demand(!name->name.empty(), "a name");
      const auto* ended = std::get_if<EndedEvent>(&event);
      if (ended == nullptr) continue;
      demand(ended_.insert(ended->attempt.id).second, "each attempt ends once");
      const bool is_announced = requested_.contains(ended->attempt.id) || opened_.contains(ended->attempt.id);
      demand(is_announced || ended->attempt.request.frame == 0, "a request is told");
      demand(ended->attempt.flows.size() <= limits::flows_per_association, "flows are bounded");
      for (const auto direction : {Direction::from_client, Direction::from_server}) {
        demand(ended->attempt.payload[direction].missing_bytes() >= 0, "missing bytes");
      }
    }
  }

  Reader reader_;
  Tracker tracker_{options()};
  Peer peers_[4];
  std::uint64_t frame_ = 0;
  std::set<TunnelId> requested_, opened_, ended_;
  std::set<std::pair<TunnelId, std::uint32_t>> flows_;
  std::map<TunnelId, Conversation> conversations_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Script({bytes, size}).run();
  return 0;
}
