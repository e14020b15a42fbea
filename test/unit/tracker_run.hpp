// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a tracker under test: segments go in, layer by layer, and what came out is kept to be looked at.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tracker/tracker.hpp"
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
};

struct Conversation {
  std::vector<VirtualPacket> packets;  // payload views are not valid any more
  std::map<Endpoint, Stream> streams;
};

/// A tracker, and everything that came out of it.
struct Run {
  explicit Run(TrackerOptions options = {}) : tracker(options) {}

  Tracker tracker;
  std::map<TunnelId, Conversation> conversations;
  std::vector<Attempt> ended;
  std::vector<Attempt> opened;
  std::vector<std::pair<MessageKind, FrameNumber>> messages;

  void put(const Segment& segment) {
    Outcome outcome;
    tracker.segment(segment, outcome);
    take(outcome);
    for (const VirtualPacket& made : outcome.packets) {
      Conversation& conversation = conversations[made.tunnel];
      conversation.packets.push_back(made);
      Stream& stream = conversation.streams[made.sender];
      const Segment as = made.as_segment();
      const std::string bytes(text_of(made.payload));
      if (!bytes.empty()) stream.segments[as.sequence()] = bytes;
      stream.fin |= as.has(tcp_flag::fin);
      stream.rst |= as.has(tcp_flag::rst);
      put(as);
    }
  }
  void take(const Outcome& outcome) {
    for (const Event& event : outcome.events) {
      if (const auto* over = std::get_if<EndedEvent>(&event)) ended.push_back(over->attempt);
      if (const auto* open = std::get_if<OpenedEvent>(&event)) opened.push_back(open->attempt);
      if (const auto* said = std::get_if<MessageEvent>(&event)) {
        messages.emplace_back(said->message.kind, said->stamp.frame);
      }
    }
  }
  void finish() {
    Outcome outcome;
    tracker.finish(outcome);
    take(outcome);
    std::sort(ended.begin(), ended.end(), [](const Attempt& a, const Attempt& b) { return a.id < b.id; });
  }
};

inline void put_handshake(Run& run, wire::Connection& c) {
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.ack(End::client));
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply));
}

}  // namespace tracker_run
