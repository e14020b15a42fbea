// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: decrypted streams; what TLS carried to a proxy is a session like any other.
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint tls_proxy = wire::endpoint("10.0.0.1", 443), origin = wire::endpoint("192.0.2.7", 80);
const std::string connect = "CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n", granted = "HTTP/1.1 200 OK\r\n\r\n";

// A TLS connection on the wire, and the chunks of what it carries.
struct Session {
  explicit Session(const TrackerOptions& options = {}) : c(client, tls_proxy), inside(c), run(options) {
    put_opening(run, c);
    run.put(c.say(End::client, "\x16\x03\x01\x00\x05hello"s));
    run.put(c.say(End::server, "\x16\x03\x03\x00\x05hello"s));
  }
  void say(std::string_view bytes, StreamEnd end = StreamEnd::open) {
    run.put(inside.chunk(client, tls_proxy, bytes, end));
  }
  void answer(std::string_view bytes, StreamEnd end = StreamEnd::open) {
    run.put(inside.chunk(tls_proxy, client, bytes, end));
  }

  wire::Connection c;
  wire::Sender inside;
  Run run;
};

void a_decrypted_stream_opens_a_tunnel(void**) {
  Session s;
  s.say(connect);
  s.answer(granted);
  s.say("GET /");
  s.answer("220 ", StreamEnd::open);
  s.answer("hi", StreamEnd::fin);
  s.say("", StreamEnd::fin);
  s.run.finish();
  Conversation& seen = s.run.conversations.at(0);
  assert_int_equal(seen.packets[0].frame.number, 7);
  assert_true(seen.packets[0].sender == client && seen.packets[0].receiver == origin);
  assert_string_equal(seen.streams[client].text().c_str(), "GET /");
  assert_string_equal(seen.streams[origin].text().c_str(), "220 hi");
  assert_true(seen.streams[client].fin && seen.streams[origin].fin);
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(attempt.inside_tls && attempt.status == Status::established);
  assert_true(attempt.client == client && attempt.proxy == tls_proxy);
  assert_int_equal(attempt.parent, no_tunnel);
  assert_int_equal(attempt.layer, 0);
  assert_int_equal(attempt.first.frame, 1);  // of the connection that carried it
  assert_int_equal(attempt.request.frame, 6);
  assert_int_equal(attempt.reply.frame, 7);
  assert_int_equal(attempt.closed.frame, 11);
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), 6);
  assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 0);
  assert_int_equal(s.run.tracker.counters().connections, 1);
}

void the_checksums_of_what_is_made_are_right(void**) {
  Session s;
  s.say(connect);
  s.answer(granted + "payload");
  const Conversation& seen = s.run.conversations.at(0);
  for (std::size_t i = 0; i < seen.packets.size(); ++i) {
    const Segment as = seen.packets[i].as_segment();
    const std::uint16_t right =
        wire::tcp_checksum(as.sender, as.receiver, {as.header.begin(), as.header.end()}, bytes_of(seen.payloads[i]));
    assert_int_equal(as.checksum(), right);
  }
}

void the_numbers_are_the_same_in_every_run(void**) {
  Session first, second;
  for (Session* s : {&first, &second}) {
    s->say(connect);
    s->answer(granted + "x");
  }
  const auto& one = first.run.conversations.at(0).streams[origin].segments;
  const auto& other = second.run.conversations.at(0).streams[origin].segments;
  assert_true(one == other && one.size() == 1);
}

// Where frames are out of order, the end comes first.
void what_comes_behind_an_end_is_shown(void**) {
  for (const StreamEnd end : {StreamEnd::fin, StreamEnd::rst}) {
    Session s;
    s.say(connect);
    s.answer(granted + "a", end);
    s.answer("b");
    s.say("c");
    s.run.finish();
    Conversation& seen = s.run.conversations.at(0);
    assert_string_equal(seen.streams[origin].text().c_str(), "ab");
    assert_string_equal(seen.streams[client].text().c_str(), "c");
    assert_int_equal(s.run.ended.at(0).payload[Direction::from_server].bytes(), 2);
  }
}

void an_end_is_shown_once(void**) {
  Session s;
  s.say(connect);
  s.answer(granted + "a", StreamEnd::fin);
  s.answer("", StreamEnd::fin);
  s.answer("b", StreamEnd::fin);
  s.say("", StreamEnd::rst);
  s.answer("", StreamEnd::rst);
  s.say("c", StreamEnd::rst);
  const auto& packets = s.run.conversations.at(0).packets;
  const auto having = [&packets](unsigned flag) {
    return std::count_if(packets.begin(), packets.end(),
                         [flag](const VirtualPacket& packet) { return packet.as_segment().has(flag); });
  };
  assert_int_equal(having(tcp_flag::fin), 1);
  assert_int_equal(having(tcp_flag::rst), 1);
}

void the_server_of_tls_may_be_the_client_of_the_proxy(void**) {
  Session s;
  s.answer(greeting);
  s.say(method);
  s.answer(request);
  s.say(reply + "hi");
  s.answer("yo");
  s.run.finish();
  assert_true(s.run.ended.at(0).client == tls_proxy && s.run.ended.at(0).proxy == client);
  assert_string_equal(s.run.conversations.at(0).streams[origin].text().c_str(), "hi");
  assert_string_equal(s.run.conversations.at(0).streams[tls_proxy].text().c_str(), "yo");
}

void ordinary_tls_is_passed(void**) {
  Session s;
  s.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\n");
  s.say(connect);
  s.answer(granted);
  s.run.finish();
  assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.messages.empty());
}

void the_first_bytes_may_exclude_a_proxy(void**) {
  Session s;
  Outcome outcome;
  s.run.tracker.chunk(s.inside.chunk(client, tls_proxy, "GET / HTTP/1.1\r\nX: " + std::string(250, 'x')), outcome);
  assert_true(outcome.progress == Progress::passed && outcome.parts.empty());
}

void a_chunk_of_no_known_connection_is_ignored(void**) {
  Session s;
  const Endpoint stranger = wire::endpoint("10.0.0.6", 40000);
  s.run.put(s.inside.chunk(stranger, tls_proxy, connect));
  s.run.put(s.inside.chunk(tls_proxy, stranger, granted + "x"));
  s.run.put(s.inside.chunk(client, tls_proxy, "", StreamEnd::fin));  // an end of nothing
  Chunk elsewhere = s.inside.chunk(client, tls_proxy, connect);
  elsewhere.parent = 7;
  s.run.put(elsewhere);
  assert_int_equal(s.run.tracker.counters().stray_chunks, 3);
  s.run.finish();
  assert_true(s.run.opened.empty() && s.run.ended.empty() && s.run.messages.empty());
}

void the_stream_lives_no_longer_than_its_connection(void**) {
  Session s;
  s.say(connect);
  s.answer(granted + "first");
  wire::Connection again(client, tls_proxy, 900000, 700000);
  again.frame = s.c.frame;
  put_opening(s.run, again);
  assert_int_equal(s.run.ended.size(), 1);
  s.c.frame = again.frame;
  s.say(connect);
  s.answer(granted + "second");
  s.run.finish();
  assert_int_equal(s.run.ended.size(), 2);
  assert_string_equal(s.run.conversations.at(0).streams[origin].text().c_str(), "first");
  assert_string_equal(s.run.conversations.at(1).streams[origin].text().c_str(), "second");
  assert_int_equal(s.run.ended[1].first.frame, 8);
}

void tls_in_a_tunnel_is_a_layer_more(void**) {
  wire::Connection c(client, proxy);
  wire::Sender inside(c);
  Run run;
  put_handshake(run, c);  // to 192.0.2.7:80, which speaks TLS and is a proxy, too
  run.put(c.say(End::client, "\x16\x03\x01\x00\x05hello"s));
  const auto put = [&](const Endpoint& from, const Endpoint& to, std::string_view bytes) {
    Chunk chunk = inside.chunk(from, to, bytes);
    chunk.parent = 0;
    chunk.layer = 1;
    run.put(chunk);
  };
  put(client, origin, "CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n");
  put(origin, client, granted + "220 hi");
  put(client, origin, "QUIT");
  run.finish();
  assert_int_equal(run.ended.size(), 2);
  const Attempt& next = run.ended[1];
  assert_true(next.inside_tls && !run.ended[0].inside_tls);
  assert_int_equal(next.parent, 0);
  assert_int_equal(next.layer, 1);
  assert_true(next.client == client && next.proxy == origin);
  assert_string_equal(run.conversations.at(1).streams[client].text().c_str(), "QUIT");
  assert_string_equal(run.conversations.at(1).streams[wire::endpoint("192.0.2.9", 25)].text().c_str(), "220 hi");
}

// What has to make room for a decrypted stream is told of all the same.
void every_tunnel_ends_when_room_is_scarce(void**) {
  TrackerOptions options;
  options.connections = 1;  // and room for nine inside
  wire::Connection c(client, proxy);
  wire::Sender inside(c);
  Run run(options);
  run.put(c.syn());
  run.put(c.syn_ack());
  for (int i = 1; i <= 9; ++i) {
    run.put(c.say(End::client, "CONNECT 192.0.2." + std::to_string(i) + ":80 HTTP/1.1\r\n\r\n"));
    run.put(c.say(End::server, granted));
  }
  assert_int_equal(run.opened.size(), 9);
  run.put(inside.chunk(client, proxy, "what TLS carries"));
  assert_true(run.ended.empty());
  Chunk second = inside.chunk(client, wire::endpoint("192.0.2.2", 80), "what TLS carries in a tunnel");
  second.parent = second.layer = 1;
  run.put(second);
  run.put(c.ack(End::client));
  assert_int_equal(run.ended.size(), 8);  // the longest idle was the outermost tunnel, with all that was in it
  run.finish();
  assert_int_equal(run.ended.size(), 9);
  for (std::size_t i = 0; i < 9; ++i) assert_int_equal(run.ended[i].id, i);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_decrypted_stream_opens_a_tunnel),
      cmocka_unit_test(the_checksums_of_what_is_made_are_right),
      cmocka_unit_test(the_numbers_are_the_same_in_every_run),
      cmocka_unit_test(what_comes_behind_an_end_is_shown),
      cmocka_unit_test(an_end_is_shown_once),
      cmocka_unit_test(the_server_of_tls_may_be_the_client_of_the_proxy),
      cmocka_unit_test(ordinary_tls_is_passed),
      cmocka_unit_test(the_first_bytes_may_exclude_a_proxy),
      cmocka_unit_test(a_chunk_of_no_known_connection_is_ignored),
      cmocka_unit_test(the_stream_lives_no_longer_than_its_connection),
      cmocka_unit_test(tls_in_a_tunnel_is_a_layer_more),
      cmocka_unit_test(every_tunnel_ends_when_room_is_scarce),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
