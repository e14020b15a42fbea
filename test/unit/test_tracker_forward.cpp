// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: requests that an HTTP proxy forwards; each origin's conversation has its bytes, and no others.
#include <random>

#include "http_session.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint http_proxy = wire::endpoint("10.0.0.1", 3128);
const Endpoint one = wire::endpoint("192.0.2.7", 80), two = wire::endpoint("192.0.2.8", 8080);
const std::string ask_one =
    "GET http://192.0.2.7/first HTTP/1.1\r\nHost: 192.0.2.7\r\nProxy-Connection: keep-alive\r\n\r\n";
const std::string ask_two = "POST http://192.0.2.8:8080/second HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
const std::string ask_one_again = "GET http://192.0.2.7/third?q HTTP/1.1\r\n\r\n";
const std::string from_one = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
const std::string from_two =
    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3;x=y\r\nond\r\n0\r\n\r\n";
const std::string from_one_again = "HTTP/1.1 204 No Content\r\nVia: 1.1 p\r\n\r\n";

struct Session : HttpSession {
  explicit Session(const TrackerOptions& options = {}, const Endpoint& server = http_proxy)
      : HttpSession(options, client, server) {}
  std::string asked(TunnelId tunnel) { return run.conversations.at(tunnel).streams[client].text(); }
  std::string answered(TunnelId tunnel, const Endpoint& origin) {
    return run.conversations.at(tunnel).streams[origin].text();
  }
};

void a_head_may_come_byte_by_byte(void**) {
  Session s;
  const std::string request = "GET http://192.0.2.7/" + std::string(300, 'x') + " HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n";
  for (const char byte : request + request) s.ask({&byte, 1});
  s.answer(from_one);
  s.close();
  assert_text(s.asked(0), request + request);
  assert_true(s.run.ended.at(0).anomalies.empty());
}

void each_origin_has_its_own_conversation(void**) {
  Session s;
  s.ask(ask_one);
  s.answer(from_one);
  s.ask(ask_two);
  s.answer(from_two);
  s.ask(ask_one_again);
  s.answer(from_one_again);
  s.close();
  assert_int_equal(s.run.conversations.size(), 2);
  // Nothing is edited: absolute URI, Proxy-Connection and chunks are there as they were.
  assert_text(s.asked(0), ask_one + ask_one_again);
  assert_text(s.answered(0, one), from_one + from_one_again);
  assert_text(s.asked(1), ask_two);
  assert_text(s.answered(1, two), from_two);
  for (const auto& [tunnel, origin] : {std::pair<TunnelId, Endpoint>{0, one}, {1, two}}) {
    Conversation& seen = s.run.conversations.at(tunnel);
    assert_true(seen.streams[client].fin && seen.streams[origin].fin);
    assert_int_equal(seen.streams.size(), 2);
  }
  // The first bytes have the parent's own numbers.
  assert_int_equal(s.run.conversations.at(0).streams[client].segments.begin()->first, 1001);
  assert_int_equal(s.run.conversations.at(1).streams[client].segments.begin()->first, 1001 + ask_one.size());
  assert_int_equal(s.run.conversations.at(1).streams[two].segments.begin()->first, 5001 + from_one.size());

  assert_int_equal(s.run.ended.size(), 2);
  const Attempt& attempt = s.run.ended[1];
  assert_true(attempt.protocol == Protocol::http_forward && attempt.command == Command::forward);
  assert_true(attempt.status == Status::established && attempt.origin->endpoint == two);
  assert_int_equal(attempt.reply_code, 404);
  assert_int_equal(attempt.request.frame, 6);
  assert_int_equal(attempt.reply.frame, 7);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), ask_two.size());
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), from_two.size());
  assert_true(attempt.anomalies.empty());
}

// Law 1, and all at once: bodies, chunks, and messages of two origins in one segment.
void cutting_and_order_do_not_matter(void**) {
  const std::string up = ask_one + ask_two + ask_one_again, down = from_one + from_two + from_one_again;
  std::mt19937 random(23);
  for (int round = 0; round < 300; ++round) {
    Session s;
    std::vector<Segment> segments;
    const auto cut = [&](End from, const std::string& stream, std::uint32_t first, std::uint32_t acknowledged) {
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(1 + random() % 90, stream.size() - at);
        segments.push_back(s.c.at(from, tcp_flag::ack, first + static_cast<std::uint32_t>(at), acknowledged,
                                  std::string_view(stream).substr(at, size)));
        if (random() % 5 == 0) segments.push_back(segments.back());  // a retransmission
        at += size;
      }
    };
    cut(End::client, up, 1001, 5001);
    cut(End::server, down, 5001, 1001);
    std::shuffle(segments.begin(), segments.end(), random);
    for (const Segment& segment : segments) s.run.put(segment);
    s.run.finish();
    assert_int_equal(s.run.conversations.size(), 2);
    assert_int_equal(s.run.ended.size(), 2);
    assert_text(s.run.conversations.at(0).streams[client].merged(), ask_one + ask_one_again);
    assert_text(s.run.conversations.at(0).streams[one].merged(), from_one + from_one_again);
    assert_text(s.run.conversations.at(1).streams[client].merged(), ask_two);
    assert_text(s.run.conversations.at(1).streams[two].merged(), from_two);
    for (const Attempt& attempt : s.run.ended) {
      assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 0);
      assert_true(attempt.anomalies.empty());
    }
  }
}

void a_segment_of_several_messages_is_several_packets(void**) {
  Session s;
  s.ask(ask_one + ask_two + ask_one_again);
  s.answer(from_one + from_two + from_one_again);
  s.close();
  assert_text(s.asked(0), ask_one + ask_one_again);
  assert_text(s.asked(1), ask_two);
  assert_text(s.answered(0, one), from_one + from_one_again);
  assert_text(s.answered(1, two), from_two);
  const std::vector<std::string> expected = {"", "", "", ask_one, ask_one_again, from_one, from_one_again};
  const std::vector<std::string>& payloads = s.run.conversations.at(0).payloads;
  assert_true(std::vector<std::string>(payloads.begin(), payloads.begin() + 7) == expected);
  for (std::size_t i = 0; i < 7; ++i) {
    assert_int_equal(s.run.conversations.at(0).packets[i].frame.number, i < 5 ? 4 : 5);
  }
}

void a_demand_for_credentials_stays_outside(void**) {
  Session s;
  const std::string with_credentials =
      "GET http://192.0.2.7/first HTTP/1.1\r\nProxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
  s.ask(ask_one);
  s.answer("HTTP/1.1 407 Proxy Authentication Required\r\n");  // a head in pieces is the proxy's, too
  s.answer("Proxy-Authenticate: Basic\r\nContent-Length: 9\r\n\r\nwho? ");
  s.answer("you?");
  s.ask(with_credentials);
  s.answer(from_one);
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  assert_text(s.asked(0), ask_one + with_credentials);
  assert_text(s.answered(0, one), from_one);
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(has_noted_once(attempt, "proxy-authentication-required"));
  assert_text(attempt.credentials.username.value(), "alice");
  assert_text(attempt.credentials.password.value(), "secret");
  assert_int_equal(attempt.reply_code, 200);
  assert_int_equal(attempt.reply.frame, 9);
}

void a_connect_may_come_later(void**) {
  Session s;
  s.ask(ask_one);
  s.answer(from_one);
  s.ask("CONNECT 192.0.2.8:8080 HTTP/1.1\r\n\r\n");
  s.answer("HTTP/1.1 200 Connection established\r\n\r\nhello");
  s.ask("GET http://192.0.2.7/ is payload now\r\n\r\n");
  s.close();
  assert_int_equal(s.run.conversations.size(), 2);
  assert_text(s.asked(0), ask_one);
  assert_text(s.answered(0, one), from_one);
  assert_text(s.asked(1), "GET http://192.0.2.7/ is payload now\r\n\r\n");
  assert_text(s.answered(1, two), "hello");
  assert_true(s.run.ended.at(1).command == Command::connect);
  assert_true(s.run.ended.at(1).anomalies.empty());
}

void a_connect_takes_over_from_requests_to_the_same_origin(void**) {
  Session s;
  s.ask(ask_one);
  s.answer(from_one);
  s.ask("CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  s.close();
  assert_int_equal(s.run.conversations.size(), 2);
  assert_text(s.answered(0, one), from_one);
  assert_false(s.run.conversations.at(0).streams[client].fin);
  assert_text(s.answered(1, one), "hello");
  assert_true(s.run.conversations.at(1).streams[client].fin);
  assert_true(s.run.ended.at(1).anomalies.empty());
}

void a_head_in_pieces_is_shown_piece_by_piece(void**) {
  Session s;
  s.ask(ask_one);
  const std::vector<std::string> pieces = {"HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n", "X-A: b\r\n\r\nfi", "rst"};
  for (const std::string& piece : pieces) s.answer(piece);
  const Conversation& seen = s.run.conversations.at(0);
  assert_int_equal(seen.packets.size(), 4 + pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const VirtualPacket& packet = seen.packets[4 + i];
    assert_text(seen.payloads[4 + i], pieces[i]);
    assert_true(packet.kind == VirtualKind::translated);
    assert_int_equal(packet.frame.number, 5 + i);
  }
  s.ask(ask_two);
  s.answer(from_two);
  s.close();
  assert_text(s.answered(1, two), from_two);
  assert_int_equal(s.run.ended.at(0).reply.frame, 7);
}

void a_status_line_in_pieces_waits_for_its_end(void**) {
  Session s;
  s.ask(ask_one);
  s.answer("HTTP/1.1 2");
  assert_int_equal(s.run.conversations.at(0).packets.size(), 4);
  s.answer("00 OK\r\n");
  const Conversation& seen = s.run.conversations.at(0);
  assert_int_equal(seen.packets.size(), 6);
  assert_text(seen.payloads[4], "HTTP/1.1 2");
  assert_true(seen.packets[4].kind == VirtualKind::held);
  assert_int_equal(seen.packets[4].frame.number, 6);
  assert_int_equal(seen.packets[4].carried_in, 5);
  assert_true(seen.packets[5].kind == VirtualKind::translated);
}

void an_answer_to_head_has_no_body(void**) {
  Session s;
  const std::string head = "HEAD http://192.0.2.7/ HTTP/1.1\r\n\r\n",
                    answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
  s.ask(head + ask_two);
  s.answer(answer + from_two);
  s.close();
  assert_text(s.answered(0, one), answer);
  assert_text(s.answered(1, two), from_two);
}

void an_answer_without_a_length_goes_on_to_the_end(void**) {
  Session s;
  s.ask(ask_one);
  s.answer("HTTP/1.0 200 OK\r\n\r\nall ");
  s.answer("HTTP/1.1 200 OK\r\n\r\n is body");
  s.close();
  assert_text(s.answered(0, one), "HTTP/1.0 200 OK\r\n\r\nall HTTP/1.1 200 OK\r\n\r\n is body");
  assert_true(s.run.ended.at(0).anomalies.empty());
}

void an_upgrade_is_the_rest_of_its_conversation(void**) {
  Session s;
  const std::string upgrade = "GET http://192.0.2.7/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
  const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  s.ask(ask_two);
  s.answer(from_two);
  s.ask(upgrade);
  s.answer(switched + "\x81\x01x"s);
  s.ask("\x81\x81mask");
  s.close();
  assert_text(s.asked(1), upgrade + "\x81\x81mask");
  assert_text(s.answered(1, one), switched + "\x81\x01x"s);
  assert_text(s.answered(0, two), from_two);
}

void what_is_no_answer_is_all_of_the_conversation(void**) {
  Session s;
  s.ask(ask_one);
  s.answer("220 this is no http\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\n");
  s.close();
  assert_text(s.answered(0, one), "220 this is no http\r\nHTTP/1.1 200 OK\r\n\r\n");
  assert_true(has_noted_once(s.run.ended.at(0), "framing-lost"));
}

void a_chunk_of_no_size_loses_the_framing(void**) {
  Session s;
  s.ask(ask_one);
  s.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\nrest");
  s.close();
  assert_text(s.answered(0, one), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\nrest");
  assert_true(has_noted_once(s.run.ended.at(0), "framing-lost"));
}

void what_follows_a_hole_goes_where_the_bytes_before_it_went(void**) {
  Session s;
  s.ask(ask_one);
  s.answer(from_one);
  s.c.say(End::client, ask_two);  // not captured
  s.answer(from_two);
  s.ask(ask_one_again);
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  assert_text(s.asked(0), ask_one + "<gap>" + ask_one_again);
  assert_text(s.answered(0, one), from_one + from_two);
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(has_noted_once(attempt, "framing-lost"));
  assert_int_equal(attempt.payload[Direction::from_client].missing_bytes(), ask_two.size());
}

void a_hole_in_a_body_of_known_length_harms_nothing(void**) {
  Session s;
  s.ask(ask_one);
  s.answer("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n0123");
  s.c.say(End::server, "4567");  // not captured
  s.answer("89ab");
  s.ask(ask_two);
  s.answer(from_two);
  s.close();
  assert_text(s.answered(0, one), "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n0123<gap>89ab");
  assert_text(s.answered(1, two), from_two);
  assert_int_equal(s.run.ended.at(0).payload[Direction::from_server].missing_bytes(), 4);
  assert_true(s.run.ended.at(0).anomalies.empty() && s.run.ended.at(1).anomalies.empty());
}

void a_repeated_segment_is_parted_again(void**) {
  Session s;
  const std::string all = ask_one + ask_two;
  s.ask(all);
  s.answer(from_one + from_two);
  const std::size_t before = s.run.conversations.at(1).packets.size();
  s.run.put(s.c.at(End::client, tcp_flag::ack, 1001, 5001, all));
  assert_text(s.run.conversations.at(0).payloads.back(), ask_one);
  assert_int_equal(s.run.conversations.at(1).packets.size(), before + 1);
  assert_text(s.run.conversations.at(1).payloads.back(), ask_two);
  s.close();
  assert_int_equal(s.run.ended.at(1).payload[Direction::from_client].bytes(), ask_two.size());
}

void a_reset_ends_every_conversation(void**) {
  Session s;
  s.ask(ask_one + ask_two);
  s.run.put(s.c.rst(End::server));
  s.run.finish();
  assert_true(s.run.conversations.at(0).streams[one].rst && s.run.conversations.at(1).streams[two].rst);
  assert_int_equal(s.run.ended.at(0).closed.frame, 5);
  assert_int_equal(s.run.ended.at(1).closed.frame, 5);
}

// ---------------------------------------------------------------- servers that are no proxies

std::size_t conversations_of(const std::string& request, bool without_proof = false,
                             const Endpoint& server = wire::endpoint("192.0.2.80", 80)) {
  TrackerOptions options;
  options.forward_without_proof = without_proof;
  Session s(options, server);
  s.run.tracker.names().record(Provenance::hosts_file, "known.example", *Address::parse("192.0.2.80"));
  s.run.tracker.names().record(Provenance::hosts_file, "other.example", *Address::parse("192.0.2.81"));
  s.ask(request);
  s.answer(from_one);
  s.close();
  assert_int_equal(s.run.ended.size(), s.run.conversations.size());
  return s.run.conversations.size();
}

void an_ordinary_server_may_be_given_an_absolute_uri(void**) {
  const std::string some = "GET http://some.example/ HTTP/1.1\r\nHost: some.example\r\n\r\n";
  assert_int_equal(conversations_of(some, true), 1);
  assert_int_equal(conversations_of(some), 0);
  assert_int_equal(conversations_of("GET http://some.example/ HTTP/1.1\r\nProxy-Connection: close\r\n\r\n"), 1);
  assert_int_equal(conversations_of("GET http://some.example:81/ HTTP/1.1\r\n\r\n"), 1);
  assert_int_equal(conversations_of("GET http://192.0.2.81/ HTTP/1.1\r\n\r\n"), 1);
  assert_int_equal(conversations_of("GET http://other.example/ HTTP/1.1\r\n\r\n"), 1);
  // The URI names the server itself, by its address or by a name that is known to lead there.
  assert_int_equal(conversations_of("GET http://192.0.2.80/ HTTP/1.1\r\n\r\n", true), 0);
  assert_int_equal(conversations_of("GET http://known.example/ HTTP/1.1\r\nProxy-Connection: close\r\n\r\n", true), 0);
  assert_int_equal(conversations_of("GET http://known.example:81/ HTTP/1.1\r\n\r\n"), 1);
  assert_int_equal(conversations_of(ask_one, true, wire::endpoint("::ffff:192.0.2.7", 80)), 0);
}

void what_proves_a_proxy_may_come_later(void**) {
  const Endpoint server = wire::endpoint("192.0.2.80", 80);
  Session s({}, server);
  s.ask("GET http://some.example/ HTTP/1.1\r\n\r\n");
  s.answer(from_one);
  assert_true(s.run.conversations.empty());
  assert_int_equal(s.run.skipped.size(), 1);
  s.ask("GET http://some.example/ HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\n");
  s.answer(from_one);
  s.ask("GET http://more.example/ HTTP/1.1\r\n\r\n");
  s.answer(from_two);
  s.close();
  assert_int_equal(s.run.skipped.size(), 1);
  assert_int_equal(s.run.conversations.size(), 2);
  assert_text(s.answered(0, s.run.ended.at(0).origin->endpoint), from_one);
  assert_text(s.answered(1, s.run.ended.at(1).origin->endpoint), from_two);
}

void a_server_that_another_connection_proved_is_a_proxy(void**) {
  Session s({}, wire::endpoint("192.0.2.80", 80));
  s.ask("CONNECT 192.0.2.8:8080 HTTP/1.1\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  s.c = wire::Connection(wire::endpoint("192.0.2.1", 40001), wire::endpoint("192.0.2.80", 80));
  put_opening(s.run, s.c);
  s.ask("GET http://some.example/ HTTP/1.1\r\n\r\n");
  s.answer(from_one);
  s.close();
  assert_int_equal(s.run.conversations.size(), 2);
}

// It waits for what an upgrade is answered, and nothing before it opened anything.
void a_request_that_only_the_end_proves_is_told(void**) {
  Session s({}, wire::endpoint("192.0.2.80", 80));
  s.ask(
      "GET http://some.example/ HTTP/1.1\r\nUpgrade: x\r\n\r\n"
      "GET http://some.example/ HTTP/1.1\r\nProxy-Connection: x\r\n\r\n");
  s.close();
  assert_true(s.run.conversations.empty());
  assert_int_equal(s.run.ended.size(), 1);
  assert_true(s.run.ended[0].status == Status::incomplete);
  assert_int_equal(s.run.requested.size(), 1);
  assert_int_equal(s.run.requested[0].id, s.run.ended[0].id);
}

void it_can_be_switched_off(void**) {
  TrackerOptions options;
  options.disabled.add(Family::http_forward);
  Session s(options);
  s.ask(ask_one);
  s.answer(from_one);
  s.ask("CONNECT 192.0.2.8:8080 HTTP/1.1\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  assert_text(s.answered(0, two), "hello");
}

void targets_are_the_same_in_any_letter_case(void**) {
  Session s;
  s.ask("GET http://WWW.example.com/a HTTP/1.1\r\n\r\n");
  s.answer(from_one);
  s.ask("GET http://www.EXAMPLE.com:80/b HTTP/1.1\r\n\r\n");
  s.answer(from_one_again);
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  const Endpoint origin = s.run.ended.at(0).origin->endpoint;
  assert_true(s.run.ended.at(0).origin->provenance == Provenance::synthetic);
  assert_text(s.answered(0, origin), from_one + from_one_again);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_head_may_come_byte_by_byte),
      cmocka_unit_test(each_origin_has_its_own_conversation),
      cmocka_unit_test(cutting_and_order_do_not_matter),
      cmocka_unit_test(a_segment_of_several_messages_is_several_packets),
      cmocka_unit_test(a_demand_for_credentials_stays_outside),
      cmocka_unit_test(a_connect_may_come_later),
      cmocka_unit_test(a_connect_takes_over_from_requests_to_the_same_origin),
      cmocka_unit_test(a_head_in_pieces_is_shown_piece_by_piece),
      cmocka_unit_test(a_status_line_in_pieces_waits_for_its_end),
      cmocka_unit_test(an_answer_to_head_has_no_body),
      cmocka_unit_test(an_answer_without_a_length_goes_on_to_the_end),
      cmocka_unit_test(an_upgrade_is_the_rest_of_its_conversation),
      cmocka_unit_test(what_is_no_answer_is_all_of_the_conversation),
      cmocka_unit_test(a_chunk_of_no_size_loses_the_framing),
      cmocka_unit_test(what_follows_a_hole_goes_where_the_bytes_before_it_went),
      cmocka_unit_test(a_hole_in_a_body_of_known_length_harms_nothing),
      cmocka_unit_test(a_repeated_segment_is_parted_again),
      cmocka_unit_test(a_reset_ends_every_conversation),
      cmocka_unit_test(an_ordinary_server_may_be_given_an_absolute_uri),
      cmocka_unit_test(what_proves_a_proxy_may_come_later),
      cmocka_unit_test(a_server_that_another_connection_proved_is_a_proxy),
      cmocka_unit_test(a_request_that_only_the_end_proves_is_told),
      cmocka_unit_test(it_can_be_switched_off),
      cmocka_unit_test(targets_are_the_same_in_any_letter_case),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
