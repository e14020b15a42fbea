// SPDX-License-Identifier: GPL-2.0-or-later
// summary: evidence for names: its order, its bounds; when a SOCKS reply is evidence; lines of hosts files.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "names/address_book.hpp"
#include "names/hosts.hpp"
#include "names/reply_rules.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

Address at(std::string_view text) {
  return *Address::parse(text);
}

std::vector<Address> all(const std::vector<std::string>& texts) {
  std::vector<Address> addresses;
  for (const std::string& text : texts) addresses.push_back(at(text));
  return addresses;
}

const Address proxy = at("10.0.0.1"), client = at("10.0.0.5"), somebody = at("10.0.0.9");

// "192.0.2.1 dns-in-capture | 192.0.2.2 dns-in-capture 10.0.0.9, ..."
std::string told(const NameChoice& choice) {
  if (!choice.address) return "nothing";
  std::string text = choice.address->text() + " " + std::string(name_of(choice.provenance)) + " |";
  for (const Candidate& candidate : choice.candidates) {
    text += " " + candidate.address.text() + " " + std::string(name_of(candidate.provenance));
    if (candidate.asked_by) text += " " + candidate.asked_by->text();
    text += ",";
  }
  return text;
}

void assert_told(const AddressBook& book, const char* name, const char* expected) {
  assert_string_equal(told(book.choose(name, proxy)).c_str(), expected);
}

void unknown_names_have_no_address(void**) {
  AddressBook book;
  assert_told(book, "www.example.com", "nothing");
  assert_true(book.choose("www.example.com", proxy).provenance == Provenance::synthetic);
  book.answer("www.example.com", all({"192.0.2.1"}), proxy);
  assert_told(book, "example.com", "nothing");
  assert_told(book, "", "nothing");
}

void names_are_compared_in_one_form(void**) {
  AddressBook book;
  book.answer("WWW.Example.com.", all({"192.0.2.1"}), proxy);
  assert_told(book, "www.example.com", "192.0.2.1 dns-in-capture |");
  assert_told(book, "www.EXAMPLE.COM.", "192.0.2.1 dns-in-capture |");
  assert_told(book, "www.example.com..", "nothing");
}

void the_latest_answer_and_its_first_record_win(void**) {
  AddressBook book;
  book.answer("a.test", all({"192.0.2.1", "192.0.2.2"}), proxy);
  book.answer("a.test", all({"192.0.2.4", "192.0.2.3"}), proxy);
  assert_told(book, "a.test",
              "192.0.2.4 dns-in-capture | 192.0.2.3 dns-in-capture 10.0.0.1, 192.0.2.1 dns-in-capture 10.0.0.1, "
              "192.0.2.2 dns-in-capture 10.0.0.1,");
  // The same addresses again, the other way round: the latest order counts, and nothing is there twice.
  book.answer("a.test", all({"192.0.2.2", "192.0.2.1", "192.0.2.2"}), proxy);
  assert_told(book, "a.test",
              "192.0.2.2 dns-in-capture | 192.0.2.1 dns-in-capture 10.0.0.1, 192.0.2.4 dns-in-capture 10.0.0.1, "
              "192.0.2.3 dns-in-capture 10.0.0.1,");
}

void answers_given_to_the_proxy_come_first(void**) {
  AddressBook book;
  book.answer("a.test", all({"192.0.2.1"}), proxy);
  book.answer("a.test", all({"192.0.2.2", "192.0.2.1"}), somebody);
  assert_told(book, "a.test",
              "192.0.2.1 dns-in-capture | 192.0.2.2 dns-in-capture 10.0.0.9, 192.0.2.1 dns-in-capture 10.0.0.9,");
  book.answer("b.test", all({"192.0.2.3"}), client);
  book.answer("b.test", all({"192.0.2.4"}), somebody);
  assert_told(book, "b.test", "192.0.2.4 dns-in-capture | 192.0.2.3 dns-in-capture 10.0.0.5,");
}

// The proxy asks from its other leg (the capture p14_both_legs_dns).
void a_proxy_may_have_several_addresses(void**) {
  AddressBook book;
  const Address other_leg = at("10.10.2.1");
  book.answer("a.test", all({"192.0.2.1"}), other_leg);
  book.answer("a.test", all({"192.0.2.2"}), client);
  assert_string_equal(book.choose("a.test", proxy).address->text().c_str(), "192.0.2.2");
  const std::vector<Address> both = {proxy, other_leg};
  assert_string_equal(book.choose("a.test", both).address->text().c_str(), "192.0.2.1");
  assert_string_equal(book.choose("a.test", std::span<const Address>{}).address->text().c_str(), "192.0.2.2");
  assert_string_equal(book.choose("a.test", at("::ffff:10.10.2.1")).address->text().c_str(), "192.0.2.1");
}

void sources_have_an_order(void**) {
  AddressBook book;
  book.record(Provenance::dns_live, "a.test", at("192.0.2.1"));
  assert_told(book, "a.test", "192.0.2.1 dns-live |");
  book.record(Provenance::hosts_file, "a.test", at("192.0.2.2"));
  book.record(Provenance::hosts_file, "a.test", at("192.0.2.3"));
  book.record(Provenance::hosts_file, "a.test", at("192.0.2.2"));
  assert_told(book, "a.test", "192.0.2.2 hosts-file | 192.0.2.3 hosts-file, 192.0.2.1 dns-live,");
  book.record(Provenance::name_resolution_block, "a.test", at("192.0.2.2"));
  assert_told(book, "a.test",
              "192.0.2.2 name-resolution-block | 192.0.2.2 hosts-file, 192.0.2.3 hosts-file, 192.0.2.1 dns-live,");
  book.answer("a.test", all({"192.0.2.5"}), somebody);
  book.record(Provenance::name_resolution_block, "a.test", at("192.0.2.6"));
  assert_told(book, "a.test",
              "192.0.2.5 dns-in-capture | 192.0.2.2 name-resolution-block, 192.0.2.6 name-resolution-block, "
              "192.0.2.2 hosts-file, 192.0.2.3 hosts-file, 192.0.2.1 dns-live,");
}

void unasked_answers_are_candidates_only(void**) {
  AddressBook book;
  book.unasked("a.test", all({"192.0.2.1", "198.18.0.1"}), proxy);
  assert_told(book, "a.test", "nothing");
  const NameChoice none = book.choose("a.test", proxy);
  assert_int_equal(none.candidates.size(), 1);
  assert_true(none.candidates[0].provenance == Provenance::dns_unasked && none.candidates[0].asked_by == proxy);
  book.record(Provenance::dns_live, "a.test", at("192.0.2.9"));
  assert_told(book, "a.test", "192.0.2.9 dns-live | 192.0.2.1 dns-unasked 10.0.0.1,");
  book.answer("a.test", all({"192.0.2.2"}), somebody);  // not the proxy, but it asked
  assert_true(book.choose("a.test", proxy).asked_by == somebody);
  assert_told(book, "a.test", "192.0.2.2 dns-in-capture | 192.0.2.9 dns-live, 192.0.2.1 dns-unasked 10.0.0.1,");
  book.unasked("a.test", all({"192.0.2.2"}), somebody);  // nothing new
  book.unasked("a.test", all({"192.0.2.3", "192.0.2.1"}), proxy);
  assert_told(book, "a.test",
              "192.0.2.2 dns-in-capture | 192.0.2.9 dns-live, 192.0.2.3 dns-unasked 10.0.0.1, "
              "192.0.2.1 dns-unasked 10.0.0.1,");
  book.answer("a.test", all({"192.0.2.1"}), proxy);  // now it was asked for
  assert_told(book, "a.test",
              "192.0.2.1 dns-in-capture | 192.0.2.2 dns-in-capture 10.0.0.9, 192.0.2.9 dns-live, "
              "192.0.2.3 dns-unasked 10.0.0.1,");
  for (int i = 0; i < 40; ++i) book.unasked("a.test", all({"203.0.113." + std::to_string(i)}), proxy);
  const NameChoice choice = book.choose("a.test", proxy);
  assert_string_equal(choice.address->text().c_str(), "192.0.2.1");
  assert_string_equal(choice.candidates[1].address.text().c_str(), "192.0.2.9");
  assert_int_equal(choice.candidates.size(), limits::answers_per_name - 1);
}

void unasked_answers_make_no_name_forgotten(void**) {
  AddressBook book(default_synthetic4, default_synthetic6, 2);
  book.answer("a.test", all({"192.0.2.1"}), proxy);
  book.answer("b.test", all({"192.0.2.2"}), proxy);
  book.unasked("a.test", all({"192.0.2.3"}), proxy);  // renews nothing
  book.unasked("c.test", all({"192.0.2.4"}), proxy);
  assert_int_equal(book.dropped_names(), 1);
  assert_int_equal(book.choose("c.test", proxy).candidates.size(), 0);
  book.answer("d.test", all({"192.0.2.5"}), proxy);
  assert_told(book, "a.test", "nothing");
  assert_told(book, "b.test", "192.0.2.2 dns-in-capture |");
  book.unasked("", all({"192.0.2.4"}), proxy);
}

void some_addresses_are_never_evidence(void**) {
  AddressBook book;
  for (const char* text :
       {"198.18.0.1", "198.19.255.254", "::ffff:198.18.0.1", "fd70:726f:7879::1", "0.0.0.0", "::", "::ffff:0.0.0.0"}) {
    book.answer("a.test", all({text}), proxy);
    book.record(Provenance::hosts_file, "a.test", at(text));
  }
  assert_told(book, "a.test", "nothing");
  book.answer("a.test", all({"198.18.0.1", "::ffff:192.0.2.1", "0.0.0.0"}), at("::ffff:10.0.0.1"));
  book.answer("a.test", all({"198.18.0.2"}), proxy);
  assert_told(book, "a.test", "192.0.2.1 dns-in-capture |");
  book.answer("a.test", all({"192.0.2.2"}), somebody);
  assert_told(book, "a.test", "192.0.2.1 dns-in-capture | 192.0.2.2 dns-in-capture 10.0.0.9,");

  AddressBook elsewhere(*Prefix::parse("192.0.2.0/24"), *Prefix::parse("2001:db8::/32"));
  elsewhere.answer("a.test", all({"192.0.2.1", "2001:db8::1", "198.18.0.1"}), proxy);
  assert_told(elsewhere, "a.test", "198.18.0.1 dns-in-capture |");
}

void an_empty_answer_takes_nothing_back(void**) {
  AddressBook book;
  book.answer("a.test", all({"192.0.2.1"}), proxy);
  book.answer("a.test", {}, proxy);
  assert_told(book, "a.test", "192.0.2.1 dns-in-capture |");
}

void evidence_for_a_name_is_bounded(void**) {
  AddressBook book;
  book.record(Provenance::hosts_file, "a.test", at("192.0.2.250"));
  for (unsigned i = 1; i <= 40; ++i) book.answer("a.test", all({"192.0.2." + std::to_string(i)}), proxy);
  NameChoice choice = book.choose("a.test", proxy);
  assert_string_equal(choice.address->text().c_str(), "192.0.2.40");
  assert_int_equal(choice.candidates.size(), limits::answers_per_name - 1);
  assert_string_equal(choice.candidates.back().address.text().c_str(), "192.0.2.25");

  std::vector<Address> many;
  for (unsigned i = 0; i < 200; ++i) many.push_back(at("203.0.113." + std::to_string(i)));
  book.answer("a.test", many, somebody);
  choice = book.choose("a.test", proxy);
  assert_string_equal(choice.address->text().c_str(), "203.0.113.0");
  assert_int_equal(choice.candidates.size(), limits::answers_per_name - 1);
  assert_string_equal(choice.candidates.back().address.text().c_str(), "203.0.113.15");
  book.record(Provenance::name_resolution_block, "a.test", at("192.0.2.1"));  // weaker than all that is kept
  assert_int_equal(book.choose("a.test", proxy).candidates.size(), limits::answers_per_name - 1);
}

void the_name_with_the_oldest_evidence_is_dropped(void**) {
  AddressBook book(default_synthetic4, default_synthetic6, 3);
  book.answer("a.test", all({"192.0.2.1"}), proxy);
  book.answer("b.test", all({"192.0.2.2"}), proxy);
  book.record(Provenance::hosts_file, "c.test", at("192.0.2.3"));
  book.answer("A.test", all({"192.0.2.1"}), proxy);           // renews a
  assert_told(book, "b.test", "192.0.2.2 dns-in-capture |");  // asking renews nothing
  book.answer("b.test", all({"198.18.0.1"}), proxy);          // nor does what is no evidence
  assert_int_equal(book.dropped_names(), 0);
  book.answer("d.test", all({"192.0.2.4"}), proxy);
  assert_int_equal(book.dropped_names(), 1);
  assert_told(book, "b.test", "nothing");
  book.record(Provenance::hosts_file, "e.test", at("192.0.2.5"));
  assert_told(book, "c.test", "nothing");
  assert_told(book, "a.test", "192.0.2.1 dns-in-capture |");
  assert_told(book, "d.test", "192.0.2.4 dns-in-capture |");
  assert_told(book, "e.test", "192.0.2.5 hosts-file |");
  assert_int_equal(book.dropped_names(), 2);
}

void what_dns_cannot_hold_is_no_name(void**) {
  AddressBook book;
  const std::string longest(253, 'x'), longer(254, 'x');
  for (const std::string& name : {longest, longer, std::string(), std::string(".")}) {
    book.record(Provenance::hosts_file, name, at("192.0.2.1"));
  }
  assert_told(book, longest.c_str(), "192.0.2.1 hosts-file |");
  assert_told(book, (longest + ".").c_str(), "192.0.2.1 hosts-file |");
  assert_told(book, longer.c_str(), "nothing");
  assert_told(book, "", "nothing");
  assert_told(book, ".", "nothing");
}

void a_full_book_stays_within_its_bound(void**) {
  AddressBook book;
  for (std::size_t i = 0; i < limits::names + 1000; ++i) {
    book.answer("host" + std::to_string(i) + ".test", all({"192.0.2.1"}), proxy);
  }
  assert_int_equal(book.dropped_names(), 1000);
  assert_told(book, "host999.test", "nothing");
  assert_told(book, "host1000.test", "192.0.2.1 dns-in-capture |");
}

// ------------------------------------------------------------------ BND

bool usable(std::string_view bound, std::uint16_t port, std::uint16_t target_port = 443) {
  return can_be_origin({at(bound), port}, target_port, {client, 51000}, {proxy, 1080});
}

void the_origin_is_known_by_its_port(void**) {
  assert_true(usable("93.184.216.34", 443));
  assert_true(usable("2606:2800::1", 443));
  assert_true(usable("192.168.7.7", 443));  // a private origin is one
  assert_false(usable("93.184.216.34", 80));
  assert_false(usable("192.168.0.31", 2688, 80));  // socks.pcap: the proxy's source socket
  assert_false(usable("93.184.216.34", 0));
  assert_false(usable("93.184.216.34", 0, 0));
  // A proxy that binds the client's port towards the origin (dante does): the port proves nothing here.
  assert_false(usable("93.184.216.34", 51000, 51000));
}

void own_addresses_are_not_the_origin(void**) {
  assert_true(can_be_origin({at("10.0.0.3"), 80}, 80, {at("10.0.0.4"), 51000}, {at("10.0.0.2"), 1080}));
  assert_false(can_be_origin({at("10.0.0.2"), 80}, 80, {at("10.0.0.4"), 51000}, {at("10.0.0.2"), 1080}));
  assert_false(usable("10.0.0.5", 443));
  assert_false(usable("::ffff:10.0.0.1", 443));
  assert_false(usable("::ffff:10.0.0.5", 443));
  assert_false(can_be_origin({at("10.0.0.1"), 443}, 443, {client, 51000}, {at("::ffff:10.0.0.1"), 1080}));
}

void nobody_connects_to_these(void**) {
  for (const char* text :
       {"0.0.0.0", "0.0.0.1", "127.0.0.1", "127.8.8.8", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
        "::", "::1", "ff02::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:224.0.0.1"}) {
    assert_false(usable(text, 443));
  }
  for (const char* text : {"1.0.0.1", "126.0.0.1", "128.0.0.1", "223.255.255.254", "::2", "fe80::1", "fd00::1"}) {
    assert_true(usable(text, 443));
  }
}

void made_up_addresses_are_not_the_origin(void**) {
  assert_false(usable("198.18.0.5", 443));
  assert_false(usable("fd70:726f:7879::5", 443));
  const SyntheticPrefixes others{*Prefix::parse("192.0.2.0/24"), default_synthetic6};
  assert_false(can_be_origin({at("192.0.2.9"), 443}, 443, {client, 51000}, {proxy, 1080}, others));
  assert_true(can_be_origin({at("198.18.0.5"), 443}, 443, {client, 51000}, {proxy, 1080}, others));
}

// ------------------------------------------------------------------ hosts files

std::string hosts(std::string_view line) {
  const auto entry = parse_hosts_line(line);
  if (!entry) return "nothing";
  std::string text = entry->address.text();
  for (const std::string_view name : entry->names) text += " " + std::string(name);
  return text;
}

void hosts_lines_name_addresses(void**) {
  assert_string_equal(hosts("192.0.2.1 www.example.com").c_str(), "192.0.2.1 www.example.com");
  assert_string_equal(hosts("  \t192.0.2.1\t a  B.test\tc # d e\r\n").c_str(), "192.0.2.1 a B.test c");
  assert_string_equal(hosts("2001:DB8::1 v6").c_str(), "2001:db8::1 v6");
  assert_string_equal(hosts("192.0.2.1 a#b").c_str(), "192.0.2.1 a");
  for (const char* line : {"", " ", "\n", "#", "# 192.0.2.1 a", "192.0.2.1", "192.0.2.1 # a", "a.test 192.0.2.1",
                           "192.0.2 a", "010.0.0.1 a", "fe80::1%lo0 localhost", "192.0.2.1# a", "192.0.2.1 \r\n"}) {
    assert_string_equal(hosts(line).c_str(), "nothing");
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(unknown_names_have_no_address),
      cmocka_unit_test(names_are_compared_in_one_form),
      cmocka_unit_test(the_latest_answer_and_its_first_record_win),
      cmocka_unit_test(answers_given_to_the_proxy_come_first),
      cmocka_unit_test(a_proxy_may_have_several_addresses),
      cmocka_unit_test(sources_have_an_order),
      cmocka_unit_test(unasked_answers_are_candidates_only),
      cmocka_unit_test(unasked_answers_make_no_name_forgotten),
      cmocka_unit_test(some_addresses_are_never_evidence),
      cmocka_unit_test(an_empty_answer_takes_nothing_back),
      cmocka_unit_test(evidence_for_a_name_is_bounded),
      cmocka_unit_test(the_name_with_the_oldest_evidence_is_dropped),
      cmocka_unit_test(what_dns_cannot_hold_is_no_name),
      cmocka_unit_test(a_full_book_stays_within_its_bound),
      cmocka_unit_test(the_origin_is_known_by_its_port),
      cmocka_unit_test(own_addresses_are_not_the_origin),
      cmocka_unit_test(nobody_connects_to_these),
      cmocka_unit_test(made_up_addresses_are_not_the_origin),
      cmocka_unit_test(hosts_lines_name_addresses),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
