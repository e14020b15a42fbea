// SPDX-License-Identifier: GPL-2.0-or-later
// summary: DNS responses: what they prove, and that hostile, cut and cyclic ones prove nothing and hurt nobody.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "names/dns_listener.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

using Wire = std::vector<std::uint8_t>;

constexpr std::uint16_t response = 0x8180;  // QR, RD, RA
constexpr unsigned a = 1, cname = 5, txt = 16, aaaa = 28;

void put(Wire& wire, unsigned value) {
  wire.push_back(static_cast<std::uint8_t>(value >> 8));
  wire.push_back(static_cast<std::uint8_t>(value));
}

// "www.example.com" as labels; a '*' stands for a dot inside a label, a '0' for a zero byte.
Wire name(std::string_view text) {
  Wire wire;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    text.remove_prefix(std::min(label.size() + 1, text.size()));
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    for (const char c : label) wire.push_back(static_cast<std::uint8_t>(c == '*' ? '.' : c == '0' ? '\0' : c));
  }
  wire.push_back(0);
  return wire;
}

Wire pointer(std::size_t offset) {
  Wire wire;
  put(wire, 0xc000U | static_cast<unsigned>(offset));
  return wire;
}

Wire host(std::string_view text) {
  const Address address = *Address::parse(text);
  return {address.bytes().begin(), address.bytes().end()};
}

struct Record {
  Wire owner;
  unsigned type;
  Wire content;
  unsigned record_class = 1;
};

Wire record_bytes(const Record& record) {
  Wire wire = record.owner;
  put(wire, record.type);
  put(wire, record.record_class);
  put(wire, 0);
  put(wire, 300);
  put(wire, static_cast<unsigned>(record.content.size()));
  wire.insert(wire.end(), record.content.begin(), record.content.end());
  return wire;
}

Wire message_head(unsigned flags, unsigned questions, std::size_t answers, const Wire& asked) {
  Wire wire;
  put(wire, 0x1234);
  put(wire, flags);
  put(wire, questions);
  put(wire, static_cast<unsigned>(answers));
  put(wire, 0);
  put(wire, 0);
  wire.insert(wire.end(), asked.begin(), asked.end());
  put(wire, a);
  put(wire, 1);
  return wire;
}

Wire message(const Wire& asked, const std::vector<Record>& answers, unsigned flags = response) {
  Wire wire = message_head(flags, 1, answers.size(), asked);
  for (const Record& record : answers) {
    const Wire bytes = record_bytes(record);
    wire.insert(wire.end(), bytes.begin(), bytes.end());
  }
  return wire;
}

// From a heap buffer of exactly that size, so that a sanitizer sees a single byte read too many.
DnsAnswer read(const Wire& wire, std::size_t size) {
  const auto exact = std::make_unique<std::uint8_t[]>(size);
  std::copy_n(wire.begin(), size, exact.get());
  return read_dns_answer({exact.get(), size});
}
DnsAnswer read(const Wire& wire) {
  return read(wire, wire.size());
}

std::string joined(const DnsAnswer& answer) {
  std::string text;
  for (const Address& address : answer.addresses) text += (text.empty() ? "" : " ") + address.text();
  return text;
}

void assert_addresses(const Wire& wire, const char* expected) {
  assert_string_equal(joined(read(wire)).c_str(), expected);
}

void addresses_come_in_record_order(void**) {
  const auto wire = message(name("WWW.Example.COM"), {{pointer(12), a, host("192.0.2.9")},
                                                      {pointer(12), aaaa, host("2001:db8::1")},
                                                      {name("www.EXAMPLE.com"), a, host("192.0.2.1")}});
  assert_addresses(wire, "192.0.2.9 2001:db8::1 192.0.2.1");
  assert_string_equal(read(wire).name.c_str(), "www.example.com");
}

void only_good_responses_count(void**) {
  const Wire asked = name("a.test");
  const std::vector<Record> records = {{pointer(12), a, host("192.0.2.1")}};
  assert_addresses(message(asked, records), "192.0.2.1");
  assert_addresses(message(asked, records, 0x8000), "192.0.2.1");
  assert_addresses(message(asked, records, 0x8780), "192.0.2.1");  // AA and TC
  assert_addresses(message(asked, records, 0x0100), "");           // a query
  assert_addresses(message(asked, records, 0x8183), "");           // no such name
  assert_addresses(message(asked, records, 0x8181), "");           // format error
  assert_addresses(message(asked, records, 0xa180), "");           // opcode 4, a notification
  for (const unsigned questions : {0U, 2U, 256U}) {
    Wire wire = message(asked, records);
    wire[4] = static_cast<std::uint8_t>(questions >> 8);
    wire[5] = static_cast<std::uint8_t>(questions);
    assert_addresses(wire, "");
  }
  Wire chaos = message(asked, records);
  chaos[12 + asked.size() + 3] = 3;  // the question's class
  assert_addresses(chaos, "");
}

void only_addresses_of_the_name_count(void**) {
  assert_addresses(message(name("a.test"), {{name("b.test"), a, host("192.0.2.1")},
                                            {pointer(12), txt, host("192.0.2.2")},
                                            {pointer(12), a, host("192.0.2.3"), 3},       // class CH
                                            {pointer(12), a, host("192.0.2.4"), 0x8001},  // mDNS cache flush
                                            {pointer(12), a, host("2001:db8::5")},        // 16 bytes
                                            {pointer(12), aaaa, host("192.0.2.6")},       // 4 bytes
                                            {pointer(12), a, {}},
                                            {name("x.a.test"), a, host("192.0.2.8")},
                                            {pointer(12), a, host("192.0.2.7")}}),
                   "192.0.2.7");
}

// Records of other sections do not answer the question.
void additional_records_are_not_read(void**) {
  Wire wire = message(name("a.test"), {{pointer(12), a, host("192.0.2.1")}, {pointer(12), a, host("192.0.2.2")}});
  wire[7] = 1;   // answers
  wire[11] = 1;  // additional
  assert_addresses(wire, "192.0.2.1");
}

void aliases_are_followed_in_any_order(void**) {
  std::vector<Record> records = {{name("a.test"), cname, name("B.test")}, {name("b.test"), cname, name("c.test")},
                                 {name("c.test"), cname, name("d.test")}, {name("D.test"), a, host("192.0.2.1")},
                                 {name("b.test"), a, host("192.0.2.66")}, {name("a.test"), a, host("192.0.2.67")}};
  std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
  unsigned shuffles = 0;
  do {
    std::vector<Record> shuffled;
    for (const std::size_t i : order) shuffled.push_back(records[i]);
    assert_addresses(message(name("a.test"), shuffled), "192.0.2.1");
    ++shuffles;
  } while (std::next_permutation(order.begin(), order.end()));
  assert_int_equal(shuffles, 720);
}

std::vector<Record> chain(unsigned links) {
  std::vector<Record> records;
  const auto nth = [](unsigned i) { return name("n" + std::string(i + 1, 'x') + ".test"); };
  for (unsigned i = 0; i < links; ++i) records.push_back({nth(i), cname, nth(i + 1)});
  records.push_back({nth(links), a, host("192.0.2.1")});
  return records;
}

void chains_are_bounded(void**) {
  assert_addresses(message(name("nx.test"), chain(16)), "192.0.2.1");
  assert_addresses(message(name("nx.test"), chain(17)), "");
}

void chains_that_go_round_prove_nothing(void**) {
  const Record address = {name("a.test"), a, host("192.0.2.1")};
  assert_addresses(message(name("a.test"), {{name("a.test"), cname, name("a.test")}, address}), "");
  assert_addresses(message(name("a.test"),
                           {{name("a.test"), cname, name("b.test")}, address, {name("b.test"), cname, name("a.test")}}),
                   "");
}

void an_alias_must_fill_its_record(void**) {
  Wire longer = name("b.test");
  longer.push_back(0);
  Wire shorter = name("b.test");
  shorter.pop_back();
  for (const Wire& content : {longer, shorter, Wire{}, Wire{0xc0}}) {
    const auto wire =
        message(name("a.test"), {{name("a.test"), cname, content}, {name("b.test"), a, host("192.0.2.1")}});
    assert_addresses(wire, "");
  }
}

void labels_are_not_what_text_makes_of_them(void**) {
  // A label "www.example" is not the two labels "www" and "example".
  assert_addresses(message(name("www*example.com"), {{pointer(12), a, host("192.0.2.1")}}), "");
  assert_addresses(message(name("ww0w.test"), {{pointer(12), a, host("192.0.2.1")}}), "");
  assert_addresses(message(name("www.example.com"),
                           {{name("www*example.com"), a, host("192.0.2.66")}, {pointer(12), a, host("192.0.2.1")}}),
                   "192.0.2.1");
  assert_addresses(message(name(""), {{pointer(12), a, host("192.0.2.1")}}), "");
}

void names_have_a_longest(void**) {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');  // 253, 255 on the wire
  assert_addresses(message(name(longest), {{pointer(12), a, host("192.0.2.1")}}), "192.0.2.1");
  assert_addresses(message(name(longest + "y"), {{pointer(12), a, host("192.0.2.1")}}), "");
}

void labels_of_other_kinds_end_the_reading(void**) {
  for (const std::uint8_t kind : {std::uint8_t{0x40}, std::uint8_t{0x80}, std::uint8_t{0xbf}}) {
    assert_addresses(message(name("a.test"), {{pointer(12), a, host("192.0.2.1")},
                                              {{kind, 'x', 0}, a, host("192.0.2.2")},
                                              {pointer(12), a, host("192.0.2.3")}}),
                     "192.0.2.1");
    assert_addresses(message(name("a.test"), {{{kind, 12}, a, host("192.0.2.2")}, {pointer(12), a, host("192.0.2.3")}}),
                     "");
  }
}

// Into the header, onto itself, forwards, beyond the end: the record counts for nothing, the next one does.
void pointers_lead_backwards_only(void**) {
  const Wire asked = name("a.test");
  const std::size_t first = 12 + asked.size() + 4;
  const std::size_t second = first + record_bytes({pointer(0), a, host("192.0.2.66")}).size();
  for (const std::size_t target : {std::size_t{0}, std::size_t{11}, first, first + 1, second, std::size_t{0x3fff}}) {
    assert_addresses(message(asked, {{pointer(target), a, host("192.0.2.66")}, {pointer(12), a, host("192.0.2.1")}}),
                     "192.0.2.1");
  }
  // Labels in front of a pointer to their own start would grow for ever.
  Wire growing = {1, 'a'};
  const Wire back = pointer(first);
  growing.insert(growing.end(), back.begin(), back.end());
  assert_addresses(message(asked, {{growing, a, host("192.0.2.66")}, {pointer(12), a, host("192.0.2.1")}}),
                   "192.0.2.1");
  // So would two names that point to each other.
  assert_addresses(message(pointer(12), {{pointer(12), a, host("192.0.2.66")}}), "");
}

// A count of additional records that reads as a label in front of the question.
void the_header_is_no_name(void**) {
  Wire wire = message(name("b.test"), {{pointer(12), cname, name("a.b.test")}, {pointer(10), a, host("192.0.2.66")}});
  wire[10] = 1;
  wire[11] = 'a';
  assert_addresses(wire, "");
}

// A label and a pointer to another such pair, as servers compress.
void compressed_names_are_put_together(void**) {
  const Wire asked = name("www.example.com");  // "example.com" at 16, "com" at 24
  Wire alias = {3, 'c', 'd', 'n'};
  const Wire example = pointer(16);
  alias.insert(alias.end(), example.begin(), example.end());
  const std::size_t alias_at = 12 + asked.size() + 4 + 2 + 10;
  assert_addresses(message(asked, {{pointer(12), cname, alias}, {pointer(alias_at), a, host("192.0.2.1")}}),
                   "192.0.2.1");
  assert_addresses(message(asked, {{pointer(12), cname, alias}, {name("cdn.example.com"), a, host("192.0.2.2")}}),
                   "192.0.2.2");
}

// A run of pointers inside a TXT record, each to the one before it: backwards, but there is no end of them.
void pointers_are_bounded(void**) {
  for (const unsigned pointers : {120U, 127U, 4000U}) {
    const Wire asked = name("a.test");
    const std::size_t run_at = 12 + asked.size() + 4 + 2 + 10;
    Wire run;
    for (unsigned i = 0; i < pointers; ++i)
      put(run, 0xc000U | static_cast<unsigned>(i == 0 ? 12 : run_at + 2 * (i - 1)));
    const auto wire =
        message(asked, {{pointer(12), txt, run}, {pointer(run_at + run.size() - 2), a, host("192.0.2.1")}});
    assert_addresses(wire, pointers < 127 ? "192.0.2.1" : "");
  }
}

// At every length: exactly the records that are complete, nothing else.
void what_is_cut_counts_as_far_as_it_goes(void**) {
  const Wire asked = name("www.example.com");
  const std::vector<Record> records = {{pointer(12), cname, name("cdn.test")},
                                       {name("cdn.test"), a, host("192.0.2.1")},
                                       {name("cdn.test"), aaaa, host("2001:db8::2")},
                                       {name("cdn.test"), a, host("192.0.2.3")}};
  const Wire wire = message(asked, records);
  std::vector<std::size_t> ends = {12 + asked.size() + 4};
  for (const Record& record : records) ends.push_back(ends.back() + record_bytes(record).size());
  assert_int_equal(ends.back(), wire.size());
  for (std::size_t size = 0; size <= wire.size(); ++size) {
    const auto complete = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1;
    const std::size_t expected = complete < 1 ? 0 : static_cast<std::size_t>(complete) - 1;
    const DnsAnswer answer = read(wire, size);
    assert_int_equal(answer.addresses.size(), expected);
    assert_string_equal(answer.name.c_str(), complete < 0 ? "" : "www.example.com");
  }
}

void counts_may_lie(void**) {
  Wire wire = message(name("a.test"), {{pointer(12), a, host("192.0.2.1")}});
  wire[6] = wire[7] = 0xff;
  assert_addresses(wire, "192.0.2.1");
  wire[6] = wire[7] = 0;
  assert_addresses(wire, "");
}

// The largest datagram, full of records: bounded work, and the first records count.
void many_records_are_bounded(void**) {
  std::vector<Record> records(4000, Record{pointer(12), a, host("192.0.2.1")});
  const DnsAnswer answer = read(message(name("a.test"), records));
  assert_in_range(answer.addresses.size(), 16, 512);
}

void rubbish_hurts_nobody(void**) {
  std::mt19937 generator(53);
  const auto random = [&generator] { return static_cast<std::uint32_t>(generator()); };
  const Wire good = message(name("www.example.com"), {{pointer(12), cname, name("cdn.test")},
                                                      {name("cdn.test"), a, host("192.0.2.1")},
                                                      {pointer(16), aaaa, host("2001:db8::2")}});
  for (unsigned i = 0; i < 20000; ++i) {
    Wire wire = good;
    for (unsigned changes = 1 + random() % 6; changes > 0; --changes) {
      const std::uint32_t value = random();
      wire[random() % wire.size()] = static_cast<std::uint8_t>(value % 4 == 0 ? 0xc0 | value >> 30 : value >> 8);
    }
    const DnsAnswer answer = read(wire, random() % (wire.size() + 1));
    assert_true(answer.addresses.size() <= 2);
    assert_true(answer.name.size() <= 253);
    assert_int_equal(answer.name.find('\0'), std::string::npos);
  }
}

// ---------------------------------------------------------------- questions and their answers

void a_question_is_what_its_answer_repeats(void**) {
  const Wire asked = name("WWW.Example.com");
  const auto query = read_dns_question(message(asked, {}, 0x0100));
  assert_true(query.has_value());
  assert_int_equal(query->id, 0x1234);
  assert_int_equal(query->type, a);
  assert_string_equal(query->name.c_str(), "www.example.com");
  const Wire answered = message(name("www.example.COM"), {{pointer(12), a, host("192.0.2.1")}});
  assert_true(read_dns_question(answered) == query);
  assert_true(is_dns_answer(answered) && !is_dns_answer(message(asked, {}, 0x0100)));
  assert_true(read_dns_question(message(asked, {}, 0x8183)) == query);  // no such name
  assert_string_equal(read_dns_question(message({0}, {}, 0x0100))->name.c_str(), "");
  assert_false(read_dns_question(message(asked, {}, 0x2800)).has_value());         // an update
  assert_false(read_dns_question(message_head(0x0100, 2, 0, asked)).has_value());  // two questions
  const Wire whole = message(asked, {}, 0x0100);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    assert_false(read_dns_question(Bytes(whole).first(size)).has_value());
  }
}

const Endpoint asker = {*Address::parse("10.0.0.1"), 40000}, server = {*Address::parse("10.0.0.53"), 53};

/// A listener, its book, and messages between the two.
struct Lookup {
  void say(const Endpoint& from, const Endpoint& to, const Wire& wire, Time time = 0) {
    Datagram datagram;
    datagram.sender = from;
    datagram.receiver = to;
    datagram.frame.time = time;
    dns.hear(datagram, wire, book);
  }
  void ask(std::string_view text = "a.test", Time time = 0) { say(asker, server, query(text), time); }
  void answer(std::string_view address = "192.0.2.1", Time time = 0) { say(server, asker, reply(address), time); }

  static Wire query(std::string_view text) { return message(name(text), {}, 0x0100); }
  static Wire reply(std::string_view address) { return message(name("a.test"), {{pointer(12), a, host(address)}}); }

  // "192.0.2.1 | 192.0.2.2 dns-unasked 10.0.0.1,"
  [[nodiscard]] std::string told(const Address& proxy = asker.address) const {
    const NameChoice choice = book.choose("a.test", proxy);
    std::string text = choice.address ? choice.address->text() : "nothing";
    for (const Candidate& each : choice.candidates) {
      text += " " + each.address.text() + " " + std::string(name_of(each.provenance)) + " " + each.asked_by->text();
    }
    return text;
  }

  DnsListener dns{4, 4};
  AddressBook book;
};

void assert_told(const Lookup& lookup, const char* expected) {
  assert_string_equal(lookup.told().c_str(), expected);
}

void an_answer_to_a_question_is_evidence(void**) {
  Lookup s;
  s.ask("A.test");
  s.answer();
  assert_told(s, "192.0.2.1");
  s.answer("192.0.2.2");  // once more: a repetition, or the other half of two
  assert_told(s, "192.0.2.2 192.0.2.1 dns-in-capture 10.0.0.1");
  s.say(server, {*Address::parse("10.0.0.2"), 40000}, Lookup::reply("192.0.2.3"));
  assert_told(s, "192.0.2.2 192.0.2.1 dns-in-capture 10.0.0.1 192.0.2.3 dns-unasked 10.0.0.2");
}

void an_answer_that_nobody_asked_for_is_a_candidate(void**) {
  const Endpoint elsewhere = {asker.address, 40001}, somebody = {*Address::parse("10.0.0.2"), 40000},
                 other_server = {*Address::parse("10.0.0.54"), 53}, other_port = {server.address, 5353};
  Wire other_id = Lookup::query("a.test"), other_type = other_id;
  other_id[1] ^= 1;
  other_type[12 + 8 + 1] = aaaa;
  const struct {
    Endpoint from, to;
    Wire wire;
  } questions[] = {
      {elsewhere, server, Lookup::query("a.test")},
      {somebody, server, Lookup::query("a.test")},
      {asker, other_server, Lookup::query("a.test")},
      {asker, other_port, Lookup::query("a.test")},
      {asker, server, Lookup::query("b.test")},
      {asker, server, other_id},
      {asker, server, other_type},
  };
  for (const auto& question : questions) {
    Lookup s;
    s.say(question.from, question.to, question.wire);
    s.answer();
    assert_told(s, "nothing 192.0.2.1 dns-unasked 10.0.0.1");
  }
  Lookup s;
  s.answer();
  s.answer("192.0.2.2");
  assert_told(s, "nothing 192.0.2.2 dns-unasked 10.0.0.1 192.0.2.1 dns-unasked 10.0.0.1");
  s.ask("a.test", 1);  // later than both
  assert_told(s, "nothing 192.0.2.2 dns-unasked 10.0.0.1 192.0.2.1 dns-unasked 10.0.0.1");
  s.answer("192.0.2.1", 2);
  assert_told(s, "192.0.2.1 192.0.2.2 dns-unasked 10.0.0.1");
}

// Of two taps one may stand behind the other in the file.
void an_answer_may_stand_in_front_of_its_question(void**) {
  Lookup s;
  s.answer("192.0.2.1", 7);
  assert_told(s, "nothing 192.0.2.1 dns-unasked 10.0.0.1");
  s.ask("a.test", 6);
  assert_told(s, "192.0.2.1");
}

void questions_are_forgotten_the_oldest_first(void**) {
  Lookup s;
  s.ask();
  for (int i = 0; i < 3; ++i) s.ask("b" + std::to_string(i) + ".test");
  s.answer();
  assert_told(s, "192.0.2.1");
  for (int i = 0; i < 8; ++i) s.ask("c" + std::to_string(i) + ".test");
  s.answer("192.0.2.2");
  assert_told(s, "192.0.2.1 192.0.2.2 dns-unasked 10.0.0.1");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(addresses_come_in_record_order),
      cmocka_unit_test(only_good_responses_count),
      cmocka_unit_test(only_addresses_of_the_name_count),
      cmocka_unit_test(additional_records_are_not_read),
      cmocka_unit_test(aliases_are_followed_in_any_order),
      cmocka_unit_test(chains_are_bounded),
      cmocka_unit_test(chains_that_go_round_prove_nothing),
      cmocka_unit_test(an_alias_must_fill_its_record),
      cmocka_unit_test(labels_are_not_what_text_makes_of_them),
      cmocka_unit_test(names_have_a_longest),
      cmocka_unit_test(labels_of_other_kinds_end_the_reading),
      cmocka_unit_test(pointers_lead_backwards_only),
      cmocka_unit_test(the_header_is_no_name),
      cmocka_unit_test(compressed_names_are_put_together),
      cmocka_unit_test(pointers_are_bounded),
      cmocka_unit_test(what_is_cut_counts_as_far_as_it_goes),
      cmocka_unit_test(counts_may_lie),
      cmocka_unit_test(many_records_are_bounded),
      cmocka_unit_test(rubbish_hurts_nobody),
      cmocka_unit_test(a_question_is_what_its_answer_repeats),
      cmocka_unit_test(an_answer_to_a_question_is_evidence),
      cmocka_unit_test(an_answer_that_nobody_asked_for_is_a_candidate),
      cmocka_unit_test(an_answer_may_stand_in_front_of_its_question),
      cmocka_unit_test(questions_are_forgotten_the_oldest_first),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
