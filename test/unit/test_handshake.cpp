// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the parts of the handshakes that transcripts do not reach one by one: targets, heads, framing, names.
#include <string>

#include "base/limits.hpp"
#include "handshake/http_framing.hpp"
#include "handshake/http_head.hpp"
#include "handshake/http_proxy.hpp"
#include "handshake/message.hpp"
#include "handshake/socks4.hpp"
#include "handshake/socks5.hpp"
#include "unit.hpp"

namespace proxytunnel {
namespace {

// Many connections are in their handshake at once.
static_assert(sizeof(Socks4Handshake) < 1024 && sizeof(Socks5Handshake) < 1024 && sizeof(HttpProxyHandshake) < 1024);

using State = HttpFraming::State;

void assert_text(std::string_view actual, const char* expected) {
  assert_string_equal(std::string(actual).c_str(), expected);
}

HttpResponseHead response_of(const char* text) {
  const auto head = parse_http_response_head(bytes_of(text));
  assert_true(head.is_ok());
  return head.value;
}

void names_are_the_reports(void**) {
  assert_text(name_of(Protocol::socks4a), "socks4a");
  assert_text(name_of(Protocol::http_connect), "http-connect");
  assert_text(name_of(Protocol::proxy_v2), "proxy-v2");
  assert_text(name_of(Command::none), "");
  assert_text(name_of(Command::udp_associate), "udp-associate");
  assert_text(name_of(Command::resolve_ptr), "resolve-ptr");
  assert_text(name_of(Status::auth_failed), "auth-failed");
  assert_text(name_of(Status::invalid_target), "invalid-target");
  assert_text(name_of(Status::method_rejected), "method-rejected");
}

void canonical_addresses_are_literals(void**) {
  const Target v4 = Target::named("172.20.5.40", 80);
  assert_true(v4.address.has_value());
  assert_text(v4.text(), "172.20.5.40:80");
  const Target v6 = Target::named("[FD00::1]", 443);
  assert_true(v6.address.has_value());
  assert_text(v6.host, "FD00::1");
  assert_text(v6.text(), "[FD00::1]:443");
  assert_text(Target::named("fd00::1", 443).text(), "[fd00::1]:443");
  const std::uint8_t octets[] = {10, 0, 0, 1};
  assert_text(Target::literal(Address::from(octets), 1).text(), "10.0.0.1:1");
}

void everything_else_is_a_name(void**) {
  for (const char* name :
       {"010.000.00.003", "www.Example.com", "1.2.3", "[", "]", "[]", "[a]", "[fe80::1%25eth0]", ""}) {
    const Target target = Target::named(name, 1);
    assert_false(target.address.has_value());
    assert_text(target.host, name);
    assert_text(target.text(), (std::string(name) + ":1").c_str());
  }
}

void fields_come_one_by_one(void**) {
  std::string_view fields = "A: 1\r\nrubbish\r\n  more rubbish\r\nB:2 \n\t3\r\n\t\r\n 4\nC :\n";
  auto field = take_field(fields);
  assert_text(field->name, "A");
  assert_text(std::string(field->value()), "1");
  field = take_field(fields);
  assert_text(field->name, "");
  assert_text(std::string(field->value()), "");
  field = take_field(fields);
  assert_text(field->name, "B");
  assert_text(std::string(field->value()), "2 3 4");
  field = take_field(fields);
  assert_text(field->name, "C");
  assert_text(std::string(field->value()), "");
  assert_false(take_field(fields).has_value());
}

void fields_that_say_something_are_named(void**) {
  using Name = HttpFieldName;
  const std::string lines =
      "Host: a\r\nAge:1\r\n  2\r\nno colon\r\n more\r\nagent: b\r\n\tForwarded: no\r\nPROXY-x: 1\nproxy-authorization: "
      "c\r\nForwarded : for=d\r\nX-Cache-Lookup: MISS\r\nProxy: e\r\n: f\r\nUpgrade\r\n";
  const HttpFields fields(lines);
  const std::vector<std::pair<Name, const char*>> expected = {
      {Name::age, "1 2"}, {Name::proxy, "1"}, {Name::proxy_authorization, "c"}, {Name::forwarded, "for=d"}};
  assert_int_equal(std::distance(fields.begin(), fields.end()), expected.size());
  std::size_t at = 0;
  for (const auto& [name, field] : fields) {
    assert_true(name == expected[at].first);
    assert_text(field.value(), expected[at++].second);
  }
  assert_true(fields.has(Name::age));
  assert_false(fields.has(Name::upgrade) || fields.has(Name::x_cache));
}

void every_way_to_read_fields_says_the_same(void**) {
  for (const char* name :
       {"Age", "Cache-Status", "Content-Length", "Forwarded", "Proxy-Authorization", "Transfer-Encoding", "Upgrade",
        "X-Cache", "X-Forwarded-For", "X-Squid-Error", "Proxy-Connection"}) {
    const std::string lines = "A: b\r\n c\r\n" + std::string(name) + ": d \r\n\te\r\nF: g\r\n";
    std::string_view rest = lines;
    static_cast<void>(take_field(rest));
    const auto field = take_field(rest);
    const HttpFields fields(lines);
    assert_int_equal(std::distance(fields.begin(), fields.end()), 1);
    assert_text(fields.begin()->field.name, std::string(field->name).c_str());
    assert_text(fields.begin()->field.value(), std::string(field->value()).c_str());
  }
}

void heads_end_at_the_empty_line(void**) {
  const std::string request = "CONNECT  a:1 \t HTTP/1.1 \nA: 1\n\r\nrest";
  const auto head = parse_http_request_head(bytes_of(request), Requests::to_proxies);
  assert_true(head.is_ok());
  assert_int_equal(head.size, request.size() - 4);
  assert_text(head.value.line.method, "CONNECT");
  assert_text(head.value.line.target, "a:1");
  assert_text(head.value.fields, "A: 1\n");
  for (std::size_t size = 0; size < head.size; ++size) {
    assert_true(parse_http_request_head(bytes_of(request).first(size), Requests::to_proxies).result ==
                ParseResult::need_more);
  }
  const HttpResponseHead response = response_of("HTTP/1.1   404\tNot here \r\n\r\n");
  assert_int_equal(response.status, 404);
  assert_text(response.reason, "Not here");
}

void a_head_is_no_longer_than_its_limit(void**) {
  std::string request = "CONNECT a:1 HTTP/1.1\r\nX: ";
  request.append(limits::http_head - request.size() - 1, 'x');
  assert_true(parse_http_request_head(bytes_of(request), Requests::to_proxies).result == ParseResult::need_more);
  assert_true(parse_http_request_head(bytes_of(request + "x"), Requests::to_proxies).result == ParseResult::malformed);
  request.replace(request.size() - 3, 3, "\r\n\r\n");
  assert_true(parse_http_request_head(bytes_of(request), Requests::to_proxies).is_ok());
}

void what_is_no_request_is_malformed_at_once(void**) {
  for (const char* text : {"GET /", "GET *", "OPTIONS *", " CONNECT", "\r\r", "\n\n\r\r", "\x16\x03\x01", "GET 1http:",
                           "GET http:x", "GET http//", "METHODSWITHALONGNAMEX", "GET\r\n", "\xe4", "CONNECT a\x01"}) {
    assert_true(parse_http_request_line(bytes_of(text), Requests::to_proxies).result == ParseResult::malformed);
  }
  for (const char* text :
       {"", "\r", "\r\n\n\r", "G", "GET ", "GET h", "GET http", "GET http:", "GET http:/", "CONNECT", "CONNECT /"}) {
    assert_true(parse_http_request_line(bytes_of(text), Requests::to_proxies).result == ParseResult::need_more);
  }
}

void what_is_no_response_is_malformed_at_once(void**) {
  for (const char* text : {"2", "HTTP/x", "HTTP/1.1x", "HTTP/1.1 2x", "HTTP/1.1 099", "HTTP/1.1 2000", "\r\nHTTP"}) {
    assert_true(parse_http_response_head(bytes_of(text)).result == ParseResult::malformed);
  }
  for (const char* text : {"", "h", "HTTP/2", "HTTP/1.", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 200"}) {
    assert_true(parse_http_response_head(bytes_of(text)).result == ParseResult::need_more);
  }
}

void a_body_ends_where_its_head_says(void**) {
  HttpFraming length(403, HttpFields("content-length: 5\r\n"), HttpFraming::AnswerTo::other_method);
  assert_true(length.state() == State::more);
  assert_int_equal(length.feed(bytes_of("he")), 2);
  assert_int_equal(length.feed({}), 0);
  assert_true(length.state() == State::more);
  assert_int_equal(length.feed(bytes_of("lloHTTP/1.1")), 3);
  assert_true(length.state() == State::complete);
  assert_int_equal(length.feed(bytes_of("HTTP/1.1")), 0);

  HttpFraming chunked(HttpFields("Transfer-Encoding: Chunked\r\n"));
  assert_int_equal(chunked.feed(bytes_of("3;a=b\r\nab")), 9);
  assert_int_equal(chunked.feed(bytes_of("c\r\n0\r\nTrailer: 1\r\n")), 18);
  assert_true(chunked.state() == State::more);
  assert_int_equal(chunked.feed(bytes_of("\r\nGET http://")), 2);
  assert_true(chunked.state() == State::complete);
}

void a_body_without_length_ends_with_the_connection(void**) {
  const HttpFields fields("A: 1\r\n");
  HttpFraming until_close(403, fields, HttpFraming::AnswerTo::other_method);
  assert_true(until_close.state() == State::until_close);
  assert_int_equal(until_close.feed(bytes_of("anything")), 8);
  assert_true(HttpFraming(403, fields, HttpFraming::AnswerTo::head).state() == State::complete);
  assert_true(HttpFraming(fields).state() == State::complete);
}

// However it is written, and however long it is.
void a_length_is_a_length(void**) {
  for (const char* lines :
       {"Content-Length: 12\r\n", "Content-Length: 012\r\n", "Content-Length: 12\r\nContent-Length: 12\r\n",
        "Content-Length: 00000000000000000000012\r\n"}) {
    HttpFraming framing(200, HttpFields(lines), HttpFraming::AnswerTo::other_method);
    assert_int_equal(framing.known_length().value_or(0), 12);
    assert_int_equal(framing.feed(bytes_of("0123456789")), 10);
    assert_int_equal(framing.known_length().value_or(0), 2);
    assert_int_equal(framing.feed(bytes_of("0123456789")), 2);
    assert_true(framing.state() == State::complete);
  }
  const std::string longest = std::to_string(HttpFraming::longest), longer = std::to_string(HttpFraming::longest + 1);
  assert_true(HttpFraming(HttpFields("Content-Length: " + longest + "\r\n")).state() == State::more);
  assert_true(HttpFraming(HttpFields("Content-Length: " + longer + "\r\n")).state() == State::failed);
  assert_true(HttpFraming(HttpFields("Content-Length: 0\r\n")).state() == State::complete);
  assert_true(HttpFraming(HttpFields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")).known_length() ==
              std::nullopt);
}

void a_length_that_is_none_fails(void**) {
  for (const char* fields : {"Content-Length: x", "Content-Length: -1", "Content-Length: 1, 2",
                             "Content-Length: 99999999999999999999999", "Content-Length: 1\r\nContent-Length: 2"}) {
    HttpFraming framing(403, HttpFields(std::string(fields) + "\r\n"), HttpFraming::AnswerTo::other_method);
    assert_true(framing.state() == State::failed);
    assert_int_equal(framing.feed(bytes_of("x")), 0);
  }
}

}  // namespace
}  // namespace proxytunnel

int main() {
  using namespace proxytunnel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(names_are_the_reports),
      cmocka_unit_test(canonical_addresses_are_literals),
      cmocka_unit_test(everything_else_is_a_name),
      cmocka_unit_test(fields_come_one_by_one),
      cmocka_unit_test(fields_that_say_something_are_named),
      cmocka_unit_test(every_way_to_read_fields_says_the_same),
      cmocka_unit_test(heads_end_at_the_empty_line),
      cmocka_unit_test(a_head_is_no_longer_than_its_limit),
      cmocka_unit_test(what_is_no_request_is_malformed_at_once),
      cmocka_unit_test(what_is_no_response_is_malformed_at_once),
      cmocka_unit_test(a_body_ends_where_its_head_says),
      cmocka_unit_test(a_body_without_length_ends_with_the_connection),
      cmocka_unit_test(a_length_is_a_length),
      cmocka_unit_test(a_length_that_is_none_fails),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
