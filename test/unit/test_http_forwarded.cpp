// SPDX-License-Identifier: GPL-2.0-or-later
// summary: for whom a request says that it was forwarded, and whom we believe to be the client.
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "handshake/http_forwarded.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

// "text" for each node, "text=end" where that is an address; "-" where nothing is said.
std::string text_of(const ForwardedList& list) {
  std::string all;
  for (const ForwardedNode& node : list.nodes) {
    if (!all.empty()) all += " | ";
    all += node.text.empty() ? "-" : node.text;
    if (!node.end) continue;
    all += "=" + (node.end->port == 0 ? node.end->address.text() : node.end->text());
  }
  return all;
}

struct Case {
  const char* fields;
  const char* expected;
};

ForwardedClaims claimed(const std::string& line) {
  return read_forwarded(HttpFields(line + "\r\n"));
}

void check(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    assert_string_equal(text_of(read_forwarded(HttpFields(each.fields)).list()).c_str(), each.expected);
  }
}

void forwarded_has_elements_with_parameters(void**) {
  check({
      {"", ""},
      {"Host: a\r\nFor: 192.0.2.1\r\n", ""},
      {"Forwarded: for=192.0.2.1\r\n", "192.0.2.1=192.0.2.1"},
      {"fOrWaRdEd:FOR=192.0.2.1\r\n", "192.0.2.1=192.0.2.1"},
      {"Forwarded: for=\"192.0.2.1:4711\"\r\n", "192.0.2.1:4711=192.0.2.1:4711"},
      {"Forwarded: for=192.0.2.1:4711\r\n", "192.0.2.1:4711=192.0.2.1:4711"},
      {"Forwarded: for=\"[2001:db8:cafe::17]\"\r\n", "[2001:db8:cafe::17]=2001:db8:cafe::17"},
      {"Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "[2001:db8:cafe::17]:4711=[2001:db8:cafe::17]:4711"},
      {"Forwarded: for=2001:db8::17\r\n", "2001:db8::17=2001:db8::17"},
      {"Forwarded: for=\"[::ffff:192.0.2.1]:80\"\r\n", "[::ffff:192.0.2.1]:80=192.0.2.1:80"},
      {"Forwarded: for=unknown\r\n", "unknown"},
      {"Forwarded: for=_hidden, for=_SEVKISEK\r\n", "_hidden | _SEVKISEK"},
      {"Forwarded: for=\"192.0.2.1:_port\"\r\n", "192.0.2.1:_port=192.0.2.1"},
      {"Forwarded: by=203.0.113.43;for=192.0.2.60;proto=http;host=\"a,b;c\"\r\n", "192.0.2.60=192.0.2.60"},
      {"Forwarded: for=192.0.2.43, for=198.51.100.17;by=203.0.113.60\r\n",
       "192.0.2.43=192.0.2.43 | 198.51.100.17=198.51.100.17"},
      {"Forwarded: for=192.0.2.43\r\nHost: x\r\nForwarded: for=198.51.100.17\r\n",
       "192.0.2.43=192.0.2.43 | 198.51.100.17=198.51.100.17"},
      {"Forwarded:  , ,for = 192.0.2.1 ;; ,\r\n", "192.0.2.1=192.0.2.1"},
      {"Forwarded: for=192.0.2.1,\r\n for=192.0.2.2\r\n", "192.0.2.1=192.0.2.1 | 192.0.2.2=192.0.2.2"},
      // An element that says nothing of the client is one all the same.
      {"Forwarded: for=192.0.2.1, proto=https\r\n", "192.0.2.1=192.0.2.1 | -"},
      {"Forwarded: for=192.0.2.1, for=\r\n", "192.0.2.1=192.0.2.1 | -"},
  });
}

void what_breaks_the_grammar_is_text(void**) {
  check({
      {"Forwarded: for=192.0.2.1;for=192.0.2.2\r\n", "192.0.2.1"},
      {"Forwarded: for=\"192.0.2.1\r\n", "\"192.0.2.1"},
      {"Forwarded: for=\"192.0.2.1\"x\r\n", "\"192.0.2.1\"x"},
      {"Forwarded: for=x\"192.0.2.1\"\r\n", "x\"192.0.2.1\""},
      {"Forwarded: for=\"192.0.2.1\\\r\n", "\"192.0.2.1\\"},
      {"Forwarded: for=\"a\\\"b\"\r\n", "a\"b"},
      // A quote that the client left open takes what a proxy joined to it, and nothing is believed.
      {"Forwarded: for=\"evil, for=192.0.2.1\r\n", "\"evil, for=192.0.2.1"},
      {"Forwarded: for=\"evil, for=\"192.0.2.1\"\r\n", R"("evil, for="192.0.2.1")"},
      // In fields of their own they cannot.
      {"Forwarded: for=\"evil\r\nForwarded: for=192.0.2.1\r\n", "\"evil | 192.0.2.1=192.0.2.1"},
      {"Forwarded: for=[192.0.2.1]\r\n", "[192.0.2.1]"},
      {"Forwarded: for=\"[2001:db8::1\"\r\n", "[2001:db8::1"},
      {"Forwarded: for=\"[2001:db8::1]4711\"\r\n", "[2001:db8::1]4711"},
      {"Forwarded: for=\"[fe80::1%eth0]\"\r\n", "[fe80::1%eth0]"},
      {"Forwarded: for=\"192.0.2.1:\"\r\n", "192.0.2.1:"},
      {"Forwarded: for=\"192.0.2.1:65536\"\r\n", "192.0.2.1:65536"},
      {"Forwarded: for=\"192.0.2.1:-1\"\r\n", "192.0.2.1:-1"},
      {"Forwarded: for=010.0.0.1\r\n", "010.0.0.1"},
      {"Forwarded: for=0.0.0.0\r\n", "0.0.0.0"},
      {"Forwarded: for=\"[::]\"\r\n", "[::]"},
      {"Forwarded: for=www.example.com:80\r\n", "www.example.com:80"},
      {"Forwarded: for=\":80\"\r\n", ":80"},
      {"Forwarded: for=\"[]:80\"\r\n", "[]:80"},
      {"Forwarded: for=\"[\"\r\n", "["},
  });
}

void x_forwarded_for_is_a_list(void**) {
  check({
      {"X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1=192.0.2.1"},
      {"x-forwarded-for: 192.0.2.1, 198.51.100.2,203.0.113.3\r\n",
       "192.0.2.1=192.0.2.1 | 198.51.100.2=198.51.100.2 | 203.0.113.3=203.0.113.3"},
      {"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n", "192.0.2.1=192.0.2.1 | 192.0.2.2=192.0.2.2"},
      {"X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1:4711=192.0.2.1:4711"},
      {"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1=2001:db8::1"},
      {"X-Forwarded-For: [2001:db8::1]:4711\r\n", "[2001:db8::1]:4711=[2001:db8::1]:4711"},
      {"X-Forwarded-For: unknown, , 192.0.2.2,\r\n", "unknown | 192.0.2.2=192.0.2.2"},
      {"X-Forwarded-For: \"192.0.2.1\", <script>\r\n", "\"192.0.2.1\" | <script>"},
      {"X-Forwarded-For:\r\n", ""},
      {"X-Forwarded-For: ,\r\n", ""},
      // It counts where Forwarded claims nothing.
      {"X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n", "192.0.2.2=192.0.2.2"},
      {"X-Forwarded-For: 192.0.2.1\r\nForwarded: proto=https\r\n", "192.0.2.1=192.0.2.1"},
  });
}

void claims_are_bounded(void**) {
  std::string field = "X-Forwarded-For: 192.0.2.1";
  for (std::size_t i = 0; i < limits::forwarded_nodes; ++i) field += ", 10.0.0." + std::to_string(i);
  const ForwardedClaims many = claimed(field);
  assert_true(many.is_cut());
  assert_int_equal(many.list().nodes.size(), limits::forwarded_nodes);
  assert_string_equal(many.list().nodes.front().text.c_str(), "10.0.0.0");
  AddressSet trusted;
  assert_true(trusted.add("10.0.0.0/8"));
  // Whom the first of them named is not known any more.
  assert_false(believed_client(many, trusted).end.has_value());

  const ForwardedClaims lengthy = claimed("Forwarded: for=_" + std::string(60000, 'x'));
  assert_true(lengthy.is_cut());
  assert_int_equal(lengthy.list().nodes.front().text.size(), limits::forwarded_text);
  assert_int_equal(claimed("X-Forwarded-For: " + std::string(60000, ',') + "a").list().nodes.size(), 1);
  assert_false(claimed("X-Forwarded-For: " + std::string(limits::forwarded_text, 'x')).is_cut());
}

// The peer is 10.0.0.1.
std::string believed(const char* fields, const char* networks = "10.0.0.0/8,fd00::/8") {
  AddressSet trusted;
  assert_true(trusted.add_all(networks));
  const BelievedClient client = believed_client(claimed(std::string(fields)), trusted);
  assert_true(client.end.has_value() == client.doubt.empty());
  return client.end ? client.end->text() : std::string(client.doubt);
}

void the_nearest_untrusted_node_is_the_client(void**) {
  const char* const none = "the forwarded fields name no client";
  const std::vector<Case> cases = {
      {"X-Forwarded-For: 192.0.2.1", "192.0.2.1:0"},
      {"X-Forwarded-For: 192.0.2.1:4711", "192.0.2.1:4711"},
      // Written by the client.
      {"X-Forwarded-For: 203.0.113.66, 192.0.2.1", "192.0.2.1:0"},
      {"X-Forwarded-For: unknown, 192.0.2.1", "192.0.2.1:0"},
      {"X-Forwarded-For: 10.0.0.9, 192.0.2.1", "192.0.2.1:0"},
      {"X-Forwarded-For: 203.0.113.66\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1:0"},
      // A chain of proxies that are believed.
      {"X-Forwarded-For: 203.0.113.66, 192.0.2.1, 10.0.0.3, fd00::2", "192.0.2.1:0"},
      {"X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.3", "192.0.2.1:0"},
      // All are: then the first one is, too.
      {"X-Forwarded-For: 10.1.2.3, 10.0.0.3", "10.1.2.3:0"},
      {"Forwarded: for=\"[fd00::1]:443\"", "[fd00::1]:443"},
      // Nobody knows who is behind these.
      {"X-Forwarded-For: 192.0.2.1, unknown", none},
      {"X-Forwarded-For: 192.0.2.1, garbage, 10.0.0.3", none},
      {"Forwarded: for=192.0.2.1, for=_hidden", none},
      {"Forwarded: for=192.0.2.1, proto=https", none},
      {R"(Forwarded: for="evil, for="192.0.2.1")", none},
      // Both fields: one of them may have been left as the client wrote it.
      {"Forwarded: for=\"192.0.2.1:4711\"\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1:4711"},
      {"Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1:4711", "192.0.2.1:4711"},
      {"Forwarded: for=203.0.113.66\r\nX-Forwarded-For: 192.0.2.1", "the forwarded fields name different clients"},
      {"Forwarded: for=unknown\r\nX-Forwarded-For: 192.0.2.1", none},
  };
  for (const Case& each : cases) assert_string_equal(believed(each.fields).c_str(), each.expected);
  assert_string_equal(believed("X-Forwarded-For: 203.0.113.66, 192.0.2.1", "0.0.0.0/0").c_str(), "203.0.113.66:0");
}

void a_set_of_addresses_has_networks(void**) {
  AddressSet set;
  assert_true(set.empty() && !set.contains(*Address::parse("10.0.0.1")));
  assert_true(set.add_all("10.0.0.1,192.0.2.77/24,fd00::/8,2001:db8::1,::ffff:198.51.100.0/120"));
  assert_string_equal(set.text().c_str(), "10.0.0.1/32,192.0.2.0/24,fd00::/8,2001:db8::1/128,198.51.100.0/24");
  for (const char* inside : {"10.0.0.1", "192.0.2.255", "fdff::1", "2001:db8::1", "::ffff:10.0.0.1", "198.51.100.3"}) {
    assert_true(set.contains(*Address::parse(inside)));
  }
  for (const char* outside : {"10.0.0.2", "192.0.3.0", "fe80::1", "2001:db8::2", "::ffff:10.0.0.2", "198.51.101.1"}) {
    assert_false(set.contains(*Address::parse(outside)));
  }
  // All of IPv6 is none of IPv4.
  AddressSet all;
  assert_true(all.add("::/0") && !all.contains(*Address::parse("10.0.0.1")));
  for (const char* wrong : {"", " ", "10.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "a", "10.0.0.1,", ",10.0.0.1",
                            "10.0.0.1 ,10.0.0.2", "[fd00::1]", "10.0.0.1:80"}) {
    assert_false(AddressSet().add_all(wrong));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(forwarded_has_elements_with_parameters),
                              cmocka_unit_test(what_breaks_the_grammar_is_text),
                              cmocka_unit_test(x_forwarded_for_is_a_list),
                              cmocka_unit_test(claims_are_bounded),
                              cmocka_unit_test(the_nearest_untrusted_node_is_the_client),
                              cmocka_unit_test(a_set_of_addresses_has_networks)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
