// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the leaf structures of base/: addresses, prefixes, reader, range set against a model.
#include <random>
#include <set>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/range_set.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

void addresses_have_one_text(void**) {
  for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00::2", "2001:db8::1:0:0:1",
                           "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "fe80::1:2", "1::", "::2:3:4:5:6:7:8"}) {
    const auto address = Address::parse(text);
    assert_true(address.has_value());
    if (std::string_view(text) != "::2:3:4:5:6:7:8") assert_string_equal(address->text().c_str(), text);
  }
  assert_string_equal(Address::parse("2001:DB8:0:0:0:0:0:1")->text().c_str(), "2001:db8::1");
  assert_string_equal(Address::parse("::0:3:4:5:6:7:8")->text().c_str(), "::3:4:5:6:7:8");
  assert_string_equal(Address::parse("1:0:0:2:0:0:0:3")->text().c_str(), "1:0:0:2::3");
  assert_string_equal(Address::parse("64:ff9b::192.0.2.33")->text().c_str(), "64:ff9b::c000:221");
}

void what_is_no_address_is_a_name(void**) {
  for (const char* text : {"",
                           "010.000.00.003",
                           "1.2.3",
                           "1.2.3.4.5",
                           "256.1.1.1",
                           "1.2.3.4 ",
                           "a.b.c.d",
                           ":::",
                           "1::2::3",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "12345::",
                           "::1%eth0",
                           "[::1]",
                           "1:",
                           ":1",
                           "::1.2.3",
                           "1.2.3.4:5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "0x1.2.3.4",
                           "+1.2.3.4"}) {
    assert_false(Address::parse(text).has_value());
  }
}

void mapping_goes_both_ways(void**) {
  const Address v4 = *Address::parse("192.0.2.1");
  assert_string_equal(v4.mapped().text().c_str(), "::ffff:192.0.2.1");
  assert_true(v4.mapped().unmapped() == v4);
  const Address v6 = *Address::parse("2001:db8::1");
  assert_true(v6.mapped() == v6 && v6.unmapped() == v6);
}

void prefixes_contain_their_addresses(void**) {
  const Prefix synthetic = *Prefix::parse("198.18.0.0/15");
  assert_true(synthetic.contains(*Address::parse("198.19.255.255")));
  assert_false(synthetic.contains(*Address::parse("198.20.0.0")));
  assert_false(synthetic.contains(*Address::parse("::ffff:198.18.0.1")));
  assert_string_equal(Prefix::parse("10.1.2.3/8")->text().c_str(), "10.0.0.0/8");
  assert_true(Prefix::parse("::/0")->contains(*Address::parse("ff02::1")));
  assert_true(Prefix::parse("10.0.0.1/32")->contains(*Address::parse("10.0.0.1")));
  for (const char* text : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "x/8", "10.0.0.0/", "10.0.0.0/8x"}) {
    assert_false(Prefix::parse(text).has_value());
  }
}

void a_reader_never_reads_past_the_end(void**) {
  const std::uint8_t five[] = {1, 2, 3, 4, 5};
  Reader reader{Bytes(five)};
  assert_int_equal(reader.u16(), 0x0102);
  assert_int_equal(reader.take(4).size(), 0);
  assert_false(reader.complete());
  assert_int_equal(reader.u8(), 0);  // stays incomplete, though bytes are left
  assert_int_equal(reader.position(), 2);
}

void a_range_set_agrees_with_a_set(void**) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    RangeSet ranges(1000);
    std::set<std::int64_t> model;
    for (int i = 0; i < 40; ++i) {
      const auto begin = static_cast<std::int64_t>(random() % 200);
      const auto end = begin + static_cast<std::int64_t>(random() % 20);
      std::int64_t fresh = 0;
      for (auto at = begin; at < end; ++at) fresh += model.insert(at).second ? 1 : 0;
      assert_int_equal(ranges.add({begin, end}), fresh);
    }
    assert_int_equal(ranges.size(), model.size());
    std::int64_t last = -1;
    for (const Range range : ranges.ranges()) {
      assert_true(range.begin > last && range.end > range.begin);
      for (auto at = range.begin; at < range.end; ++at) assert_true(model.contains(at));
      last = range.end;
    }
  }
}

void a_full_range_set_joins_its_lowest(void**) {
  RangeSet ranges(3);
  for (const std::int64_t begin : {0, 10, 20, 30}) ranges.add({begin, begin + 5});
  assert_true(ranges.overflowed());
  assert_int_equal(ranges.size(), 20);
  assert_int_equal(ranges.abandoned(), 5);
  assert_int_equal(ranges.ranges().size(), 3);
  assert_true((ranges.ranges()[0] == Range{0, 15}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(addresses_have_one_text),
      cmocka_unit_test(what_is_no_address_is_a_name),
      cmocka_unit_test(mapping_goes_both_ways),
      cmocka_unit_test(prefixes_contain_their_addresses),
      cmocka_unit_test(a_reader_never_reads_past_the_end),
      cmocka_unit_test(a_range_set_agrees_with_a_set),
      cmocka_unit_test(a_full_range_set_joins_its_lowest),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
