// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: UDP ASSOCIATE; clients that announce another address, relays that do not say from whom they bring.
#include "udp_session.hpp"
#include "unit.hpp"

using namespace udp_session;

namespace {

void a_client_may_send_from_the_address_that_it_announced(void**) {
  const Endpoint announced = wire::endpoint("10.88.1.14", 40123);
  Session s("\x05\x03\x00\x01\x0a\x58\x01\x0e\x9c\xbb"s);
  s.run.put(s.udp.datagram(announced, relay, wrapped(v4, "there")));
  s.run.put(s.udp.datagram(relay, announced, wrapped(v4, "back")));
  assert_shown(s, 0, announced, origin4, "there");
  assert_shown(s, 1, origin4, announced, "back");
  s.send(wrapped(v4, "or from its own"));
  assert_shown(s, 2, from, origin4, "or from its own");
  s.run.finish();
  assert_true(s.run.ended.at(0).client == client);
}

// ---------------------------------------------------------------- relays that do not say from whom

const std::string useless_sources[] = {
    "\x01\x00\x00\x00\x00\x00\x00"s,                              // 0.0.0.0:0
    "\x01\x00\x00\x00\x00\x00\x35"s,                              // 0.0.0.0:53
    "\x04"s + std::string(18, '\0'),                              // [::]:0
    "\x01\x0a\x00\x00\x05\xc3\x50"s,                              // the client
    "\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x05\xc3\x50"s,  // the same, mapped
    "\x03\x08"s + "10.0.0.5\xc3\x50"s,                            // the same, as text
    "\x01\x0a\x00\x00\x01\x13\x88"s,                              // the relay
    "\x01\x0a\x00\x00\x01\x9c\x40"s,                              // another port of it
    "\x01\xc0\x00\x02\x07\x00\x00"s,                              // a port that nobody has
};

void a_reply_without_a_source_is_of_the_only_target(void**) {
  for (const std::string& source : useless_sources) {
    Session s;
    s.send(wrapped(v4, "query"));
    s.receive(wrapped(source, "answer"));
    assert_shown(s, 1, origin4, from, "answer");
    s.run.finish();
    const Attempt& attempt = s.run.ended.at(0);
    assert_int_equal(attempt.flows.size(), 1);
    assert_int_equal(attempt.flows[0].bytes[Direction::from_server], 6);
    assert_true(attempt.anomalies.empty());
  }
}

void it_is_so_at_any_port_of_the_client(void**) {
  const Endpoint announced = wire::endpoint("10.0.0.5", 50001);
  Session s("\x05\x03\x00\x01\x00\x00\x00\x00\xc3\x51"s);
  s.send(wrapped(v4, "query"));
  s.run.put(s.udp.datagram(relay, announced, wrapped(useless_sources[0], "answer")));
  assert_shown(s, 1, origin4, announced, "answer");
}

void of_several_targets_it_is_the_latest_asked_from_that_port(void**) {
  for (const std::string& source : useless_sources) {
    Session s;
    const Endpoint elsewhere = wire::endpoint("10.0.0.5", 50001);
    s.send(wrapped(v6, "six"));
    s.send(wrapped(v4, "four"));
    s.run.put(s.udp.datagram(elsewhere, relay, wrapped(name, "named")));
    s.receive(wrapped(source, "answer"));
    assert_shown(s, 3, origin4, from, "answer");
    s.run.put(s.udp.datagram(relay, elsewhere, wrapped(source, "to the other port")));
    assert_true(s.seen().packets.at(4).flow == 2 && s.seen().packets[4].receiver == elsewhere);
    s.run.finish();
    assert_int_equal(s.run.ended.at(0).flows.size(), 3);
    assert_true(has_noted_once(s.run.ended.at(0), "relay-source-useless"));
  }
}

// Nobody was asked: there is nobody whose it can be.
void a_client_does_not_speak_to_itself(void**) {
  for (const std::string& source : useless_sources) {
    Session s("\x05\x03\x00\x01\x0a\x00\x00\x05\xc3\x50"s);  // from 10.0.0.5:50000
    s.receive(wrapped(source, "news"));
    s.run.finish();
    assert_true(s.run.conversations.empty() && s.run.flows.empty());
    assert_true(has_noted_once(s.run.ended.at(0), "relay-source-useless"));
  }
}

void who_is_asked_by_such_an_address_is_its_source(void**) {
  const std::string self = "\x01\x0a\x00\x00\x05\x00\x35"s, at_the_proxy = "\x01\x0a\x00\x00\x01\x00\x35"s;
  Session s;
  s.send(wrapped(self, "one"));
  s.send(wrapped(at_the_proxy, "two"));
  s.send(wrapped(v4, "three"));
  s.receive(wrapped(self, "1"));
  s.receive(wrapped(at_the_proxy, "2"));
  assert_shown(s, 3, wire::endpoint("10.0.0.5", 53), from, "1");
  assert_shown(s, 4, wire::endpoint("10.0.0.1", 53), from, "2");
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_client_may_send_from_the_address_that_it_announced),
      cmocka_unit_test(a_reply_without_a_source_is_of_the_only_target),
      cmocka_unit_test(it_is_so_at_any_port_of_the_client),
      cmocka_unit_test(of_several_targets_it_is_the_latest_asked_from_that_port),
      cmocka_unit_test(a_client_does_not_speak_to_itself),
      cmocka_unit_test(who_is_asked_by_such_an_address_is_its_source),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
