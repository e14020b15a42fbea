// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a tracker under test: packets and chunks go in, layer by layer, and what came out is kept to be looked at.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tracker/tracker.hpp"
#include "unit.hpp"
#include "wire.hpp"

namespace tracker_run {

using namespace proxytunnel;
using namespace std::string_literals;
using wire::End;

inline const Endpoint client = wire::endpoint("10.0.0.5", 40000), proxy = wire::endpoint("10.0.0.1", 1080);
inline const std::string greeting = "\x05\x01\x00"s, method = "\x05\x00"s;
inline const std::string request = "\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"s;  // 192.0.2.7:80
inline const std::string reply = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;

/// One side of a virtual conversation, put together by sequence number.
struct Stream {
  std::map<std::uint32_t, std::string> segments;
  bool fin = false, rst = false;

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& [sequence, bytes] : segments) {
      if (!segments.empty() && sequence != segments.begin()->first + all.size()) all += "<gap>";
      all += bytes;
    }
    return all;
  }
  /// The bytes by their numbers, where pieces may repeat each other; they must not contradict each other.
  [[nodiscard]] std::string merged() const {
    std::string all;
    for (const auto& [sequence, bytes] : segments) {
      const std::size_t at = sequence - segments.begin()->first;
      if (at > all.size()) all.resize(at, '?');
      const std::size_t known = std::min(all.size() - at, bytes.size());
      assert_true(all.compare(at, known, bytes, 0, known) == 0);
      all += bytes.substr(known);
    }
    return all;
  }
};

struct Conversation {
  std::vector<VirtualPacket> packets;  // payload views are not valid any more
  std::vector<std::string> payloads;   // of these packets
  std::map<Endpoint, Stream> streams;  // TCP
};

/// A tracker, and everything that came out of it.
struct Run {
  explicit Run(const TrackerOptions& options = {}) : tracker(options) {}

  Tracker tracker;
  std::map<TunnelId, Conversation> conversations;
  std::vector<Attempt> ended;
  std::vector<Attempt> requested;
  std::vector<Attempt> opened;
  std::vector<FlowEvent> flows;
  std::vector<NameEvent> names;
  std::vector<SkippedEvent> skipped;
  std::vector<std::pair<MessageKind, FrameNumber>> messages;

  void put(const Segment& segment) {
    Outcome outcome;
    tracker.segment(segment, outcome);
    take(outcome);
  }
  void put(const Datagram& datagram) {
    Outcome outcome;
    tracker.datagram(datagram, outcome);
    take(outcome);
  }
  void put(const Chunk& chunk) {
    Outcome outcome;
    tracker.chunk(chunk, outcome);
    take(outcome);
  }
  void take(const Outcome& outcome) {
    for (const Event& event : outcome.events) {
      if (const auto* over = std::get_if<EndedEvent>(&event)) ended.push_back(over->attempt);
      if (const auto* asked = std::get_if<RequestedEvent>(&event)) requested.push_back(asked->attempt);
      if (const auto* open = std::get_if<OpenedEvent>(&event)) opened.push_back(open->attempt);
      if (const auto* flow = std::get_if<FlowEvent>(&event)) flows.push_back(*flow);
      if (const auto* name = std::get_if<NameEvent>(&event)) names.push_back(*name);
      if (const auto* skipped_one = std::get_if<SkippedEvent>(&event)) skipped.push_back(*skipped_one);
      if (const auto* said = std::get_if<MessageEvent>(&event)) {
        messages.emplace_back(said->message.kind, said->stamp.frame);
      }
    }
    for (const VirtualPacket& made : outcome.packets) {
      Conversation& conversation = conversations[made.tunnel];
      const std::string bytes(text_of(made.payload));
      conversation.packets.push_back(made);
      conversation.payloads.push_back(bytes);
      if (made.transport == Transport::udp) {
        put(made.as_datagram());
        continue;
      }
      Stream& stream = conversation.streams[made.sender];
      const Segment as = made.as_segment();
      if (!bytes.empty()) stream.segments[as.sequence()] = bytes;
      stream.fin |= as.has(tcp_flag::fin);
      stream.rst |= as.has(tcp_flag::rst);
      put(as);
    }
  }
  void finish() {
    Outcome outcome;
    while (tracker.finish(outcome)) take(outcome);
    std::sort(ended.begin(), ended.end(), [](const Attempt& a, const Attempt& b) { return a.id < b.id; });
  }
};

/// An anomaly is noted once, however often it occurs.
inline bool has_noted_once(const Attempt& attempt, std::string_view anomaly) {
  return std::count(attempt.anomalies.begin(), attempt.anomalies.end(), anomaly) == 1;
}

/// The three segments that open a connection.
inline void put_opening(Run& run, wire::Connection& c) {
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.ack(End::client));
}

/// The four messages of a SOCKS5 session; the last one may bring payload.
inline void put_messages(Run& run, wire::Connection& c, const std::string& behind = "") {
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply + behind));
}

inline void put_handshake(Run& run, wire::Connection& c) {
  put_opening(run, c);
  put_messages(run, c);
}

}  // namespace tracker_run
