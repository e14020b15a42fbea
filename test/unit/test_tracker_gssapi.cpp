// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: SOCKS5 with GSSAPI and no protection; payload is shown once both sides prove that it is not
// wrapped.
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint origin = wire::endpoint("192.0.2.7", 80);

struct Session {
  Session() : c(client, proxy) {
    put_opening(run, c);
    say("\x05\x01\x01"s);
    answer("\x05\x01"s);
    say("\x01\x01\x00\x01t"s);
    answer("\x01\x01\x00\x01T"s);
    say("\x01\x02\x00\x01l"s);
    answer("\x01\x02\x00\x01L"s);
    say(request);
    answer(reply);
  }
  void say(const std::string& bytes) { run.put(c.say(End::client, bytes)); }
  void answer(const std::string& bytes) { run.put(c.say(End::server, bytes)); }

  wire::Connection c;
  Run run;
};

void clear_payload_of_both_sides_is_shown(void**) {
  Session s;
  s.say("GET /");
  s.say(" HTTP/1.0\r\n\r\n");
  assert_true(s.run.opened.empty());
  s.answer("HTTP/1.0 200 OK\r\n\r\n");
  s.say("more");
  s.run.finish();
  assert_int_equal(s.run.opened.size(), 1);
  Conversation& seen = s.run.conversations.at(0);
  assert_string_equal(seen.streams[client].text().c_str(), "GET / HTTP/1.0\r\n\r\nmore");
  assert_string_equal(seen.streams[origin].text().c_str(), "HTTP/1.0 200 OK\r\n\r\n");
  assert_int_equal(seen.packets[0].frame.number, 14);
  assert_int_equal(seen.packets[3].frame.number, 12);
  assert_true(s.run.ended.at(0).status == Status::established);
}

void wrapped_payload_of_either_side_is_not(void**) {
  const std::string wrapped = "\x01\x03\x00\x04wrap"s;
  for (const bool is_clients : {true, false}) {
    Session s;
    s.say(is_clients ? wrapped : "clear");
    s.answer(is_clients ? "clear" : wrapped);
    s.say("more");
    s.run.finish();
    assert_true(s.run.conversations.empty() && s.run.opened.empty());
    assert_true(s.run.ended.at(0).status == Status::encapsulated);
    assert_string_equal(std::string(s.run.ended.at(0).reason).c_str(), "gssapi wraps the payload");
  }
}

void one_byte_of_a_version_does_not_tell(void**) {
  Session s;
  s.say("\x01"s);
  s.answer("clear");
  assert_true(s.run.opened.empty() && s.run.ended.empty());
  s.say("\x02 is no wrapped message"s);
  s.run.finish();
  assert_string_equal(s.run.conversations.at(0).streams[client].text().c_str(), "\x01\x02 is no wrapped message");
  assert_string_equal(s.run.conversations.at(0).streams[origin].text().c_str(), "clear");
}

void silence_of_one_side_proves_nothing(void**) {
  Session s;
  s.say("clear, perhaps");
  s.run.finish();
  assert_true(s.run.conversations.empty());
  assert_int_equal(s.run.ended.size(), 1);
  assert_true(s.run.ended[0].status == Status::incomplete);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(clear_payload_of_both_sides_is_shown),
      cmocka_unit_test(wrapped_payload_of_either_side_is_not),
      cmocka_unit_test(one_byte_of_a_version_does_not_tell),
      cmocka_unit_test(silence_of_one_side_proves_nothing),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
