// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: PROXY headers; the conversation behind one is the named client's.
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint server = wire::endpoint("10.0.0.1", 80);
const std::string text_header = "PROXY TCP4 203.0.113.9 198.51.100.1 50000 443\r\n";
const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
// 203.0.113.9:50000 to 198.51.100.1:443
const std::string binary_header = signature + "\x21\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x01\xc3\x50\x01\xbb"s;
// [2001:db8::9]:50001 to [2001:db8::1]:443, and a TLV that says nothing
const std::string binary_header6 = signature + "\x21\x21\x00\x28"s + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"s +
                                   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s + "\xc3\x51\x01\xbb"s +
                                   "\x04\x00\x01\x00"s;
const Endpoint named = wire::endpoint("203.0.113.9", 50000);

struct Session {
  Session() : c(client, server) { put_opening(run, c); }
  void say(const std::string& bytes) { run.put(c.say(End::client, bytes)); }
  void answer(const std::string& bytes) { run.put(c.say(End::server, bytes)); }
  void close() {
    run.put(c.fin(End::client));
    run.put(c.fin(End::server));
    run.finish();
  }

  wire::Connection c;
  Run run;
};

void the_named_client_speaks_to_the_server(const std::string& header, Protocol protocol) {
  Session s;
  s.say(header + "GET / HTTP/1.1\r\n");
  s.say("\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\n");
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  Conversation& seen = s.run.conversations.at(0);
  assert_true(seen.packets[0].sender == named && seen.packets[0].receiver == server);
  assert_string_equal(seen.streams[named].text().c_str(), "GET / HTTP/1.1\r\n\r\n");
  assert_string_equal(seen.streams[server].text().c_str(), "HTTP/1.1 200 OK\r\n\r\n");
  assert_true(seen.streams[named].fin && seen.streams[server].fin);
  assert_int_equal(seen.streams[named].segments.begin()->first, 1001 + header.size());
  assert_int_equal(seen.streams[server].segments.begin()->first, 5001);

  assert_int_equal(s.run.ended.size(), 1);
  const Attempt& attempt = s.run.ended[0];
  assert_true(attempt.protocol == protocol && attempt.command == Command::none);
  assert_true(attempt.client == named && attempt.proxy == client && attempt.origin->endpoint == server);
  assert_true(attempt.origin->provenance == Provenance::carrier);
  assert_string_equal(attempt.target->text().c_str(), "198.51.100.1:443");
  assert_int_equal(attempt.request.frame, 4);
  assert_true(attempt.anomalies.empty());
}

void version_1_names_the_client(void**) {
  the_named_client_speaks_to_the_server(text_header, Protocol::proxy_v1);
}
void version_2_names_the_client(void**) {
  the_named_client_speaks_to_the_server(binary_header, Protocol::proxy_v2);
}

void a_client_of_the_other_family_is_mapped(void**) {
  Session s;
  s.say(binary_header6 + "hello");
  s.answer("hi");
  s.close();
  Conversation& seen = s.run.conversations.at(0);
  assert_string_equal(seen.streams[wire::endpoint("2001:db8::9", 50001)].text().c_str(), "hello");
  assert_string_equal(seen.streams[wire::endpoint("::ffff:10.0.0.1", 80)].text().c_str(), "hi");
  assert_true(s.run.ended.at(0).anomalies.empty());
}

void a_header_byte_by_byte_is_a_header(void**) {
  for (const std::string& header : {text_header, binary_header}) {
    Session s;
    for (const char byte : header + "ab") s.say(std::string(1, byte));
    s.close();
    assert_string_equal(s.run.conversations.at(0).streams[named].text().c_str(), "ab");
  }
}

void a_wrong_checksum_is_noted(void**) {
  for (const bool is_right : {true, false}) {
    Session s;
    std::string header = binary_header + (is_right ? "\x03\x00\x04\x08\x21\xae\x4b"s : "\x03\x00\x04\x08\x21\xae\x4c"s);
    header[15] = 0x13;
    s.say(header + "x");
    s.close();
    assert_int_equal(has_noted_once(s.run.ended.at(0), "proxy-header-checksum-wrong"), !is_right);
    assert_string_equal(s.run.conversations.at(0).streams[named].text().c_str(), "x");
  }
}

void stacked_headers_are_layers(void**) {
  Session s;
  s.say(binary_header + "PROXY TCP4 192.0.2.1 203.0.113.8 1234 80\r\n" + "hello");
  s.answer("hi");
  s.close();
  assert_int_equal(s.run.ended.size(), 2);
  const Attempt& inner = s.run.ended[1];
  const Endpoint innermost = wire::endpoint("192.0.2.1", 1234);
  assert_int_equal(inner.parent, 0);
  assert_int_equal(inner.layer, 1);
  assert_true(inner.client == innermost && inner.proxy == named && inner.origin->endpoint == server);
  assert_string_equal(s.run.conversations.at(1).streams[innermost].text().c_str(), "hello");
  assert_string_equal(s.run.conversations.at(1).streams[server].text().c_str(), "hi");
  assert_string_equal(s.run.conversations.at(0).streams[server].text().c_str(), "hi");
}

void a_session_with_a_proxy_may_follow(void**) {
  Session s;
  s.say(text_header + greeting);
  s.answer(method);
  s.say(request);
  s.answer(reply + "220 hi");
  s.close();
  assert_int_equal(s.run.ended.size(), 2);
  assert_true(s.run.ended[1].client == named && s.run.ended[1].proxy == server);
  assert_string_equal(s.run.conversations.at(1).streams[wire::endpoint("192.0.2.7", 80)].text().c_str(), "220 hi");
}

// What names nobody is passed over, and what follows is looked at as if it came first.
void a_header_without_a_client_is_skipped(void**) {
  const std::string headers[] = {
      signature + "\x20\x00\x00\x00"s,                                                  // LOCAL
      signature + "\x20\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x01\xc3\x50\x01\xbb"s,  // LOCAL with addresses
      signature + "\x21\x31\x00\x04path"s,                                              // a family that is not IP
      "PROXY UNKNOWN\r\n",
      "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
      "PROXY TCP4 10.0.0.5 10.0.0.1 40000 80\r\n",                                      // the carrier itself
      signature + "\x21\x11\x00\x0c\x0a\x00\x00\x05\x0a\x00\x00\x01\x9c\x40\x00\x50"s,  // likewise
  };
  for (const std::string& header : headers) {
    Session plain;
    plain.say(header + "GET / HTTP/1.1\r\n\r\n");
    plain.answer("HTTP/1.1 200 OK\r\n\r\n");
    plain.close();
    assert_int_equal(plain.run.skipped.size(), 1);
    assert_true(plain.run.skipped[0].client == client && plain.run.skipped[0].proxy == server);
    assert_string_equal(std::string(plain.run.skipped[0].reason).c_str(), "the proxy header names no client");
    assert_true(plain.run.conversations.empty() && plain.run.ended.empty() && plain.run.messages.empty());

    Session stacked;
    stacked.say(header + text_header + "hello");
    stacked.close();
    assert_int_equal(stacked.run.skipped.size(), 1);
    assert_int_equal(stacked.run.ended.at(0).layer, 0);
    assert_string_equal(stacked.run.conversations.at(0).streams[named].text().c_str(), "hello");

    Session socks;
    socks.say(header);
    socks.say(greeting);
    socks.answer(method);
    socks.say(request);
    socks.answer(reply);
    socks.say("hello");
    socks.close();
    assert_true(socks.run.ended.at(0).client == client && socks.run.ended.at(0).proxy == server);
    assert_string_equal(socks.run.conversations.at(0).streams[client].text().c_str(), "hello");
  }
}

void only_who_opens_the_connection_says_it(void**) {
  Session s;
  s.answer(text_header + "x");
  s.say("y");
  s.close();
  assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.skipped.empty());
}

void it_can_be_switched_off(void**) {
  TrackerOptions options;
  options.disabled.add(Family::proxy_protocol);
  wire::Connection c(client, server);
  Run run(options);
  run.put(c.syn());
  run.put(c.say(End::client, text_header + "x"));
  run.finish();
  assert_true(run.conversations.empty() && run.ended.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(version_1_names_the_client),
      cmocka_unit_test(version_2_names_the_client),
      cmocka_unit_test(a_client_of_the_other_family_is_mapped),
      cmocka_unit_test(a_header_byte_by_byte_is_a_header),
      cmocka_unit_test(a_wrong_checksum_is_noted),
      cmocka_unit_test(stacked_headers_are_layers),
      cmocka_unit_test(a_session_with_a_proxy_may_follow),
      cmocka_unit_test(a_header_without_a_client_is_skipped),
      cmocka_unit_test(only_who_opens_the_connection_says_it),
      cmocka_unit_test(it_can_be_switched_off),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
