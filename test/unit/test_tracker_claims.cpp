// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: nothing ordinary is claimed, and what proxies open is not overlooked, whatever the capture lacks.
#include "base/limits.hpp"
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint http_proxy = wire::endpoint("10.0.0.1", 3128);
const Endpoint origin = wire::endpoint("192.0.2.7", 80);
const std::string connect = "CONNECT 192.0.2.7:80 HTTP/1.1\r\nHost: x\r\n\r\n", granted = "HTTP/1.1 200 OK\r\n\r\n";
const std::string socks4_request = "\x04\x01\x00\x50\xc0\x00\x02\x07\x00"s, socks4_reply = "\x00\x5a\0\0\0\0\0\0"s;

/// A connection that a client opened to a proxy, or a proxy to its client.
struct Session {
  explicit Session(const Endpoint& server = proxy) : c(client, server) { put_opening(run, c); }
  void ask(std::string_view bytes) { run.put(c.say(End::client, bytes)); }
  void answer(std::string_view bytes) { run.put(c.say(End::server, bytes)); }
  void lose(End from, std::string_view bytes) { static_cast<void>(c.say(from, bytes)); }
  void close() {
    run.put(c.fin(End::client));
    run.put(c.fin(End::server));
    run.put(c.ack(End::client));
  }
  const Attempt& only_attempt() {
    run.finish();
    assert_int_equal(run.ended.size(), 1);
    return run.ended[0];
  }
  void expect_payload(const std::string& asked, const std::string& answered) {
    assert_int_equal(run.conversations.size(), 1);
    assert_string_equal(run.conversations.begin()->second.streams[client].text().c_str(), asked.c_str());
    assert_string_equal(run.conversations.begin()->second.streams[origin].text().c_str(), answered.c_str());
  }
  void expect_nothing() {
    run.finish();
    assert_true(run.ended.empty() && run.conversations.empty() && run.messages.empty());
  }

  wire::Connection c;
  Run run;
};

Progress progress_of(Run& run, const Segment& segment) {
  Outcome outcome;
  run.tracker.segment(segment, outcome);
  return outcome.progress;
}

// ---------------------------------------------------------------- answers

void an_answer_heard_what_it_answers(void**) {
  for (const bool heard : {true, false}) {
    Session s;
    s.ask(greeting);
    s.run.put(s.c.at(End::server, tcp_flag::ack, 5001, heard ? 1004 : 1003, method));
    s.run.put(s.c.at(End::client, tcp_flag::ack, 1004, 5003, request));
    s.run.put(s.c.at(End::server, tcp_flag::ack, 5003, 1014, reply));
    if (!heard) {
      s.expect_nothing();
      continue;
    }
    assert_true(s.only_attempt().status == Status::established);
  }
}

// Made by hand, or by programs that write packets without a thought of acknowledgments.
void a_capture_that_acknowledges_nothing_is_read_in_its_order(void**) {
  Session s;
  std::uint32_t asked = 1001, answered = 5001;
  const auto put = [&](End from, const std::string& bytes) {
    std::uint32_t& at = from == End::client ? asked : answered;
    s.run.put(s.c.at(from, tcp_flag::ack, at, from == End::client ? 5001 : 1001, bytes));
    at += static_cast<std::uint32_t>(bytes.size());
  };
  put(End::client, greeting);
  put(End::server, method);
  put(End::client, request);
  put(End::server, reply);
  put(End::client, "ping");
  assert_true(s.only_attempt().status == Status::established);
  s.expect_payload("ping", "");
}

// ---------------------------------------------------------------- preambles

void a_preamble_is_what_the_server_said_unheard(void**) {
  const std::string words = "HELLO 7\r\n";
  for (const bool client_first : {false, true}) {
    Session s;  // here the "client" of the connection is the proxy
    std::vector<Segment> said{s.c.say(End::client, words), s.c.say(End::server, greeting + request),
                              s.c.say(End::client, method + reply), s.c.say(End::server, "GET /"),
                              s.c.say(End::client, "HTTP/1.1")};
    if (client_first)
      std::stable_partition(said.begin(), said.end(), [](const Segment& x) { return x.sender == proxy; });
    for (const Segment& segment : said) s.run.put(segment);
    const Attempt& attempt = s.only_attempt();
    assert_true(attempt.status == Status::established && attempt.client == proxy);
    assert_string_equal(s.run.conversations.at(0).streams[proxy].text().c_str(), "GET /");
    assert_string_equal(s.run.conversations.at(0).streams[origin].text().c_str(), "HTTP/1.1");
  }
}

// The same bytes, but the server said them behind the greeting, or half of the answer before it.
void other_bytes_before_an_answer_are_no_preamble(void**) {
  for (const std::size_t unheard : {std::size_t{1}, std::size_t{5}, std::size_t{10}}) {
    const std::string words = "HELLO 7\r\n" + method + reply;
    Session s;
    s.ask(words.substr(0, unheard));
    s.answer(greeting + request);
    s.ask(words.substr(unheard));
    s.answer("GET /");
    s.expect_nothing();
  }
}

// TDS: the answer of a SQL server is a SOCKS4 request, and UTF-16 of its client's login an answer to it.
void a_sql_server_is_no_client(void**) {
  Session s(wire::endpoint("10.0.0.1", 1433));
  s.ask("\x12\x01\x00\x2f\x00\x00\x01\x00"s + std::string(39, '\x01'));
  s.answer("\x04\x01\x00\x25\x00\x00\x01\x00"s + std::string(29, '\0'));
  s.ask("\x10\x01\x00\x90\x00\x00\x01\x00L\0I\0Z\0-\0V\0X\0P\0"s);
  s.answer("\x04\x01\x00\x50\x00\x35\x01\x00\xe3"s);
  s.expect_nothing();
}

// ---------------------------------------------------------------- one side only

void one_direction_says_no_as_soon_as_two_would(void**) {
  // Behind its first words it answers nobody.
  Session mail;
  assert_true(progress_of(mail.run, mail.c.say(End::client, "EHLO x\r\n")) == Progress::undecided);
  mail.lose(End::server, "250 y\r\n");
  assert_true(progress_of(mail.run, mail.c.say(End::client, "MAIL FROM:<>\r\n")) == Progress::passed);

  // Who spoke second speaks no answer.
  Session banner;
  banner.lose(End::server, "SSH-2.0-x\r\n");
  assert_true(progress_of(banner.run, banner.c.say(End::client, "SSH-2.0-y\r\n")) == Progress::passed);

  // No preamble is so long.
  Session hello;
  assert_true(progress_of(hello.run, hello.c.say(End::client, std::string(limits::preamble, 'x'))) ==
              Progress::undecided);
  assert_true(progress_of(hello.run, hello.c.say(End::client, "x")) == Progress::passed);
}

// ---------------------------------------------------------------- answers that the capture lacks

void payload_behind_a_lost_answer_proves_the_tunnel(void**) {
  struct Case {
    Endpoint proxy;
    std::string asked, lost, behind;  // `behind`: what is there of the answers
  };
  for (const Case& each :
       {Case{http_proxy, connect, granted, ""}, Case{proxy, socks4_request, socks4_reply, ""},
        Case{proxy, greeting + request, method + reply, ""}, Case{proxy, greeting + request, method, reply}}) {
    Session s(each.proxy);
    s.ask(each.asked.substr(0, 9));
    s.ask(each.asked.substr(9));
    s.lose(End::server, each.lost);
    if (!each.behind.empty()) s.answer(each.behind);
    s.ask("ping\n");
    s.answer("pong");
    s.ask("ping\n");
    s.answer("pong");
    const Attempt& attempt = s.only_attempt();
    assert_true(attempt.status == Status::established && attempt.target.has_value());
    assert_true(has_noted_once(attempt, "gap-in-handshake"));
    assert_int_equal(has_noted_once(attempt, "reply-not-captured"), each.behind.empty());
    assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 0);
    s.expect_payload("ping\nping\n", "pongpong");
  }
}

void a_lost_answer_alone_proves_nothing(void**) {
  // The client says no more, or asks again; or what it said it had said before it heard anything.
  for (const std::string& next : {""s, connect}) {
    Session s(http_proxy);
    s.ask(connect);
    s.lose(End::server, "HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\n");
    if (!next.empty()) s.ask(next);
    s.answer("no\n");
    s.run.finish();
    assert_true(s.run.conversations.empty());
  }
  Session early(http_proxy);
  early.ask(connect + "ping\n");
  early.lose(End::server, granted);
  early.answer("pong");
  early.run.put(early.c.ack(End::client));
  early.run.finish();
  assert_true(early.run.conversations.empty());
}

void a_refusal_that_is_cut_short_is_one(void**) {
  struct Case {
    Endpoint proxy;
    std::string asked, answered;
    Status status;
    int code;
  };
  for (const Case& each : {Case{proxy, greeting + request, method + "\x05\x04\0\0"s, Status::refused, 4},
                           Case{proxy, socks4_request, "\0\x5b"s, Status::refused, 91},
                           Case{http_proxy, connect, "HTTP/1.1 407 No\r\nServer", Status::auth_failed, 407}}) {
    Session s(each.proxy);
    s.ask(each.asked);
    s.answer(each.answered);
    s.close();
    assert_int_equal(s.run.ended.size(), 1);  // told when it closes
    assert_true(s.run.ended[0].status == each.status && s.run.ended[0].reply_code == each.code);
    assert_true(s.run.conversations.empty());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_heard_what_it_answers),
      cmocka_unit_test(a_capture_that_acknowledges_nothing_is_read_in_its_order),
      cmocka_unit_test(a_preamble_is_what_the_server_said_unheard),
      cmocka_unit_test(other_bytes_before_an_answer_are_no_preamble),
      cmocka_unit_test(a_sql_server_is_no_client),
      cmocka_unit_test(one_direction_says_no_as_soon_as_two_would),
      cmocka_unit_test(payload_behind_a_lost_answer_proves_the_tunnel),
      cmocka_unit_test(a_lost_answer_alone_proves_nothing),
      cmocka_unit_test(a_refusal_that_is_cut_short_is_one),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
