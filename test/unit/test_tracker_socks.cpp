// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: what SOCKS does besides CONNECT: BIND, and Tor's RESOLVE and RESOLVE_PTR.
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint peer = wire::endpoint("192.0.2.7", 20);
const std::string ask_bind = "\x05\x02\x00\x01\xc0\x00\x02\x07\x00\x15"s;       // for a peer at 192.0.2.7:21
const std::string listening = "\x05\x00\x00\x01\x0a\x00\x00\x01\x13\x88"s;      // at 10.0.0.1:5000
const std::string peer_came = "\x05\x00\x00\x01\xc0\x00\x02\x07\x00\x14"s;      // from 192.0.2.7:20
const std::string somebody_came = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;  // says no more than that
const std::string ask_bind_for_anybody = "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"s;

struct Session {
  explicit Session(std::uint32_t isn = 1000) : c(client, proxy, isn, isn + 4000) {}
  void begin(const std::string& request) {
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    run.put(c.say(End::client, request));
  }
  void answer(const std::string& bytes) { run.put(c.say(End::server, bytes)); }
  void say(const std::string& bytes) { run.put(c.say(End::client, bytes)); }
  void close() {
    run.put(c.fin(End::server));
    run.put(c.fin(End::client));
    run.finish();
  }

  wire::Connection c;
  Run run;
};

void an_attempt_is_told_at_its_request(void**) {
  Session s;
  s.begin(ask_bind);
  assert_int_equal(s.run.requested.size(), 1);
  assert_true(s.run.opened.empty() && s.run.ended.empty());
  const Attempt asked = s.run.requested[0];
  assert_true(asked.id == 0 && asked.protocol == Protocol::socks5 && asked.command == Command::bind);
  assert_true(asked.client == client && asked.proxy == proxy && asked.reply.frame == 0);
  assert_string_equal(asked.target->text().c_str(), "192.0.2.7:21");
  s.answer(listening);
  s.answer(peer_came);
  s.close();
  assert_int_equal(s.run.requested.size(), 1);
  assert_true(s.run.ended.at(0).id == asked.id && s.run.ended[0].request.frame == asked.request.frame);
}

void the_peer_of_a_bind_opens_the_conversation(void**) {
  Session s;
  s.begin(ask_bind);
  s.answer(listening);
  assert_true(s.run.opened.empty() && s.run.conversations.empty());
  s.answer(peer_came + "data from the peer");
  s.say("226 done");
  s.close();

  const Endpoint own_end = wire::endpoint("10.0.0.5", 5000);  // the port that the proxy opened for the client
  Conversation& seen = s.run.conversations.at(0);
  assert_true(seen.packets[0].kind == VirtualKind::syn);
  assert_true(seen.packets[0].sender == peer && seen.packets[0].receiver == own_end);
  assert_true(seen.packets[1].sender == own_end && seen.packets[2].sender == peer);
  assert_string_equal(seen.streams[peer].text().c_str(), "data from the peer");
  assert_string_equal(seen.streams[own_end].text().c_str(), "226 done");
  assert_true(seen.streams[peer].fin && seen.streams[own_end].fin);
  assert_int_equal(seen.streams.size(), 2);

  const Attempt& attempt = s.run.ended.at(0);
  assert_true(attempt.command == Command::bind && attempt.status == Status::established);
  assert_string_equal(attempt.target->text().c_str(), "192.0.2.7:21");
  assert_string_equal(attempt.bound->text().c_str(), "10.0.0.1:5000");
  assert_string_equal(attempt.peer->text().c_str(), "192.0.2.7:20");
  assert_true(attempt.origin->endpoint == peer && attempt.origin->provenance == Provenance::socks_reply);
  assert_true(attempt.client == client && attempt.proxy == proxy);
  assert_int_equal(attempt.reply.frame, 7);
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), 18);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 8);
}

void a_second_reply_that_says_nothing_means_the_expected_peer(void**) {
  Session s;
  s.begin(ask_bind);
  s.answer(listening);
  s.answer(somebody_came);
  s.answer("x");
  s.close();
  const Endpoint expected = wire::endpoint("192.0.2.7", 21);
  assert_string_equal(s.run.conversations.at(0).streams[expected].text().c_str(), "x");
  assert_true(s.run.ended.at(0).origin->provenance == Provenance::literal);
}

void a_bind_that_names_nobody_opens_nothing(void**) {
  Session s;
  s.begin(ask_bind_for_anybody);
  s.answer(listening);
  s.answer(somebody_came + "x");
  s.close();
  assert_true(s.run.conversations.empty());
  assert_true(s.run.ended.at(0).status == Status::invalid_target);
}

void a_bind_for_anybody_opens_when_somebody_comes(void**) {
  Session s;
  s.begin(ask_bind_for_anybody);
  s.answer(listening);
  s.answer(peer_came + "x");
  s.close();
  assert_string_equal(s.run.conversations.at(0).streams[peer].text().c_str(), "x");
}

void either_reply_may_refuse(void**) {
  for (const bool is_second : {false, true}) {
    Session s;
    s.begin(ask_bind);
    if (is_second) s.answer(listening);
    s.answer("\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"s);
    s.close();
    assert_true(s.run.conversations.empty());
    assert_true(s.run.ended.at(0).status == Status::refused);
    assert_int_equal(s.run.ended.at(0).reply_code, 4);
    assert_int_equal(s.run.ended.at(0).bound.has_value() && s.run.ended.at(0).bound->port == 5000, is_second);
  }
}

void nobody_came_is_incomplete(void**) {
  Session s;
  s.begin(ask_bind);
  s.answer(listening);
  s.close();
  assert_true(s.run.opened.empty());
  assert_true(s.run.ended.at(0).status == Status::incomplete);
  assert_string_equal(s.run.ended.at(0).bound->text().c_str(), "10.0.0.1:5000");
}

void socks4_binds_likewise(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_opening(run, c);
  run.put(c.say(End::client, "\x04\x02\x00\x15\xc0\x00\x02\x07user\x00"s));
  run.put(c.say(End::server, "\x00\x5a\x13\x88\x0a\x00\x00\x01"s));
  assert_true(run.opened.empty());
  run.put(c.say(End::server, "\x00\x5a\x00\x14\xc0\x00\x02\x07"s + "hello"));
  run.put(c.say(End::client, "bye"));
  run.finish();
  Conversation& seen = run.conversations.at(0);
  assert_true(seen.packets[0].sender == peer);
  assert_string_equal(seen.streams[peer].text().c_str(), "hello");
  assert_string_equal(seen.streams[wire::endpoint("10.0.0.5", 5000)].text().c_str(), "bye");
}

// ---------------------------------------------------------------- Tor

const std::string ask_address =
    "\x05\xf0\x00\x03\x0b"
    "example.com\x00\x00"s;
const std::string address = "\x05\x00\x00\x01\xc0\x00\x02\x22\x00\x00"s;   // 192.0.2.34
const std::string ask_name = "\x05\xf1\x00\x01\xc0\x00\x02\x35\x00\x00"s;  // of 192.0.2.53
const std::string name =
    "\x05\x00\x00\x03\x0d"
    "ns.other.test\x00\x00"s;

// The address that a name has on a later connection.
Origin origin_of_name(Run& run, wire::Connection& before, const std::string& host) {
  wire::Connection c(wire::endpoint("10.0.0.5", 40001), wire::endpoint("10.0.0.2", 8080));
  c.frame = before.frame;
  run.put(c.say(End::client, "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  return run.opened.at(0).origin.value();
}

void a_resolved_name_is_evidence(void**) {
  Session s;
  s.begin(ask_address);
  s.answer(address);
  assert_int_equal(s.run.names.size(), 1);
  assert_string_equal(s.run.names[0].address.text().c_str(), "192.0.2.34");
  assert_string_equal(s.run.names[0].name.c_str(), "example.com");
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(attempt.command == Command::resolve && attempt.status == Status::established);
  assert_string_equal(std::string(attempt.reason).c_str(), "resolve opens no tunnel");
  const Origin origin = origin_of_name(s.run, s.c, "Example.COM");
  assert_string_equal(origin.endpoint.text().c_str(), "192.0.2.34:443");
  assert_true(origin.provenance == Provenance::socks_reply);
  s.close();
  assert_int_equal(s.run.ended.size(), 2);
}

void a_name_of_an_address_is_told_but_is_no_evidence(void**) {
  Session s;
  s.begin(ask_name);
  s.answer(name);
  assert_int_equal(s.run.names.size(), 1);
  assert_string_equal(s.run.names[0].address.text().c_str(), "192.0.2.53");
  assert_string_equal(s.run.names[0].name.c_str(), "ns.other.test");
  assert_true(s.run.ended.at(0).command == Command::resolve_ptr);
  assert_true(origin_of_name(s.run, s.c, "ns.other.test").provenance == Provenance::synthetic);
  assert_true(s.run.conversations.size() == 1);  // of the later connection
}

void a_refused_question_tells_no_name(void**) {
  Session s;
  s.begin(ask_address);
  s.answer("\x05\x04\x00\x00\x00\x00\x00\x00\x00\x00"s);
  s.close();
  assert_true(s.run.names.empty());
  assert_true(s.run.ended.at(0).status == Status::refused);
}

void an_answer_of_the_wrong_sort_tells_no_name(void**) {
  Session forward, back;
  forward.begin(ask_address);
  forward.answer(name);
  back.begin(ask_name);
  back.answer(address);
  assert_true(forward.run.names.empty() && back.run.names.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_attempt_is_told_at_its_request),
      cmocka_unit_test(the_peer_of_a_bind_opens_the_conversation),
      cmocka_unit_test(a_second_reply_that_says_nothing_means_the_expected_peer),
      cmocka_unit_test(a_bind_that_names_nobody_opens_nothing),
      cmocka_unit_test(a_bind_for_anybody_opens_when_somebody_comes),
      cmocka_unit_test(either_reply_may_refuse),
      cmocka_unit_test(nobody_came_is_incomplete),
      cmocka_unit_test(socks4_binds_likewise),
      cmocka_unit_test(a_resolved_name_is_evidence),
      cmocka_unit_test(a_name_of_an_address_is_told_but_is_no_evidence),
      cmocka_unit_test(a_refused_question_tells_no_name),
      cmocka_unit_test(an_answer_of_the_wrong_sort_tells_no_name),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
