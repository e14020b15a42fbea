// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: nothing is hidden by a later request, nothing is lost in silence, and what is undecided never
//          blinds the rest. Each test is a kind of fault that was there.
#include "base/limits.hpp"
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint http_proxy = wire::endpoint("10.0.0.1", 3128);
const std::string granted = "HTTP/1.1 200 OK\r\n\r\n";
const std::string empty_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string get(const std::string& host, const std::string& path = "/") {
  return "GET http://" + host + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

/// A client of an HTTP proxy.
struct Client {
  Client() { put_opening(run, c); }

  void ask(std::string_view bytes) { run.put(c.say(End::client, bytes)); }
  void answer(std::string_view bytes) { run.put(c.say(End::server, bytes)); }
  std::string asked(TunnelId tunnel) { return run.conversations.at(tunnel).streams[client].text(); }

  wire::Connection c{client, http_proxy};
  Run run;
};

std::size_t packets_of(const Run& run) {
  std::size_t count = 0;
  for (const auto& [id, conversation] : run.conversations) count += conversation.packets.size();
  return count;
}

// ---------------------------------------------------------------- what a conversation is

void two_names_with_one_address_are_one_conversation(void**) {
  Client s;
  for (const char* name : {"www.example", "static.example"}) {
    s.run.tracker.names().record(Provenance::hosts_file, name, *Address::parse("203.0.113.7"));
  }
  std::string all;
  for (const char* host : {"www.example", "static.example", "WWW.example.", "static.example", "www.example"}) {
    all += get(host);
    s.ask(get(host));
    s.answer(empty_answer);
  }
  s.run.finish();
  assert_int_equal(s.run.conversations.size(), 1);
  assert_string_equal(s.asked(0).c_str(), all.c_str());
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(attempt.other_hosts == std::vector<std::string>{"static.example"});
  assert_true(has_noted_once(attempt, "several-hosts"));
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), all.size());
}

void names_of_a_conversation_are_bounded(void**) {
  Client s;
  const std::size_t names = limits::hosts_per_conversation + 3;
  for (std::size_t i = 0; i < names; ++i) {
    const std::string host = "h" + std::to_string(i) + ".example";
    s.run.tracker.names().record(Provenance::hosts_file, host, *Address::parse("203.0.113.7"));
    s.ask(get(host));
    s.answer(empty_answer);
  }
  s.run.finish();
  assert_int_equal(s.run.ended.size(), 1);
  assert_int_equal(s.run.ended[0].other_hosts.size(), limits::hosts_per_conversation);
  assert_true(has_noted_once(s.run.ended[0], "too-many-hosts"));
}

void a_name_keeps_the_origin_that_it_had_first(void**) {
  Client s;
  AddressBook& names = s.run.tracker.names();
  names.record(Provenance::hosts_file, "one.example", *Address::parse("203.0.113.7"));
  s.ask(get("one.example"));
  s.answer(empty_answer);
  const Address moved = *Address::parse("203.0.113.8");
  names.answer("one.example", std::span(&moved, 1), http_proxy.address);
  s.ask(get("one.example"));
  s.answer(empty_answer);
  s.run.finish();
  assert_int_equal(s.run.conversations.size(), 1);
}

// What comes late of the requests before it is shown all the same.
void only_a_connect_takes_over(void**) {
  Client s;
  s.ask(get("192.0.2.7"));
  const Segment late = s.c.say(End::server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
  s.run.put(late);
  const Segment later = s.c.say(End::server, "56789");  // captured behind the tunnel's opening
  s.ask("CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n");
  s.answer(granted);
  s.run.put(later);
  s.ask("inside");
  s.run.finish();
  const Endpoint origin = wire::endpoint("192.0.2.7", 80);
  assert_string_equal(s.asked(1).c_str(), "inside");
  assert_int_equal(s.run.ended.at(0).payload[Direction::from_server].missing_bytes(), 0);
  const std::string text = s.run.conversations.at(0).streams[origin].text();
  assert_true(text.ends_with("0123456789"));
}

void three_declared_clients_are_three_conversations(void**) {
  Run run;
  std::uint64_t frame = 0;
  for (std::uint16_t i = 0; i < 3; ++i) {
    wire::Connection c(wire::endpoint("10.0.0.9", static_cast<std::uint16_t>(50000 + i)),
                       wire::endpoint("192.0.2.7", 80));
    c.frame = frame;
    put_opening(run, c);
    run.put(c.say(End::client, "PROXY TCP4 203.0.113.5 192.0.2.7 41000 80\r\nGET / HTTP/1.1\r\n\r\n"));
    frame = c.frame;
  }
  run.finish();
  assert_int_equal(run.conversations.size(), 3);
  std::set<std::uint16_t> ports;
  for (const Attempt& attempt : run.ended) {
    assert_true(attempt.client == wire::endpoint("203.0.113.5", 41000));
    ports.insert(attempt.virtual_client.value_or(attempt.client).port);
  }
  assert_int_equal(ports.size(), 3);
}

// ---------------------------------------------------------------- closings

void a_close_is_shown_once_in_each_conversation(void**) {
  Client s;
  for (int i = 1; i <= 50; ++i) {
    s.ask(get("192.0.2." + std::to_string(i)));
    s.answer(empty_answer);
  }
  const Segment fin = s.c.fin(End::client);
  s.run.put(fin);
  s.run.put(s.c.ack(End::server));
  const std::size_t before = packets_of(s.run);
  for (int i = 0; i < 20; ++i) {
    s.run.put(fin);
    s.run.put(s.c.ack(End::server));
  }
  assert_true(packets_of(s.run) <= before + 20);
  for (const auto& [id, conversation] : s.run.conversations) {
    const auto& streams = conversation.streams;
    assert_true(std::any_of(streams.begin(), streams.end(), [](const auto& each) { return each.second.fin; }));
  }
}

// ---------------------------------------------------------------- nothing is lost in silence

/// A forwarded request, whose answer lacks its first 41 bytes.
struct Beheaded : Client {
  Beheaded() {
    ask(get("192.0.2.7"));
    for (unsigned i = 0; i < 3; ++i) run.put(c.at(End::server, tcp_flag::ack, 5042 + 100 * i, 1064, body));
  }
  void expect_all() {
    run.finish();
    const Attempt& attempt = run.ended.at(0);
    assert_int_equal(attempt.payload[Direction::from_server].bytes(), 300);
    assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 41);
    assert_true(has_noted_once(attempt, "framing-lost"));
    std::size_t shown = 0;
    for (const std::string& payload : run.conversations.at(0).payloads) shown += payload.size();
    assert_int_equal(shown, 300 + get("192.0.2.7").size());
  }
  const std::string body = std::string(100, 'x');
};

void a_lost_head_costs_the_framing_not_the_bytes(void**) {
  {
    Beheaded nothing_follows;
    assert_int_equal(nothing_follows.run.conversations.at(0).payloads.size(), 4);  // three segments and the request
    nothing_follows.expect_all();
  }
  Beheaded server_ends;
  server_ends.run.put(server_ends.c.at(End::server, tcp_flag::ack | tcp_flag::fin, 5342, 1064, ""));
  assert_int_equal(server_ends.run.conversations.at(0).payloads.size(), 8);
  server_ends.expect_all();

  Beheaded acknowledged;
  acknowledged.run.put(acknowledged.c.at(End::client, tcp_flag::ack, 1064, 5342, ""));
  assert_int_equal(acknowledged.run.conversations.at(0).payloads.size(), 8);  // with the acknowledgment
  acknowledged.expect_all();

  Beheaded reused;
  wire::Connection again(client, http_proxy, 900000, 800000);
  again.frame = reused.c.frame;
  reused.run.put(again.syn());
  reused.expect_all();
}

// An acknowledgment that was captured before what it acknowledges proves nothing.
void directions_may_be_captured_one_behind_the_other(void**) {
  Client s;
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x');
  s.ask(get("192.0.2.7"));
  s.run.put(s.c.at(End::client, tcp_flag::ack, 1001 + 46, 5001 + 140, ""));
  s.run.put(s.c.at(End::server, tcp_flag::ack, 5001 + 40, 1064, std::string_view(answer).substr(40)));
  s.run.put(s.c.at(End::server, tcp_flag::ack, 5001, 1064, std::string_view(answer).substr(0, 40)));
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
}

void a_head_that_is_not_finished_is_shown(void**) {
  for (const bool closes : {false, true}) {
    Client s;
    s.ask(get("192.0.2.7"));
    s.answer(empty_answer);
    s.ask("GET http://192.0.2.8/ HTTP/1.1\r\nHo");
    if (closes) s.run.put(s.c.fin(End::client));
    const bool is_shown = s.asked(0).ends_with("\r\nHo");
    assert_int_equal(is_shown, closes);
    s.run.finish();
    assert_true(s.asked(0).ends_with("\r\nHo"));
    assert_true(has_noted_once(s.run.ended.at(0), "framing-lost"));
  }
}

void there_may_be_more_attempts_than_anybody_makes(void**) {
  Client s;
  for (int i = 0; i < 1500; ++i) {
    s.ask("CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n");
    s.answer("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
  }
  s.ask("CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n");
  s.answer(granted);
  s.ask("inside");
  s.run.finish();
  assert_int_equal(s.run.ended.size(), 1501);
  assert_string_equal(s.asked(1500).c_str(), "inside");
}

void a_head_that_is_too_long_is_told(void**) {
  Client s;
  s.ask("CONNECT 192.0.2.7:80 HTTP/1.1\r\n");
  const std::string field = "X: " + std::string(1400, 'x') + "\r\n";
  for (std::size_t sent = 0; sent <= limits::http_head; sent += field.size()) s.ask(field);
  s.answer(granted);
  s.run.finish();
  assert_true(s.run.ended.empty());
  assert_int_equal(s.run.skipped.size(), 1);
  assert_true(s.run.skipped[0].client == client && s.run.skipped[0].proxy == http_proxy);
}

// ---------------------------------------------------------------- bounds

void finished_downloads_do_not_blind(void**) {
  Run run;
  std::uint64_t frame = 0;
  const std::string data(1400, 'd');
  for (std::uint16_t i = 0; i < 1500; ++i) {
    wire::Connection c(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(20000 + i)),
                       wire::endpoint("10.0.0.21", 20));
    c.frame = frame;
    put_opening(run, c);
    for (int k = 0; k < 30; ++k) run.put(c.say(End::server, data));
    if (i % 2 == 0) run.put(c.fin(End::server));
    if (i % 4 == 0) run.put(c.fin(End::client));
    frame = c.frame;
  }
  wire::Connection c(client, proxy);
  c.frame = frame;
  put_handshake(run, c);
  run.put(c.say(End::client, "seen"));
  assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "seen");
  run.finish();
}

// Those that hold most give way, not those that came first; and it is told.
void who_holds_most_gives_way(void**) {
  Run run;
  wire::Connection patient(client, proxy);
  put_opening(run, patient);
  run.put(patient.say(End::client, greeting + request + "early"));
  std::uint64_t frame = patient.frame;
  const std::string field = "X: " + std::string(15990, 'x') + "\r\n";
  for (std::uint16_t i = 0; i < 700; ++i) {
    wire::Connection c(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(20000 + i)), http_proxy);
    c.frame = frame;
    run.put(c.say(End::client, "CONNECT 192.0.2.7:80 HTTP/1.1\r\n"));
    for (int k = 0; k < 4; ++k) run.put(c.say(End::client, field));
    frame = c.frame;
  }
  assert_true(run.tracker.counters().gave_way > 0);  // the limit was reached
  const bool is_told = std::any_of(run.ended.begin(), run.ended.end(),
                                   [](const Attempt& attempt) { return attempt.has_noted("gave-way"); });
  assert_true(is_told || run.skipped.size() == run.tracker.counters().gave_way);
  patient.frame = frame;
  run.put(patient.say(End::server, method + reply));
  assert_string_equal(run.conversations.at(run.opened.at(0).id).streams[client].text().c_str(), "early");
  run.finish();
}

// Conversations of forwarded requests that were answered give way to new ones, and begin anew when they are asked for.
void conversations_are_bounded_and_none_loses_a_byte(void**) {
  Client s;
  const std::size_t origins = limits::forwarded + 500;
  std::size_t sent = 0;
  const auto host = [](std::size_t i) { return "10.9." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1); };
  for (std::size_t i = 0; i < origins + 200; ++i) {
    const std::string request = get(host(i % origins));
    sent += request.size();
    s.ask(request);
    if (i % 7 != 0) s.answer(empty_answer);  // pipelined now and then
    if (i % 7 == 6) s.answer(empty_answer);
  }
  assert_true(s.run.ended.size() > 500);  // the limit was reached
  assert_true(s.run.ended[0].has_noted("gave-way"));
  s.run.finish();
  std::int64_t shown = 0, answered = 0;
  for (const Attempt& attempt : s.run.ended) {
    shown += attempt.payload[Direction::from_client].bytes();
    answered += attempt.payload[Direction::from_server].bytes();
    for (const auto side : {Direction::from_client, Direction::from_server}) {
      assert_int_equal(attempt.payload[side].missing_bytes(), 0);
    }
  }
  assert_int_equal(shown, sent);
  assert_int_equal(answered % static_cast<std::int64_t>(empty_answer.size()), 0);
  assert_true(static_cast<std::size_t>(answered) / empty_answer.size() >= origins);
}

void closed_connections_leave(void**) {
  Run run;
  std::uint64_t frame = 0;
  const std::size_t count = limits::closed_connections + 10;
  for (std::size_t i = 0; i < count; ++i) {
    wire::Connection c(wire::endpoint("10.0.0.5", static_cast<std::uint16_t>(20000 + i)), proxy);
    c.frame = frame;
    put_handshake(run, c);
    run.put(c.rst(End::client));
    frame = c.frame;
  }
  assert_true(run.ended.size() >= 9 && run.ended.size() <= 10);
  run.finish();
  assert_int_equal(run.ended.size(), count);
}

// A RST that nobody took: the streams go on.
void what_goes_on_behind_its_close_stays(void**) {
  Run run;
  wire::Connection alive(client, proxy);
  put_handshake(run, alive);
  run.put(alive.rst(End::client));
  run.put(alive.say(End::client, "goes on"));
  std::uint64_t frame = alive.frame;
  for (std::size_t i = 0; i < limits::closed_connections + 10; ++i) {
    wire::Connection c(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(20000 + i)), proxy);
    c.frame = frame;
    put_opening(run, c);
    run.put(c.rst(End::client));
    frame = c.frame;
  }
  alive.frame = frame;
  run.put(alive.say(End::client, " and on"));
  run.finish();
  assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "goes on and on");
}

// ---------------------------------------------------------------- order and outcomes

void events_stand_before_their_packets(void**) {
  Client s;
  Outcome outcome;
  s.run.tracker.segment(s.c.say(End::client, get("192.0.2.7") + get("192.0.2.8")), outcome);
  TunnelId opened = no_tunnel;
  std::size_t openings = 0;
  outcome.in_order(
      [&opened](Event& event) {
        if (const auto* open = std::get_if<OpenedEvent>(&event)) opened = open->attempt.id;
      },
      [&](const VirtualPacket& packet) {
        if (packet.kind != VirtualKind::syn) return;
        ++openings;
        assert_int_equal(packet.tunnel, opened);
      });
  assert_int_equal(openings, 2);
}

void an_attempt_ends_with_its_connection(void**) {
  for (const bool by_reset : {false, true}) {
    Run run;
    wire::Connection c(client, http_proxy);
    put_opening(run, c);
    run.put(c.say(End::client, "CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"));
    if (by_reset) {
      run.put(c.rst(End::server));
    } else {
      run.put(c.fin(End::server));
      assert_true(run.ended.empty());
      run.put(c.fin(End::client));
    }
    assert_int_equal(run.ended.size(), 1);
    assert_true(run.ended[0].status == Status::incomplete && run.ended[0].closed.frame == c.frame);
    run.finish();
    assert_int_equal(run.ended.size(), 1);
  }
}

// The answer may be captured behind the close that came behind it.
void a_close_waits_for_what_was_received_before_it(void**) {
  Run run;
  wire::Connection c(client, proxy);
  put_opening(run, c);
  run.put(c.say(End::client, greeting));
  const Segment answers = c.say(End::server, method);
  run.put(c.say(End::client, request));
  const Segment grants = c.say(End::server, reply + "payload");
  run.put(c.at(End::client, tcp_flag::rst | tcp_flag::ack, 1014, c.next(End::server), ""));
  run.put(answers);
  run.put(grants);
  run.finish();
  assert_true(run.ended.at(0).status == Status::established);
  assert_int_equal(run.ended[0].payload[Direction::from_server].bytes(), 7);
}

void a_407_alone_is_a_refusal(void**) {
  const std::string wants = "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n";
  for (const bool goes_on : {false, true}) {
    Client s;
    s.ask(get("192.0.2.7"));
    s.answer(wants);
    if (goes_on) {
      s.ask(get("192.0.2.7"));
      s.answer(empty_answer);
    }
    s.run.finish();
    const Attempt& attempt = s.run.ended.at(0);
    assert_true(attempt.status == (goes_on ? Status::established : Status::auth_failed));
    assert_int_equal(attempt.reply_code, goes_on ? 200 : 407);
    assert_int_equal(attempt.reply.frame, goes_on ? 7 : 5);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(two_names_with_one_address_are_one_conversation),
      cmocka_unit_test(names_of_a_conversation_are_bounded),
      cmocka_unit_test(a_name_keeps_the_origin_that_it_had_first),
      cmocka_unit_test(only_a_connect_takes_over),
      cmocka_unit_test(three_declared_clients_are_three_conversations),
      cmocka_unit_test(a_close_is_shown_once_in_each_conversation),
      cmocka_unit_test(a_lost_head_costs_the_framing_not_the_bytes),
      cmocka_unit_test(directions_may_be_captured_one_behind_the_other),
      cmocka_unit_test(a_head_that_is_not_finished_is_shown),
      cmocka_unit_test(there_may_be_more_attempts_than_anybody_makes),
      cmocka_unit_test(a_head_that_is_too_long_is_told),
      cmocka_unit_test(finished_downloads_do_not_blind),
      cmocka_unit_test(who_holds_most_gives_way),
      cmocka_unit_test(conversations_are_bounded_and_none_loses_a_byte),
      cmocka_unit_test(closed_connections_leave),
      cmocka_unit_test(what_goes_on_behind_its_close_stays),
      cmocka_unit_test(events_stand_before_their_packets),
      cmocka_unit_test(an_attempt_ends_with_its_connection),
      cmocka_unit_test(a_close_waits_for_what_was_received_before_it),
      cmocka_unit_test(a_407_alone_is_a_refusal),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
