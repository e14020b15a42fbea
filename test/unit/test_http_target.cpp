// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names, what its fields say to a proxy, and whose answer an answer may be.
#include <string>
#include <vector>

#include "handshake/http_credentials.hpp"
#include "handshake/http_target.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

std::string authority(const char* text) {
  const ConnectTarget named = parse_connect_target(text);
  return !named.target ? "none" : named.is_unusual ? named.target->text() + " unusual" : named.target->text();
}

std::string absolute(const char* text) {
  const auto target = parse_absolute_form(text);
  return target ? target->text() : "none";
}

void an_authority_has_a_host_and_a_port(void**) {
  assert_string_equal(authority("www.example.com:443").c_str(), "www.example.com:443");
  assert_string_equal(authority("192.0.2.7:0").c_str(), "192.0.2.7:0");
  assert_string_equal(authority("[2001:DB8::1]:65535").c_str(), "[2001:DB8::1]:65535");
  assert_true(parse_connect_target("[2001:db8::1]:1").target->address.has_value());
  assert_string_equal(authority("host:443 /").c_str(), "host:443");
  assert_string_equal(authority("host:443\tx").c_str(), "host:443");
  for (const char* text :
       {"",        ":",       "host",       "host:",   "host:x", "host:443x", "host:65536",   "host:-1",
        "host:+1", ":443",    "host/a:443", "[]:443",  "a b:1",  "host?:1",   "host#:1",      "ho\\st:1",
        "[a/b]:1", "[host:1", "@:1",        "host]:1", "a:b:1",  "x:y@host",  "gopher://host"}) {
    assert_string_equal(authority(text).c_str(), "none");
  }
}

void what_is_no_authority_may_name_one(void**) {
  assert_string_equal(authority("host:443/").c_str(), "host:443 unusual");
  assert_string_equal(authority("host:443/a?b#c@d:1").c_str(), "host:443 unusual");
  assert_string_equal(authority("host:443?x").c_str(), "host:443 unusual");
  assert_string_equal(authority("user@host:443").c_str(), "host:443 unusual");
  assert_string_equal(authority("user:pw@host:443/").c_str(), "host:443 unusual");
  assert_string_equal(authority("a:b@c:d@[2001:db8::1]:443").c_str(), "[2001:db8::1]:443 unusual");
  assert_string_equal(authority("https://user:pw@host/").c_str(), "host:443 unusual");
  assert_string_equal(authority("http://host:8443").c_str(), "host:8443 unusual");
  assert_string_equal(authority("2001:db8::1:443").c_str(), "[2001:db8::1]:443 unusual");
  assert_string_equal(authority("::ffff:192.0.2.1:443").c_str(), "[::ffff:192.0.2.1]:443 unusual");
}

void passwords_stay_out_of_targets(void**) {
  const auto shown = [](const char* text) { return without_password(text); };
  assert_string_equal(shown("host:443").c_str(), "host:443");
  assert_string_equal(shown("user@host:443").c_str(), "user@host:443");
  assert_string_equal(shown("user:S3cr3t@host:443").c_str(), "user:***@host:443");
  assert_string_equal(shown("user:S3:cr@3t@host").c_str(), "user:***@host");
  assert_string_equal(shown("user:S3/cr3t@host:443").c_str(), "user:***@host:443");
  assert_string_equal(shown(":S3cr3t@host").c_str(), ":***@host");
  assert_string_equal(shown("http://user:S3cr3t@host/a:b").c_str(), "http://user:***@host/a:b");
  assert_string_equal(shown("http://host:80/a@b").c_str(), "http://host:***@b");
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
  assert_false(read_proxy_fields(HttpFields("")).speaks_to_proxy);
  assert_false(
      read_proxy_fields(HttpFields("Host: proxy-\r\nX-Proxy-A: b\r\nProxy: x\r\nrubbish\r\n")).speaks_to_proxy);
  assert_true(read_proxy_fields(HttpFields("Host: a\r\nproxy-connection: close\r\n")).speaks_to_proxy);
  assert_true(read_proxy_fields(HttpFields("PROXY-Anything:\r\n")).speaks_to_proxy);
  assert_false(read_proxy_fields(HttpFields("Proxy-Connection: close\r\n")).credentials.username.has_value());
}

void assert_credentials(const std::string& value, const char* user, const char* password) {
  const ProxyFields fields = read_proxy_fields(HttpFields("Host: a\r\nProxy-Authorization: " + value + "\r\n"));
  assert_true(fields.speaks_to_proxy);
  assert_int_equal(fields.credentials.username.has_value(), user != nullptr);
  assert_int_equal(fields.credentials.password.has_value(), password != nullptr);
  if (user != nullptr) assert_string_equal(fields.credentials.username->c_str(), user);
  if (password != nullptr) assert_string_equal(fields.credentials.password->c_str(), password);
}

std::string base64(const std::string& bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0, count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(c);
    for (count += 8; count >= 6; count -= 6) text += digits[bits >> (count - 6) & 63U];
  }
  if (count > 0) text += digits[bits << (6 - count) & 63U];
  return text;
}

// A message of type 3 whose last field is the user.
std::string ntlm(const std::vector<int>& user, char flags) {
  std::string message("NTLMSSP\0\3\0\0\0", 12);
  message.resize(64);
  message[36] = static_cast<char>(user.size());
  message[40] = 64;
  message[60] = flags;
  for (const int byte : user) message += static_cast<char>(byte);
  return message;
}

void credentials_are_read(void**) {
  assert_credentials("Basic YWxpY2U6c2VjcmV0", "alice", "secret");
  assert_credentials("bAsIc   YWxpY2U6czpl", "alice", "s:e");
  assert_credentials("Basic YTo=", "a", "");
  assert_credentials("Basic YTo", "a", "");  // padding may be missing
  assert_credentials("Basic OmI=", "", "b");
  assert_credentials("Basic YWxpY2U=", "alice", nullptr);
  assert_credentials("Digest username=\"hal\", realm=\"r\"", "hal", nullptr);
  assert_credentials("digest realm=\"r\",username=\"h\\\"al", "h\"al", nullptr);
  assert_credentials("Digest xusername=\"hal\"", nullptr, nullptr);
  // The third message of NTLM: user "ann" in UTF-16, and "bob" in bytes behind SPNEGO's.
  const std::string third = ntlm({0x61, 0, 0x6e, 0, 0x6e, 0}, 1);
  assert_credentials("NTLM " + base64(third), "ann", nullptr);
  assert_credentials("Negotiate " + base64("\x60\x20spnego" + ntlm({'b', 'o', 'b'}, 0)), "bob", nullptr);
  assert_credentials("NTLM " + base64(ntlm({0x3d, 0xd8, 0x00, 0xde, 0x3d, 0xd8, 0xe9, 0}, 1)),
                     "\xf0\x9f\x98\x80\xef\xbf\xbd\xc3\xa9", nullptr);
  assert_credentials("NTLM " + base64(ntlm({}, 1)), nullptr, nullptr);
  for (std::size_t size = 0; size < third.size(); ++size) {
    assert_credentials("NTLM " + base64(third.substr(0, size)), nullptr, nullptr);
  }
  assert_credentials("NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=", nullptr, nullptr);
  assert_credentials("Basic fn5+Oj8/Pw==", "~~~", "???");
  assert_credentials("Basic ", nullptr, nullptr);
  assert_credentials("Basic", nullptr, nullptr);
  assert_credentials("Basic YW*p", nullptr, nullptr);
  assert_credentials("Basic YTpi YTpi", nullptr, nullptr);
  assert_credentials("Bearer YWxpY2U6c2VjcmV0", nullptr, nullptr);
  assert_credentials("Basic YTpi\r\nProxy-Authorization: Basic YzpkCg==", "a", "b");  // the first field counts
  // Credentials for the origin are none of the proxy's.
  assert_false(read_proxy_fields(HttpFields("Authorization: Basic YTpi\r\n")).credentials.username.has_value());
}

bool may_be_proxys(int status, std::string_view fields) {
  return may_be_from_proxy(status, HttpFields(fields));
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
      cmocka_unit_test(an_authority_has_a_host_and_a_port),
      cmocka_unit_test(what_is_no_authority_may_name_one),
      cmocka_unit_test(passwords_stay_out_of_targets),
      cmocka_unit_test(the_scheme_says_the_port_that_is_not_said),
      cmocka_unit_test(an_absolute_uri_names_a_host),
      cmocka_unit_test(fields_for_a_proxy_are_found),
      cmocka_unit_test(credentials_are_read),
      cmocka_unit_test(an_answer_may_be_the_proxys_own),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
