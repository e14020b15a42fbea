// SPDX-License-Identifier: GPL-2.0-or-later
// summary: expressions of --select: each operator with each type, precedence, null, and each mistake at its place.
#include <string>

#include "select/expression.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

ReportEntry opened() {
  ReportEntry entry;
  Attempt& attempt = entry.attempt;
  attempt.id = 3;
  attempt.protocol = Protocol::socks5;
  attempt.command = Command::connect;
  attempt.client = {*Address::parse("10.0.0.5"), 40000};
  attempt.proxy = {*Address::parse("fd00::1"), 1080};
  attempt.target = Target::named("www.Example.com", 443);
  attempt.origin = Origin{{*Address::parse("192.0.2.7"), 443}, Provenance::dns_in_capture, {}};
  attempt.status = Status::established;
  attempt.request = {5, 1'700'000'000'000'000'000};  // 2023-11-14T22:13:20Z
  attempt.reply = {6, 1'700'000'000'004'500'000};
  attempt.credentials.username = "it's\xff";
  attempt.note("several-vlans");
  attempt.note("overlap-conflict");
  return entry;
}

bool holds(const char* text, const ReportEntry& entry) {
  const auto parsed = Expression::parse(text);
  if (const auto* mistake = std::get_if<Mistake>(&parsed)) fail_msg("%s: %s", text, mistake->message.c_str());
  return std::get<Expression>(parsed).matches(entry);
}

void is_true(const char* text) {
  if (!holds(text, opened())) fail_msg("not true: %s", text);
}

void is_false(const char* text) {
  if (holds(text, opened())) fail_msg("true: %s", text);
}

void written_as(const char* text, const char* expected) {
  const auto parsed = Expression::parse(text);
  assert_true(std::holds_alternative<Expression>(parsed));
  assert_string_equal(std::get<Expression>(parsed).text().c_str(), expected);
}

/// A mistake at the caret's place in the second text, whose message has these words.
void mistaken(const std::string& text, const std::string& caret, const char* words) {
  const auto parsed = Expression::parse(text);
  const auto* mistake = std::get_if<Mistake>(&parsed);
  if (mistake == nullptr) {
    fail_msg("no mistake: %s", text.c_str());
    return;
  }
  assert_int_equal(mistake->place, caret.find('^'));
  if (mistake->message.find(words) == std::string::npos) fail_msg("%s: %s", text.c_str(), mistake->message.c_str());
}

void numbers(void**) {
  is_true("origin.port == 443");
  is_false("origin.port == 80");
  is_true("origin.port != 80");
  is_false("origin.port != 443");
  is_true("origin.port < 444");
  is_false("origin.port < 443");
  is_true("origin.port <= 443");
  is_false("origin.port <= 442");
  is_true("origin.port > 442");
  is_false("origin.port > 443");
  is_true("origin.port >= 443");
  is_false("origin.port >= 444");
  is_true("origin.port in {80, 443}");
  is_false("origin.port in {80}");
  is_true("origin.port in 443");
  is_true("client_payload.bytes > -1");
  is_true("client_payload.bytes == 0");
  is_true("connect_ms == 4.5");
  is_true("connect_ms > 4 and connect_ms < 5e0");
  is_false("connect_ms > 4.5");
}

void times(void**) {
  is_true("times.request == 2023-11-14T22:13:20Z");
  is_true("times.request < 2023-11-14T22:13:20.000000001Z");
  is_true("times.reply == 2023-11-14T22:13:20.0045Z");
  is_true("times.request >= 2023-11-14 and times.request < 2023-11-15");
  is_false("times.request != 2023-11-14T22:13:20Z");
  assert_int_equal(*parse_time("1970-01-01"), 0);
  assert_int_equal(*parse_time("1969-12-31T23:59:59.999999999Z"), -1);
  assert_int_equal(*parse_time("2024-02-29"), 1709164800000000000);
  assert_int_equal(*parse_time("1678-01-01"), -9214560000000000000);
  for (const char* wrong :
       {"2023-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "1677-12-31", "2262-01-01", "2023-1-01", "2023-01-01T",
        "2023-01-01T00:00:00", "2023-01-01T24:00:00Z", "2023-01-01T00:60:00Z", "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00.Z", "2023-01-01T00:00:00.0000000001Z", "2023-01-01 00:00:00Z", "+023-01-01", ""}) {
    if (parse_time(wrong)) fail_msg("a time: %s", wrong);
  }
}

void truths(void**) {
  is_true("inside_tls == false");
  is_false("inside_tls == true");
  is_true("inside_tls != true");
}

void texts(void**) {
  is_true("protocol == \"socks5\"");
  is_false("protocol == 'SOCKS5'");
  is_true("protocol != \"socks4\"");
  is_true("protocol in {'socks4', \"socks5\"}");
  is_false("protocol in {'socks4', 'socks4a'}");
  is_true("target.host matches \"*.EXAMPLE.com\"");
  is_true("target.host matches 'www.?xample.*'");
  is_false("target.host matches 'example.com'");
  is_false("target.host matches '*.example.com.'");
  is_true("username == \"it's\\xff\"");  // as the report has it
  is_false("target.host == 'www.example.com'");
}

void globs(void**) {
  assert_true(matches_glob("", "") && matches_glob("", "*") && matches_glob("", "***"));
  assert_false(matches_glob("", "?") || matches_glob("a", ""));
  assert_true(matches_glob("aXbXc", "a*x*c") && matches_glob("aab", "*ab") && matches_glob("mississippi", "m*iss*ppi"));
  assert_false(matches_glob("mississippi", "m*iss*pip") || matches_glob("ab", "a") || matches_glob("ab", "?"));
  assert_true(matches_glob("\xc3\xa4!", "?!") && matches_glob("\xc3\xa4!", "*!"));
  assert_false(matches_glob("\xc3\xa4", "??"));
  // Stars do not make it try everything.
  assert_false(matches_glob(std::string(20000, 'a'), "*a*a*a*a*a*a*a*a*a*b"));
}

void addresses(void**) {
  is_true("client.address == 10.0.0.5");
  is_false("client.address == 10.0.0.6");
  is_true("client.address != 10.0.0.6");
  is_false("client.address != 10.0.0.5");
  is_true("client.address in 10.0.0.0/8");
  is_false("client.address in 192.168.0.0/16");
  is_true("client.address in {192.168.0.0/16, 10.0.0.5}");
  is_true("proxy.address in fd00::/8");
  is_false("proxy.address in 0.0.0.0/0");
  is_true("proxy.address == fd00:0::1");
}

void words(void**) {
  is_true("anomalies contains \"several-vlans\"");
  is_true("anomalies contains 'overlap-conflict'");
  is_false("anomalies contains \"several\"");
  is_true("anomalies != null");
  is_false("anomalies == null");
  is_true("encapsulation == null");
}

void null(void**) {
  is_true("virtual_client.port == null");
  is_false("virtual_client.port != null");
  is_false("virtual_client.port == 5");
  is_false("virtual_client.port != 5");
  is_false("virtual_client.port in {5}");
  is_true("not virtual_client.port == 5");
  is_true("target.address == null");
  is_false("target.address in 0.0.0.0/0");
  is_true("origin.port != null");
  is_false("encapsulation contains 'gre'");
}

// It has one as long as no second one comes, and nobody knows.
void an_association_has_no_target(void**) {
  ReportEntry entry = opened();
  entry.attempt.command = Command::udp_associate;
  assert_true(holds("target.host == null and target.port == null", entry));
  assert_false(holds("target.port == 443", entry));
  assert_true(holds("origin.port == 443 and command == 'udp-associate'", entry));
}

void precedence(void**) {
  written_as("id==1 or id==2 and id==3", "(id == 1 or (id == 2 and id == 3))");
  written_as("id==1 and id==2 or id==3", "((id == 1 and id == 2) or id == 3)");
  written_as("not id==1 and id==2", "(not id == 1 and id == 2)");
  written_as("not (id==1 and id==2)", "not (id == 1 and id == 2)");
  written_as("not not id==1", "not not id == 1");
  written_as("id==1 and id==2 and id==3", "((id == 1 and id == 2) and id == 3)");
  written_as("(id==1 or id==2) and id==3", "((id == 1 or id == 2) and id == 3)");
  written_as("id==1 or not id==2 and id==3 or id==4", "((id == 1 or (not id == 2 and id == 3)) or id == 4)");
  written_as("((id==1))", "id == 1");
  is_true("id == 3 or id == 4 and id == 5");
  is_false("(id == 3 or id == 4) and id == 5");
  is_false("not id == 3 and id == 3");
  is_true("not (id == 3 and id == 4)");
}

void as_text(void**) {
  written_as("times.request<2023-11-14", "times.request < 2023-11-14T00:00:00.000000000Z");
  written_as("client.address in {10.1.2.3/8,::1}", "client.address in {10.0.0.0/8, ::1}");
  written_as("username=='a\"b'", "username == 'a\"b'");
  written_as("username=='a'", "username == \"a\"");
  written_as("connect_ms<0.1", "connect_ms < 0.1");
  written_as("inside_tls!=true or anomalies==null", "(inside_tls != true or anomalies == null)");
  written_as("\n\tid\r==\t1\n", "id == 1");
}

void what_is_asked_for(void**) {
  const auto asks = [](const char* text) {
    return std::get<Expression>(Expression::parse(text)).late_fact() != nullptr;
  };
  assert_false(asks("origin.port == 443 and client.address in 10.0.0.0/8 and target.host matches '*.example.com'"));
  assert_true(asks("origin.port == 443 and client_payload.bytes > 5"));
  assert_true(asks("not status == 'established'"));
  assert_true(asks("username == 'me'"));  // of forwarded requests a later one may be the first that names it
  const auto expression = std::get<Expression>(Expression::parse("id == 1 or client_payload.sha256 == 'ab'"));
  assert_true(expression.asks_for("client_payload.sha256") && expression.asks_for("id"));
  assert_false(expression.asks_for("server_payload.sha256"));
}

void mistakes(void**) {
  mistaken("", "^", "name of a fact is expected here, not the end");
  mistaken("origin.prt == 443", "^", "'origin.prt'; the nearest are origin.port, ");
  mistaken("id == 1 and address == 1", "            ^", "client.address");
  mistaken("id == 1 and", "           ^", "not the end");
  mistaken("id == 1 id == 2", "        ^", "'and' or 'or' is expected here, not 'id'");
  mistaken("id == 1 && id == 2", "        ^", "not '&&'");
  mistaken("id = 1", "   ^", "compared by ==, !=, <, <=, >, >=, in; not by '='");
  mistaken("id", "  ^", "not by the end");
  mistaken("id ==", "     ^", "a whole number is expected here, not the end");
  mistaken("id == 1.5", "      ^", "a whole number is expected here, not '1.5'");
  mistaken("id == 99999999999999999999", "      ^", "a whole number");
  mistaken("id == '1'", "      ^", "a whole number");
  mistaken("connect_ms < fast", "             ^", "a number is expected");
  mistaken("connect_ms < nan", "             ^", "a number is expected");
  mistaken("connect_ms < inf", "             ^", "a number is expected");
  mistaken("origin.port == 65536", "               ^", "from 0 to 65535");
  mistaken("origin.port matches \"4*\"", "            ^", "origin.port is a port, and compared by");
  mistaken("origin.port contains '4'", "            ^", "not by 'contains'");
  mistaken("protocol < 'socks5'", "         ^", "protocol is a text, and compared by ==, !=, in, matches");
  mistaken("protocol == socks5", "            ^", "a text in quotes is expected here, not 'socks5'");
  mistaken("protocol == \"socks5", "            ^", "this quote is never closed");
  mistaken("target.host matches 'a", "                    ^", "this quote is never closed");
  mistaken("anomalies == 'gave-way'", "          ^", "compared by contains; not by '=='");
  mistaken("anomalies contains gave-way", "                   ^", "a text in quotes");
  mistaken("inside_tls == yes", "              ^", "true or false");
  mistaken("inside_tls < true", "           ^", "compared by ==, !=");
  mistaken("times.request < yesterday", "                ^", "a time, such as");
  mistaken("client.address == 10.0.0.0/8", "                  ^", "an address is expected here, not '10.0.0.0/8'");
  mistaken("client.address in 10.0.0.0/33", "                  ^", "an address or a network");
  mistaken("client.address < 10.0.0.1", "               ^", "compared by ==, !=, in");
  mistaken("id < null", "     ^", "only == and != ask for null");
  mistaken("id in {1, null}", "          ^", "a whole number is expected here, not 'null'");
  mistaken("id in {}", "       ^", "a whole number is expected here, not '}'");
  mistaken("id in {1, 2", "      ^", "this list is never closed");
  mistaken("id in {1 2}", "         ^", "',' or '}' is expected");
  mistaken("id == {1}", "      ^", "a whole number");
  mistaken("(id == 1", "^", "this bracket is never closed");
  mistaken("id == 1 and ((id == 2)", "            ^", "this bracket is never closed");
  mistaken("id == 1)", "       ^", "no bracket is open here");
  mistaken("()", " ^", "name of a fact");
  mistaken("not", "   ^", "name of a fact");
  mistaken("1 == id", "^", "there is no '1'");
  mistaken("'id' == 1", "^", "name of a fact is expected here, not 'id'");
}

// What somebody wrote by a program; deeper than any stack.
void hostile_expressions(void**) {
  const std::size_t deep = 15000;
  std::string nots, brackets, list = "id in {3";
  for (std::size_t i = 0; i < deep; ++i) nots += "not ";
  is_true((nots + "id == 3").c_str());
  const std::string open(deep, '('), closed(deep, ')');
  is_true((open + "id == 3" + closed).c_str());
  while (list.size() + 10 < Expression::longest) list += ",4";
  is_true((list + "}").c_str());
  mistaken(std::string(Expression::longest + 1, ' '), std::string(Expression::longest, ' ') + "^", "65536 bytes");
  mistaken(std::string(30000, 'x'), "^", "there is no 'xxx");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(numbers),
      cmocka_unit_test(times),
      cmocka_unit_test(truths),
      cmocka_unit_test(texts),
      cmocka_unit_test(globs),
      cmocka_unit_test(addresses),
      cmocka_unit_test(words),
      cmocka_unit_test(null),
      cmocka_unit_test(an_association_has_no_target),
      cmocka_unit_test(precedence),
      cmocka_unit_test(as_text),
      cmocka_unit_test(what_is_asked_for),
      cmocka_unit_test(mistakes),
      cmocka_unit_test(hostile_expressions),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
