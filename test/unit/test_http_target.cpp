// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names, what its fields say to a proxy, and whose answer an answer may be.
#include <string>

#include "handshake/http_target.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

std::string authority(const char* text) {
  const auto target = parse_authority(text);
  return target ? target->text() : "none";
}

std::string absolute(const char* text) {
  const auto target = parse_absolute_form(text);
  return target ? target->text() : "none";
}

void an_authority_has_a_host_and_a_port(void**) {
  assert_string_equal(authority("www.example.com:443").c_str(), "www.example.com:443");
  assert_string_equal(authority("192.0.2.7:0").c_str(), "192.0.2.7:0");
  assert_string_equal(authority("[2001:DB8::1]:65535").c_str(), "[2001:DB8::1]:65535");
  assert_true(parse_authority("[2001:db8::1]:1")->address.has_value());
  assert_string_equal(authority("host:443 /").c_str(), "host:443");
  assert_string_equal(authority("host:443\tx").c_str(), "host:443");
  for (const char* text :
       {"",        ":",       "host",    "host:",         "host:x",          "host:443x",     "host:65536",
        "host:-1", "host:+1", ":443",    "user@host:443", "http://host:443", "host/path:443", "2001:db8::1:443",
        "[]:443",  "a b:1",   "host?:1", "host#:1",       "ho\\st:1",        "[a/b]:1",       "[host:1",
        "host]:1"}) {
    assert_string_equal(authority(text).c_str(), "none");
  }
}

void the_scheme_says_the_port_that_is_not_said(void**) {
  assert_string_equal(absolute("http://host").c_str(), "host:80");
  assert_string_equal(absolute("HTTP://Host/").c_str(), "Host:80");
  assert_string_equal(absolute("https://host/a").c_str(), "host:443");
  assert_string_equal(absolute("ws://host?a").c_str(), "host:80");
  assert_string_equal(absolute("wss://host#a").c_str(), "host:443");
  assert_string_equal(absolute("Ftp://host/file").c_str(), "host:21");
  assert_string_equal(absolute("gopher://host/").c_str(), "none");
  assert_string_equal(absolute("gopher://host:70/").c_str(), "host:70");
  assert_string_equal(absolute("://host/").c_str(), "none");
}

void an_absolute_uri_names_a_host(void**) {
  assert_string_equal(absolute("http://host:8080/a:b@c").c_str(), "host:8080");
  assert_string_equal(absolute("http://host:/").c_str(), "host:80");
  assert_string_equal(absolute("http://user:secret@host:81/").c_str(), "host:81");
  assert_string_equal(absolute("http://a@b@host/").c_str(), "host:80");
  assert_string_equal(absolute("http://host/?q=http://other:9/").c_str(), "host:80");
  assert_string_equal(absolute("http://host\\@other/").c_str(), "host:80");
  assert_string_equal(absolute("http://[2001:db8::7]/").c_str(), "[2001:db8::7]:80");
  assert_string_equal(absolute("http://[2001:db8::7]:8080/").c_str(), "[2001:db8::7]:8080");
  assert_string_equal(absolute("http://192.0.2.7 /x").c_str(), "192.0.2.7:80");
  assert_true(parse_absolute_form("http://192.0.2.7/")->address.has_value());
  assert_false(parse_absolute_form("http://192.0.2.07/")->address.has_value());
  for (const char* text : {"", "/", "*", "host:80", "http:/host", "http://", "http:///path", "http://:80/",
                           "http://host:80x/", "http://host:65536/", "http://host:8:0/", "http://2001:db8::7/",
                           "http://user@/", "http://[2001:db8::7/", "http://[]/"}) {
    assert_string_equal(absolute(text).c_str(), "none");
  }
}

void fields_for_a_proxy_are_found(void**) {
  assert_false(read_proxy_fields("").speaks_to_proxy);
  assert_false(read_proxy_fields("Host: proxy-\r\nX-Proxy-A: b\r\nProxy: x\r\nrubbish\r\n").speaks_to_proxy);
  assert_true(read_proxy_fields("Host: a\r\nproxy-connection: close\r\n").speaks_to_proxy);
  assert_true(read_proxy_fields("PROXY-Anything:\r\n").speaks_to_proxy);
  assert_false(read_proxy_fields("Proxy-Connection: close\r\n").credentials.username.has_value());
}

void assert_credentials(const std::string& value, const char* user, const char* password) {
  const ProxyFields fields = read_proxy_fields("Host: a\r\nProxy-Authorization: " + value + "\r\n");
  assert_true(fields.speaks_to_proxy);
  assert_int_equal(fields.credentials.username.has_value(), user != nullptr);
  assert_int_equal(fields.credentials.password.has_value(), password != nullptr);
  if (user != nullptr) assert_string_equal(fields.credentials.username->c_str(), user);
  if (password != nullptr) assert_string_equal(fields.credentials.password->c_str(), password);
}

void basic_credentials_are_read(void**) {
  assert_credentials("Basic YWxpY2U6c2VjcmV0", "alice", "secret");
  assert_credentials("bAsIc   YWxpY2U6czpl", "alice", "s:e");
  assert_credentials("Basic YTo=", "a", "");
  assert_credentials("Basic YTo", "a", "");  // padding may be missing
  assert_credentials("Basic OmI=", "", "b");
  assert_credentials("Basic YWxpY2U=", "alice", nullptr);
  assert_credentials("Digest username=\"hal\", realm=\"r\"", "hal", nullptr);
  assert_credentials("digest realm=\"r\",username=\"h\\\"al", "h\"al", nullptr);
  assert_credentials("Digest xusername=\"hal\"", nullptr, nullptr);
  assert_credentials("Basic fn5+Oj8/Pw==", "~~~", "???");
  assert_credentials("Basic ", nullptr, nullptr);
  assert_credentials("Basic", nullptr, nullptr);
  assert_credentials("Basic YW*p", nullptr, nullptr);
  assert_credentials("Basic YTpi YTpi", nullptr, nullptr);
  assert_credentials("Bearer YWxpY2U6c2VjcmV0", nullptr, nullptr);
  assert_credentials("Basic YTpi\r\nProxy-Authorization: Basic YzpkCg==", "a", "b");  // the first field counts
  // Credentials for the origin are none of the proxy's.
  assert_false(read_proxy_fields("Authorization: Basic YTpi\r\n").credentials.username.has_value());
}

bool may_be_proxys(int status, std::string_view fields) {
  HttpResponseHead head;
  head.status = status;
  head.fields = fields;
  return may_be_from_proxy(head);
}

void an_answer_may_be_the_proxys_own(void**) {
  for (const int status : {502, 503, 504}) assert_true(may_be_proxys(status, ""));
  for (const int status : {100, 200, 404, 407, 500, 501, 505}) assert_false(may_be_proxys(status, "Via: 1.1 p\r\n"));
  assert_true(may_be_proxys(200, "Server: x\r\nage: 0\r\n"));
  assert_true(may_be_proxys(403, "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"));
  assert_true(may_be_proxys(200, "X-Cache: HIT from squid\r\n"));
  assert_false(may_be_proxys(200, "X-Cache: miss from squid\r\n"));
  assert_true(may_be_proxys(200, "X-Cache: MISS from a\r\nX-Cache: HIT from b\r\n"));
  assert_true(may_be_proxys(200, "Cache-Status: squid;hit\r\n"));
  assert_false(may_be_proxys(200, "Cache-Status: squid;fwd=miss\r\n"));
  assert_false(may_be_proxys(200, "X-Page: 5\r\nStage: 1\r\n"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_authority_has_a_host_and_a_port), cmocka_unit_test(the_scheme_says_the_port_that_is_not_said),
      cmocka_unit_test(an_absolute_uri_names_a_host),       cmocka_unit_test(fields_for_a_proxy_are_found),
      cmocka_unit_test(basic_credentials_are_read),         cmocka_unit_test(an_answer_may_be_the_proxys_own),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
