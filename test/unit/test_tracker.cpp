// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: what a conversation of segments becomes. Order-freeness, held segments, closing, chains, limits.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "tracker/tracker.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;
using wire::End;

namespace {

using namespace std::string_literals;

const Endpoint client = wire::endpoint("10.0.0.5", 40000), proxy = wire::endpoint("10.0.0.1", 1080);
const std::string greeting = "\x05\x01\x00"s, method = "\x05\x00"s;
const std::string request = "\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"s;  // 192.0.2.7:80
const std::string reply = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;

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
  std::vector<VirtualSegment> packets;  // payload views are not valid any more
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
    for (const VirtualSegment& made : outcome.segments) {
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

void put_handshake(Run& run, wire::Connection& c) {
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.ack(End::client));
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply));
}

void a_socks5_session_becomes_a_conversation(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  run.put(c.ack(End::client));  // of the reply alone: the synthetic one stands for it
  run.put(c.say(End::client, "GET / HTTP/1.0\r\n\r\n"));
  run.put(c.ack(End::server));
  run.put(c.say(End::server, "HTTP/1.0 200 OK\r\n\r\n"));
  run.put(c.fin(End::server));
  run.put(c.fin(End::client));
  run.put(c.ack(End::server));
  run.finish();

  assert_int_equal(run.conversations.size(), 1);
  Conversation& seen = run.conversations[0];
  const Endpoint origin = wire::endpoint("192.0.2.7", 80);
  assert_int_equal(seen.packets.size(), 9);
  const VirtualKind kinds[] = {VirtualKind::syn, VirtualKind::syn_ack, VirtualKind::ack};
  for (std::size_t i = 0; i < 3; ++i) {
    assert_true(seen.packets[i].kind == kinds[i]);
    assert_int_equal(seen.packets[i].frame.number, 7);
  }
  assert_int_equal(seen.packets[0].as_segment().sequence(), 1000 + 13);
  assert_int_equal(seen.packets[1].as_segment().sequence(), 5000 + 12);
  assert_int_equal(seen.packets[1].as_segment().acknowledgment(), 1000 + 14);
  assert_true(seen.packets[0].sender == client && seen.packets[0].receiver == origin);
  assert_string_equal(seen.streams[client].text().c_str(), "GET / HTTP/1.0\r\n\r\n");
  assert_string_equal(seen.streams[origin].text().c_str(), "HTTP/1.0 200 OK\r\n\r\n");
  assert_true(seen.streams[client].fin && seen.streams[origin].fin);
  // The parent's own numbers: SYN, greeting and request before the first byte of payload.
  assert_int_equal(seen.streams[client].segments.begin()->first, 1001 + 3 + 10);

  assert_int_equal(run.ended.size(), 1);
  const Attempt& attempt = run.ended[0];
  assert_true(attempt.status == Status::established && attempt.origin->provenance == Provenance::literal);
  assert_int_equal(attempt.first.frame, 1);
  assert_int_equal(attempt.request.frame, 6);
  assert_int_equal(attempt.reply.frame, 7);
  assert_int_equal(attempt.first_payload, 9);
  assert_int_equal(attempt.closed.frame, 13);
  assert_int_equal(attempt.last, 14);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 18);
  assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 0);
}

// Law 1: the same two streams, cut, reordered and interleaved at will, give the same conversation and record.
void order_does_not_matter(void**) {
  const std::string up = greeting + request + "PING one\nPING two\n", down = method + reply + "PONG one\nPONG two\n";
  std::mt19937 random(17);
  for (int round = 0; round < 400; ++round) {
    wire::Connection c(client, proxy);
    std::vector<Segment> segments;
    const auto cut = [&](End from, const std::string& stream, std::uint32_t first, std::uint32_t acknowledged) {
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(1 + random() % 9, stream.size() - at);
        segments.push_back(c.at(from, tcp_flag::ack, first + static_cast<std::uint32_t>(at), acknowledged,
                                std::string_view(stream).substr(at, size)));
        if (random() % 5 == 0) segments.push_back(segments.back());  // a retransmission
        at += size;
      }
    };
    Run run;
    run.put(c.syn());
    run.put(c.syn_ack());
    cut(End::client, up, 1001, 5001);
    cut(End::server, down, 5001, 1001);
    std::shuffle(segments.begin(), segments.end(), random);
    for (const Segment& segment : segments) run.put(segment);
    run.finish();
    assert_int_equal(run.ended.size(), 1);
    assert_true(run.ended[0].status == Status::established);
    assert_int_equal(run.conversations.size(), 1);
    auto& streams = run.conversations[0].streams;
    std::string said[2];
    for (const auto& [end, stream] : streams) {
      // Segments overlap only as repetitions here, so pieces put together by number are the stream.
      for (const auto& [sequence, bytes] : stream.segments) said[end == client ? 0 : 1] += bytes;
    }
    assert_string_equal(said[0].c_str(), "PING one\nPING two\n");
    assert_string_equal(said[1].c_str(), "PONG one\nPONG two\n");
  }
}

void early_payload_is_held_and_shown(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting + request + "early "));
  run.put(c.say(End::client, "bird"));
  run.put(c.fin(End::client));
  assert_true(run.conversations.empty());
  run.put(c.say(End::server, method + reply + "answer"));
  run.finish();
  Conversation& seen = run.conversations[0];
  assert_int_equal(seen.packets.size(), 7);
  for (const VirtualSegment& packet : seen.packets) assert_int_equal(packet.frame.time, 1'000'006'000);
  assert_true(seen.packets[3].kind == VirtualKind::held);
  assert_int_equal(seen.packets[3].frame.number, 3);
  assert_int_equal(seen.packets[5].frame.number, 5);
  assert_true(seen.packets[6].kind == VirtualKind::translated);
  assert_string_equal(seen.streams[client].text().c_str(), "early bird");
  assert_true(seen.streams[client].fin);
  assert_int_equal(run.ended[0].first_payload, 3);
}

void one_byte_segments_are_not_held_up(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  const std::string connect =
      "CONNECT www.example.com:443 HTTP/1.1\r\nX-Padding: " + std::string(300, 'x') + "\r\n\r\n";
  for (const char byte : connect) run.put(c.say(End::client, std::string(1, byte)));
  for (const char byte : "HTTP/1.1 200 OK\r\n\r\nhello"s) run.put(c.say(End::server, std::string(1, byte)));
  run.finish();
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].status == Status::established);
  assert_true(run.ended[0].anomalies.empty());
  Conversation& seen = run.conversations[0];
  assert_int_equal(seen.packets.size(), 3 + 5);
}

void what_cannot_be_held_is_a_gap(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting + request));
  for (int i = 0; i < 100; ++i) run.put(c.say(End::client, "0123456789"));
  run.put(c.say(End::server, method + reply));
  run.put(c.say(End::client, "behind"));
  run.finish();
  const Attempt& attempt = run.ended[0];
  assert_true(attempt.status == Status::established);
  assert_true(std::count(attempt.anomalies.begin(), attempt.anomalies.end(), "held-overflow") == 1);
  const auto& lost = attempt.held_overflow[Direction::from_client];
  assert_int_equal(lost.size(), 1);
  assert_int_equal(lost[0].end, 1000);
  const std::string text = run.conversations[0].streams[client].text();
  assert_true(text.find("<gap>behind") != std::string::npos);
}

void a_reset_is_shown_and_closes(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  run.put(c.rst(End::server));
  run.finish();
  assert_true(run.conversations[0].streams[wire::endpoint("192.0.2.7", 80)].rst);
  assert_int_equal(run.ended[0].closed.frame, 8);
}

void refused_is_no_conversation(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"s));
  run.put(c.fin(End::server));
  run.finish();
  assert_true(run.conversations.empty());
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].status == Status::refused);
  assert_int_equal(run.ended[0].reply_code, 5);
}

void ordinary_traffic_is_passed(void**) {
  wire::Connection c(client, wire::endpoint("10.0.0.9", 1080));
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\nCONNECT a:1 HTTP/1.1\r\n\r\n"));
  run.finish();
  assert_true(run.conversations.empty() && run.ended.empty() && run.messages.empty());
}

void a_session_without_syn_is_found(void**) {
  wire::Connection c(client, proxy);
  Run run;
  c.syn();
  c.syn_ack();
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply + "220 ready"));
  run.finish();
  assert_int_equal(run.conversations.size(), 1);
  assert_string_equal(run.conversations[0].streams[wire::endpoint("192.0.2.7", 80)].text().c_str(), "220 ready");
}

void a_late_syn_is_no_new_connection(void**) {
  wire::Connection c(client, proxy);
  Run run;
  const Segment syn = c.syn(), syn_ack = c.syn_ack(), first = c.say(End::client, greeting);
  run.put(syn_ack);
  run.put(first);
  run.put(syn);
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply));
  run.finish();
  assert_int_equal(run.conversations.size(), 1);
  assert_int_equal(run.tracker.counters().connections, 1);
}

void ports_are_used_again(void**) {
  Run run;
  wire::Connection first(client, proxy), second(client, proxy, 900000, 700000);
  put_handshake(run, first);
  run.put(first.say(End::client, "one"));
  run.put(first.fin(End::client));
  run.put(first.fin(End::server));
  second.frame = first.frame;
  put_handshake(run, second);
  run.put(second.say(End::client, "two"));
  run.finish();
  assert_int_equal(run.conversations.size(), 2);
  assert_string_equal(run.conversations[0].streams[client].text().c_str(), "one");
  assert_string_equal(run.conversations[1].streams[client].text().c_str(), "two");
  assert_int_equal(run.ended[1].first.frame, 11);
}

void a_chain_of_proxies_is_a_chain_of_layers(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);  // to 192.0.2.7:80, which is a proxy, too
  run.put(c.say(End::client, "CONNECT [2001:db8::25]:25 HTTP/1.1\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 200 Connection established\r\n\r\n220 mail.example ESMTP\r\n"));
  run.put(c.say(End::client, "QUIT\r\n"));
  run.finish();
  assert_int_equal(run.conversations.size(), 2);
  const Attempt& outer = run.ended[0];
  const Attempt& next = run.ended[1];
  assert_int_equal(next.parent, outer.id);
  assert_int_equal(next.layer, 1);
  assert_true(next.client == client);
  assert_true(next.proxy == wire::endpoint("192.0.2.7", 80));
  const Endpoint mapped = wire::endpoint("::ffff:10.0.0.5", 40000);
  assert_string_equal(run.conversations[1].streams[mapped].text().c_str(), "QUIT\r\n");
  assert_string_equal(run.conversations[1].streams[wire::endpoint("2001:db8::25", 25)].text().c_str(),
                      "220 mail.example ESMTP\r\n");
}

void endless_chains_end(void**) {
  TrackerOptions options;
  Run run(options);
  wire::Connection c(client, proxy);
  run.put(c.syn());
  run.put(c.syn_ack());
  for (int i = 0; i < 12; ++i) {
    run.put(c.say(End::client, "CONNECT 192.0.2." + std::to_string(i + 1) + ":80 HTTP/1.1\r\n\r\n"));
    run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  }
  run.finish();
  assert_int_equal(run.conversations.size(), limits::layers);
  const Attempt& last = run.ended.back();
  assert_int_equal(last.layer, limits::layers);
  assert_true(std::count(last.anomalies.begin(), last.anomalies.end(), "layer-limit") == 1);
}

void a_tunnel_to_the_proxy_itself_is_not_translated(void**) {
  wire::Connection c(client, wire::endpoint("192.0.2.7", 80));
  Run run;
  put_handshake(run, c);
  run.put(c.say(End::client, "x"));
  run.finish();
  assert_true(run.conversations.empty());
  assert_true(run.ended[0].status == Status::established);
  assert_string_equal(run.ended[0].anomalies.at(0).c_str(), "tuple-in-use");
  assert_int_equal(run.ended[0].payload[Direction::from_client].bytes(), 1);
}

void two_proxies_cannot_share_a_conversation(void**) {
  wire::Connection first(client, proxy), second(client, wire::endpoint("10.0.0.2", 1080), 77, 88);
  Run run;
  put_handshake(run, first);
  second.frame = first.frame;
  put_handshake(run, second);
  run.finish();
  assert_int_equal(run.conversations.size(), 1);
  assert_true(run.ended[1].anomalies == std::vector<std::string>{"tuple-in-use"});
}

void the_acceptor_may_be_the_client(void**) {
  // The proxy dials out, introduces itself, and is then asked like any SOCKS proxy.
  const Endpoint bot = wire::endpoint("10.0.0.7", 50123), controller = wire::endpoint("203.0.113.1", 443);
  wire::Connection c(bot, controller);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, "bot-17\n"));
  run.put(c.say(End::server, greeting));
  run.put(c.say(End::client, method));
  run.put(c.say(End::server, request));
  run.put(c.say(End::client, reply));
  run.put(c.say(End::server, "GET / HTTP/1.0\r\n\r\n"));
  run.put(c.say(End::client, "HTTP/1.0 200 OK\r\n\r\n"));
  run.finish();
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].client == controller && run.ended[0].proxy == bot);
  assert_string_equal(run.conversations[0].streams[controller].text().c_str(), "GET / HTTP/1.0\r\n\r\n");
  assert_true(run.conversations[0].packets[0].sender == controller);
}

void bytes_that_were_not_captured_are_missing(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  Segment cut = c.say(End::client, "0123456789");
  cut.payload = cut.payload.first(4);
  run.put(cut);
  c.say(End::client, "lost");
  run.put(c.say(End::client, "tail"));
  run.finish();
  assert_int_equal(run.ended[0].payload[Direction::from_client].bytes(), 8);
  assert_int_equal(run.ended[0].payload[Direction::from_client].missing_bytes(), 10);
}

void a_gap_in_a_handshake_ends_it_honestly(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  c.say(End::server, reply.substr(0, 4));
  run.put(c.say(End::server, reply.substr(4) + "payload"));
  run.finish();
  assert_true(run.conversations.empty());
  assert_true(run.ended[0].status == Status::incomplete);
  assert_true(run.ended[0].anomalies == std::vector<std::string>{"gap-in-handshake"});
  assert_string_equal(run.ended[0].target->host.c_str(), "192.0.2.7");
}

void a_head_that_is_cut_still_names_its_target(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  Segment cut = c.say(End::client, "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n");
  cut.payload = cut.payload.first(50);
  run.put(cut);
  run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  run.put(c.say(End::client, "secret"));
  run.finish();
  assert_true(run.conversations.empty());
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].status == Status::incomplete);
  assert_string_equal(run.ended[0].target->text().c_str(), "www.example.com:443");
}

// A silent proxy may be a proxy; one whose answer is missing in the capture may be anything.
void a_lost_answer_is_not_silence(void**) {
  for (const bool is_lost : {false, true}) {
    wire::Connection c(client, proxy);
    Run run;
    run.put(c.syn());
    run.put(c.syn_ack());
    run.put(c.say(End::client, "\x04\x01\x00\x50\x0a\x0a\x02\x02\x00"s));
    if (is_lost) {
      c.say(End::server, "\x05\x01");
      run.put(c.say(End::server, "\x00\x10"s));
    }
    run.finish();
    assert_int_equal(run.ended.size(), is_lost ? 0 : 1);
  }
}

void the_idle_are_dropped_and_counted(void**) {
  TrackerOptions options;
  options.connections = 2;
  Run run(options);
  wire::Connection c(client, proxy);
  put_handshake(run, c);
  for (std::uint16_t i = 0; i < 5; ++i) {
    wire::Connection other_one(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(1000 + i)), proxy);
    other_one.frame = 100 + i;
    run.put(other_one.syn());
  }
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.tracker.counters().dropped_connections > 0);
}

void held_memory_is_shared_out(void**) {
  Run run;
  const std::string much(60000, 'x');
  std::vector<std::unique_ptr<wire::Connection>> all;
  for (std::uint16_t i = 0; i < 300; ++i) {
    auto& c = *all.emplace_back(
        std::make_unique<wire::Connection>(wire::endpoint("10.0.1.1", static_cast<std::uint16_t>(1000 + i)), proxy));
    run.put(c.syn());
    run.put(c.say(End::client, greeting + request));
    for (int n = 0; n < 4; ++n) run.put(c.say(End::client, much));
  }
  wire::Connection c(client, proxy);
  put_handshake(run, c);  // still finds room
  run.finish();
  const Attempt* own = nullptr;
  for (const Attempt& attempt : run.ended) {
    if (attempt.client == client) own = &attempt;
  }
  assert_non_null(own);
  assert_true(own->status == Status::established);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_socks5_session_becomes_a_conversation),
      cmocka_unit_test(order_does_not_matter),
      cmocka_unit_test(early_payload_is_held_and_shown),
      cmocka_unit_test(one_byte_segments_are_not_held_up),
      cmocka_unit_test(what_cannot_be_held_is_a_gap),
      cmocka_unit_test(a_reset_is_shown_and_closes),
      cmocka_unit_test(refused_is_no_conversation),
      cmocka_unit_test(ordinary_traffic_is_passed),
      cmocka_unit_test(a_session_without_syn_is_found),
      cmocka_unit_test(a_late_syn_is_no_new_connection),
      cmocka_unit_test(ports_are_used_again),
      cmocka_unit_test(a_chain_of_proxies_is_a_chain_of_layers),
      cmocka_unit_test(endless_chains_end),
      cmocka_unit_test(a_tunnel_to_the_proxy_itself_is_not_translated),
      cmocka_unit_test(two_proxies_cannot_share_a_conversation),
      cmocka_unit_test(the_acceptor_may_be_the_client),
      cmocka_unit_test(bytes_that_were_not_captured_are_missing),
      cmocka_unit_test(a_gap_in_a_handshake_ends_it_honestly),
      cmocka_unit_test(a_head_that_is_cut_still_names_its_target),
      cmocka_unit_test(a_lost_answer_is_not_silence),
      cmocka_unit_test(the_idle_are_dropped_and_counted),
      cmocka_unit_test(held_memory_is_shared_out),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
