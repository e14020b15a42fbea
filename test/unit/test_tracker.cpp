// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: what a conversation of segments becomes, in whatever order they come.
#include <random>

#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

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
    // Each message acknowledges those that it answers.
    struct Heard {
      std::size_t from;
      std::uint32_t acknowledged;
    };
    const auto cut = [&](End from, const std::string& stream, std::uint32_t first, const std::vector<Heard>& heard) {
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(1 + random() % 9, stream.size() - at);
        std::uint32_t acknowledged = 0;
        for (const Heard& each : heard) acknowledged = each.from <= at ? each.acknowledged : acknowledged;
        segments.push_back(c.at(from, tcp_flag::ack, first + static_cast<std::uint32_t>(at), acknowledged,
                                std::string_view(stream).substr(at, size)));
        if (random() % 5 == 0) segments.push_back(segments.back());  // a retransmission
        at += size;
      }
    };
    Run run;
    run.put(c.syn());
    run.put(c.syn_ack());
    cut(End::client, up, 1001, {{0, 5001}, {greeting.size(), 5003}, {greeting.size() + request.size(), 5013}});
    cut(End::server, down, 5001, {{0, 1004}, {method.size(), 1014}});
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
  for (const VirtualPacket& packet : seen.packets) assert_int_equal(packet.frame.time, 1'000'006'000);
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

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_socks5_session_becomes_a_conversation),
      cmocka_unit_test(order_does_not_matter),
      cmocka_unit_test(early_payload_is_held_and_shown),
      cmocka_unit_test(one_byte_segments_are_not_held_up),
      cmocka_unit_test(a_reset_is_shown_and_closes),
      cmocka_unit_test(refused_is_no_conversation),
      cmocka_unit_test(ordinary_traffic_is_passed),
      cmocka_unit_test(a_session_without_syn_is_found),
      cmocka_unit_test(a_late_syn_is_no_new_connection),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
