// SPDX-License-Identifier: GPL-2.0-or-later
// summary: synthetic addresses: the same for ever, one for each name, one name for each.
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "names/synthetic.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

Address at(std::string_view text) {
  return *Address::parse(text);
}
Prefix net(std::string_view text) {
  return *Prefix::parse(text);
}

void assert_address(const SyntheticAddress& made, const char* expected, SyntheticFallback why) {
  assert_string_equal(made.address.text().c_str(), expected);
  assert_string_equal(name_of(made.fallback).data(), name_of(why).data());
}

// Computed by another program from the definition in names/synthetic.hpp. Reports, captures and filters that people
// kept name these addresses: this table must never change.
struct Pinned {
  std::string name;
  const char *v4, *v6, *second_v6;
};
const Pinned pinned[] = {
    {"www.example.com", "198.18.216.32", "fd70:726f:7879:9d29:1862:eaf5:8250:9917",
     "fd70:726f:7879:f565:4f73:8106:c5db:40ae"},
    {"example.com", "198.19.215.191", "fd70:726f:7879:16a2:bdc:e03b:9274:b3f1",
     "fd70:726f:7879:f27f:6749:212f:8fc2:2cad"},
    {"a", "198.19.133.39", "fd70:726f:7879:884f:fdfa:b147:e960:346e", "fd70:726f:7879:4918:7961:25:4ec7:e202"},
    {"", "198.18.255.48", "fd70:726f:7879:9316:54c3:a569:ecf6:1b1b", "fd70:726f:7879:1c72:6525:54fd:21ff:e95"},
    {"localhost", "198.19.239.158", "fd70:726f:7879:599a:fa54:78b2:4531:2561",
     "fd70:726f:7879:1bd3:eab2:6b26:c682:d871"},
    {"010.000.00.003", "198.18.152.241", "fd70:726f:7879:2968:b7ce:3ee2:c1b5:ae2a",
     "fd70:726f:7879:7986:cdba:a0c3:dae3:1176"},
    {"xn--bcher-kva.example", "198.18.254.140", "fd70:726f:7879:6c1b:48d0:f4b7:c919:8838",
     "fd70:726f:7879:6139:1b02:1da8:ecb0:1ca7"},
    {"b\xc3\xbc"
     "cher.example",
     "198.18.174.129", "fd70:726f:7879:6f25:e306:f8bd:7899:dd5d", "fd70:726f:7879:60d8:1453:ba4d:b5e5:ef29"},
    {std::string(253, 'a'), "198.19.61.83", "fd70:726f:7879:9529:e430:2864:d503:fa3b",
     "fd70:726f:7879:d30f:4593:cdf3:5350:33ee"},
};

void addresses_are_the_same_for_ever(void**) {
  for (const Pinned& row : pinned) {
    SyntheticAddresses none;
    assert_address(none.of(row.name), row.v4, SyntheticFallback::none);
    SyntheticAddresses one;
    one.occurs(at(row.v4));
    assert_address(one.of(row.name), row.v6, SyntheticFallback::occurs_in_capture);
    SyntheticAddresses two;
    two.occurs(at(row.v4));
    two.occurs(at(row.v6));
    assert_address(two.of(row.name), row.second_v6, SyntheticFallback::occurs_in_capture);
  }
}

void names_have_one_form(void**) {
  SyntheticAddresses addresses;
  for (const char* name : {"www.example.com", "WWW.EXAMPLE.COM", "www.Example.com."}) {
    assert_address(addresses.of(name), "198.18.216.32", SyntheticFallback::none);
  }
  assert_address(addresses.of(std::string(253, 'A')), "198.19.61.83", SyntheticFallback::none);
}

void a_name_keeps_its_first_address(void**) {
  SyntheticAddresses addresses;
  assert_address(addresses.of("www.example.com"), "198.18.216.32", SyntheticFallback::none);
  addresses.occurs(at("198.18.216.32"));
  assert_address(addresses.of("www.example.com"), "198.18.216.32", SyntheticFallback::none);

  SyntheticAddresses mapped;
  mapped.occurs(at("::ffff:198.18.216.32"));
  const char* v6 = "fd70:726f:7879:9d29:1862:eaf5:8250:9917";
  assert_address(mapped.of("www.example.com"), v6, SyntheticFallback::occurs_in_capture);
  mapped.occurs(at(v6));
  assert_address(mapped.of("www.example.com"), v6, SyntheticFallback::occurs_in_capture);
}

std::string nth(unsigned i) {
  return "host" + std::to_string(i) + ".test";
}

// Two names with one IPv4 address in a small prefix, found by trying.
std::pair<std::string, std::string> colliding_names(const Prefix& v4) {
  std::map<Address, std::string> seen;
  for (unsigned i = 0;; ++i) {
    SyntheticAddresses alone(v4);
    const auto [known, is_new] = seen.emplace(alone.of(nth(i)).address, nth(i));
    if (!is_new) return {known->second, nth(i)};
  }
}

void the_later_of_two_colliding_names_gives_way(void**) {
  const Prefix small = net("198.18.0.0/24");
  const auto [one, two] = colliding_names(small);
  SyntheticAddresses forth(small), back(small);
  const Address shared = forth.of(one).address;
  assert_true(shared.is_v4());
  const SyntheticAddress later = forth.of(two);
  assert_true(later.fallback == SyntheticFallback::name_collision);
  assert_false(later.address.is_v4());
  assert_true(default_synthetic6.contains(later.address));

  assert_true(back.of(two).address == shared);
  assert_true(back.of(two).fallback == SyntheticFallback::none);
  assert_true(back.of(one).fallback == SyntheticFallback::name_collision);
  assert_false(back.of(one).address == later.address);
  assert_true(forth.of(one).address == shared && forth.of(two).address == later.address);  // each keeps its own
}

void default_prefixes_collide_too(void**) {
  const auto [one, two] = colliding_names(default_synthetic4);
  SyntheticAddresses addresses;
  assert_true(addresses.of(one).fallback == SyntheticFallback::none);
  assert_true(addresses.of(two).fallback == SyntheticFallback::name_collision);
}

void no_two_names_share_an_address(void**) {
  SyntheticAddresses addresses;
  std::set<Address> given;
  unsigned fallbacks = 0;
  for (unsigned i = 0; i < 20000; ++i) {
    const SyntheticAddress made = addresses.of(nth(i));
    assert_true(given.insert(made.address).second);
    assert_true(addresses.is_synthetic(made.address));
    assert_int_equal(made.address.is_v4(), made.fallback == SyntheticFallback::none);
    fallbacks += made.fallback != SyntheticFallback::none;
  }
  // 20000 names in 2^17 addresses: about 20000^2 / 2^18 collide; a hash that is not even would have many more.
  assert_in_range(fallbacks, 1200, 1700);
}

// 14 usable IPv4 and 2^8 - 2 IPv6 addresses: IPv6 hashes collide as well and are made anew; the ends are never given.
void tiny_prefixes_are_used_up_without_harm(void**) {
  SyntheticAddresses addresses(net("192.0.2.16/28"), net("2001:db8::/120"));
  std::set<Address> given;
  for (unsigned i = 0; i < 120; ++i) {
    assert_true(given.insert(addresses.of(nth(i)).address).second);
  }
  for (unsigned i = 120; i < 3000; ++i) given.insert(addresses.of(nth(i)).address);
  for (const char* end : {"192.0.2.16", "192.0.2.31", "2001:db8::", "2001:db8::ff"})
    assert_false(given.contains(at(end)));
  assert_int_equal(given.size(), 14 + 254);
  for (const Address& address : given) assert_true(addresses.is_synthetic(address));
}

void prefixes_without_room_still_answer(void**) {
  SyntheticAddresses single(net("192.0.2.1/32"), net("2001:db8::1/128"));
  assert_address(single.of("a.test"), "192.0.2.1", SyntheticFallback::none);
  assert_address(single.of("b.test"), "2001:db8::1", SyntheticFallback::name_collision);
  assert_address(single.of("c.test"), "2001:db8::1", SyntheticFallback::name_collision);
  SyntheticAddresses whole(net("0.0.0.0/0"), net("::/0"));
  assert_true(whole.of("a.test").address.is_v4());
}

void other_prefixes_keep_the_host_part(void**) {
  SyntheticAddresses addresses(net("10.128.0.0/15"), net("fd00::/48"));
  assert_address(addresses.of("www.example.com"), "10.128.216.32", SyntheticFallback::none);
  addresses.occurs(at("10.129.215.191"));
  assert_address(addresses.of("example.com"), "fd00::16a2:bdc:e03b:9274:b3f1", SyntheticFallback::occurs_in_capture);
}

void synthetic_is_what_is_inside_the_prefixes(void**) {
  const SyntheticAddresses addresses;
  for (const char* text : {"198.18.0.0", "198.19.255.255", "::ffff:198.18.1.1",
                           "fd70:726f:7879::", "fd70:726f:7879:ffff:ffff:ffff:ffff:ffff"}) {
    assert_true(addresses.is_synthetic(at(text)));
  }
  for (const char* text :
       {"198.17.255.255", "198.20.0.0", "fd70:726f:7878::1", "fd70:726f:787a::", "::198.18.0.1", "::ffff:198.20.0.0"}) {
    assert_false(addresses.is_synthetic(at(text)));
  }
}

void what_is_remembered_is_bounded(void**) {
  const Prefix small = net("198.18.0.0/24");
  const auto [one, two] = colliding_names(small);
  SyntheticAddresses addresses(small, default_synthetic6, 2);
  const Address first = addresses.of(one).address;
  const SyntheticAddress second = addresses.of(two);
  assert_true(second.fallback == SyntheticFallback::name_collision);
  assert_true(addresses.of(one).address == first);  // asking does not make it younger
  assert_true(addresses.of("third.test").address != first);
  assert_true(addresses.of(two).address == second.address);  // still remembered
  const SyntheticAddress again = addresses.of(one);  // forgotten and made again; `two` gave way for good, so it is free
  assert_true(again.address == first && again.fallback == SyntheticFallback::none);
}

void addresses_that_occur_are_bounded(void**) {
  SyntheticAddresses addresses(default_synthetic4, default_synthetic6, 2);
  addresses.occurs(at("10.0.0.1"));  // outside the prefixes: takes no room
  addresses.occurs(at("198.18.0.1"));
  addresses.occurs(at("198.18.0.1"));
  addresses.occurs(at("198.18.216.32"));
  addresses.occurs(at("198.19.215.191"));  // no room left
  assert_true(addresses.of("www.example.com").fallback == SyntheticFallback::occurs_in_capture);
  assert_true(addresses.of("example.com").fallback == SyntheticFallback::none);
}

// Names as long as a message head allows: together they take no more room than as many DNS names. A name that was
// forgotten shows in that its address is free for another one.
void long_names_are_bounded_together(void**) {
  const Prefix small = net("198.18.0.0/24");
  const std::string one(10000, 'a');
  const Address first = SyntheticAddresses(small).of(one).address;
  std::string collider;
  for (unsigned i = 0; collider.empty(); ++i) {
    if (SyntheticAddresses(small).of(nth(i)).address == first) collider = nth(i);
  }
  const auto collides_behind = [&](std::initializer_list<std::string> later) {
    SyntheticAddresses addresses(small, default_synthetic6, 100);  // 25600 bytes
    for (const char letter : {'v', 'w', 'x', 'y', 'z'}) {
      assert_false(addresses.of(std::string(10000, letter)).address == first);
    }
    assert_true(addresses.of(one).address == first);
    for (const std::string& name : later) assert_true(addresses.is_synthetic(addresses.of(name).address));
    return addresses.of(collider).fallback == SyntheticFallback::name_collision;
  };
  assert_true(collides_behind({}));
  assert_true(collides_behind({std::string(10000, 'b')}));
  assert_false(collides_behind({std::string(10000, 'b'), std::string(10000, 'c')}));
  assert_false(collides_behind({std::string(100000, 'd')}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_the_same_for_ever),
      cmocka_unit_test(names_have_one_form),
      cmocka_unit_test(a_name_keeps_its_first_address),
      cmocka_unit_test(the_later_of_two_colliding_names_gives_way),
      cmocka_unit_test(default_prefixes_collide_too),
      cmocka_unit_test(no_two_names_share_an_address),
      cmocka_unit_test(tiny_prefixes_are_used_up_without_harm),
      cmocka_unit_test(prefixes_without_room_still_answer),
      cmocka_unit_test(other_prefixes_keep_the_host_part),
      cmocka_unit_test(synthetic_is_what_is_inside_the_prefixes),
      cmocka_unit_test(what_is_remembered_is_bounded),
      cmocka_unit_test(addresses_that_occur_are_bounded),
      cmocka_unit_test(long_names_are_bounded_together),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
