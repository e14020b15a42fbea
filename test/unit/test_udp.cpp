// SPDX-License-Identifier: GPL-2.0-or-later
// summary: relay headers, and datagrams in fragments.
#include <string>

#include "base/limits.hpp"
#include "udp/fragments.hpp"
#include "udp/relay_header.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;
using namespace std::string_literals;

namespace {

// ---------------------------------------------------------------- relay headers

void a_header_names_its_target(void**) {
  struct Case {
    std::string bytes;
    const char* target;
    bool is_literal;
  };
  const Case cases[] = {
      {"\0\0\0\x01\xc0\x00\x02\x07\x00\x35"s, "192.0.2.7:53", true},
      {"\0\0\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x01\xbb"s, "[2001:db8::7]:443", true},
      {"\0\0\0\x03\x05"s + "Ab.cd\x13\x88", "Ab.cd:5000", false},
      {"\0\0\0\x03\x09"s + "192.0.2.7\x00\x01"s, "192.0.2.7:1", true},  // an address as text
  };
  for (const Case& each : cases) {
    const auto parsed = parse_relay_header(bytes_of(each.bytes + "payload"));
    assert_true(parsed.is_ok());
    assert_int_equal(parsed.size, each.bytes.size());
    assert_string_equal(parsed.value.target.text().c_str(), each.target);
    assert_int_equal(parsed.value.target.address.has_value(), each.is_literal);
    for (std::size_t size = 0; size < each.bytes.size(); ++size) {
      assert_true(parse_relay_header(bytes_of(each.bytes).first(size)).result == ParseResult::need_more);
    }
  }
}

void a_fragment_has_a_position_and_may_be_the_last(void**) {
  std::string bytes = "\0\0\0\x01\xc0\x00\x02\x07\x00\x35"s;
  for (int fragment = 0; fragment < 256; ++fragment) {
    bytes[2] = static_cast<char>(fragment);
    const RelayHeader header = parse_relay_header(bytes_of(bytes)).value;
    assert_int_equal(header.fragment, fragment);
    assert_int_equal(header.position(), fragment % 128);
    assert_int_equal(header.is_last_fragment(), fragment >= 128);
  }
}

void what_is_no_header_is_malformed(void**) {
  for (const std::string& bytes : {
           "\x01\0\0\x01\xc0\x00\x02\x07\x00\x35"s,  // reserved bytes
           "\0\x01\0\x01\xc0\x00\x02\x07\x00\x35"s,
           "\0\0\0\x00\xc0\x00\x02\x07\x00\x35"s,  // address types
           "\0\0\0\x02\xc0\x00\x02\x07\x00\x35"s, "\0\0\0\x05\xc0\x00\x02\x07\x00\x35"s,
           "\0\0\0\x03\x00\x00\x35"s,  // a name of no length
       }) {
    assert_true(parse_relay_header(bytes_of(bytes)).result == ParseResult::malformed);
  }
}

// ---------------------------------------------------------------- fragments

RelayHeader header_of(unsigned fragment, const char* host = "192.0.2.7") {
  RelayHeader header;
  header.fragment = static_cast<std::uint8_t>(fragment);
  header.target = Target::named(host, 53);
  return header;
}

RelayFragments::Outcome add(RelayFragments& fragments, unsigned fragment, std::string_view payload) {
  return fragments.add(header_of(fragment), bytes_of(payload), static_cast<std::uint32_t>(payload.size()));
}

std::string taken(RelayFragments& fragments) {
  return std::string(text_of(fragments.take()));
}

using Added = RelayFragments::Outcome;

void fragments_in_order_are_a_datagram(void**) {
  RelayFragments fragments;
  for (int round = 0; round < 2; ++round) {
    assert_true(add(fragments, 1, "a") == Added::waiting);
    assert_true(add(fragments, 2, "") == Added::waiting);
    assert_true(add(fragments, 3, "bc") == Added::waiting);
    assert_int_equal(fragments.bytes(), 3);
    assert_true(add(fragments, 0x84, "d") == Added::complete);
    assert_string_equal(taken(fragments).c_str(), "abcd");
    assert_int_equal(fragments.bytes(), 0);
  }
  assert_true(add(fragments, 0x81, "alone") == Added::complete);
  assert_string_equal(taken(fragments).c_str(), "alone");
  assert_false(fragments.forget());
}

void what_breaks_the_order_gives_up_what_waits(void**) {
  RelayFragments fragments;
  for (const unsigned next : {1U, 3U, 4U, 0x80U, 0x83U}) {
    assert_true(add(fragments, 1, "gone") == Added::waiting);
    assert_true(add(fragments, next, "x") == Added::lost);
    assert_int_equal(fragments.bytes(), next == 1 ? 1 : 0);
    if (next == 1) {  // what begins anew is kept
      assert_true(add(fragments, 0x82, "y") == Added::complete);
      assert_string_equal(taken(fragments).c_str(), "xy");
    }
    assert_true(add(fragments, 0x82, "nothing before it") == Added::lost);
  }
  assert_true(add(fragments, 1, "gone") == Added::waiting);
  assert_true(fragments.add(header_of(0x82, "192.0.2.8"), bytes_of("x"), 1) == Added::lost);
  assert_true(add(fragments, 1, "gone") == Added::waiting);
  assert_true(fragments.add(header_of(0x82), bytes_of("cut"), 10) == Added::lost);
  assert_true(add(fragments, 1, "gone") == Added::waiting);
  assert_true(fragments.forget());
  assert_false(fragments.forget());
  assert_int_equal(fragments.bytes(), 0);
}

void fragments_are_bounded(void**) {
  RelayFragments fragments;
  const std::string half(limits::fragmented_datagram / 2 + 1, 'x');
  assert_true(add(fragments, 1, half) == Added::waiting);
  assert_true(add(fragments, 0x82, half) == Added::lost);
  assert_int_equal(fragments.bytes(), 0);
  for (unsigned position = 1; position < 128; ++position) assert_true(add(fragments, position, "x") == Added::waiting);
  assert_true(add(fragments, 1, "x") == Added::lost);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_header_names_its_target),
      cmocka_unit_test(a_fragment_has_a_position_and_may_be_the_last),
      cmocka_unit_test(what_is_no_header_is_malformed),
      cmocka_unit_test(fragments_in_order_are_a_datagram),
      cmocka_unit_test(what_breaks_the_order_gives_up_what_waits),
      cmocka_unit_test(fragments_are_bounded),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
