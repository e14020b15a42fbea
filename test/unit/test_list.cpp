// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the list of attempts: what gives way where it is too wide, what never does, and its CSV.
#include <algorithm>
#include <string>
#include <vector>

#include "report/csv.hpp"
#include "report/facts.hpp"
#include "report/list.hpp"
#include "report/text.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

Endpoint endpoint(const char* address, std::uint16_t port) {
  return {*Address::parse(address), port};
}

ReportEntry entry_of(Target target) {
  ReportEntry entry;
  Attempt& it = entry.attempt;
  it.id = 0;
  it.command = Command::connect;
  it.client = endpoint("10.0.0.5", 40000);
  it.proxy = endpoint("10.0.0.1", 1080);
  it.target = std::move(target);
  it.origin = Origin{endpoint("198.18.7.7", 443), Provenance::synthetic, {}};
  it.status = Status::refused;
  it.reply_code = 5;
  it.request = {7, Time{1700000000} * 1000000000 + 120};
  it.credentials = {"alice", "secret"};
  return entry;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = std::min(line.find_first_of(" \n", begin), line.size());
    if (end > begin) words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void assert_text(const std::string& text, const char* expected) {
  assert_string_equal(text.c_str(), expected);
}

void a_target_keeps_its_port_and_an_address_is_whole(void**) {
  assert_text(shortened_target("www.example.com:443", 19), "www.example.com:443");
  assert_text(shortened_target("www.example.com:443", 18), "www.ex...e.com:443");
  assert_text(shortened_target("www.example.com:443", 0), "...:443");
  assert_text(shortened_target("no port at all", 10), "no p...all");
  assert_text(shortened_target("[2001:db8::1]:443", 8), "[2001:db8::1]:443");
  assert_text(shortened_target("192.0.2.7:443", 8), "192.0.2.7:443");
  assert_text(shortened_target("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4:443", 13), "\xc3\xa4...\xc3\xa4:443");
}

void every_cell_has_its_place(void**) {
  const Report report{{}, {entry_of(Target::named("www.example.com", 443))}, {}, {}, false};
  assert_text(list_text(report, 0),
              "id  time (UTC)           protocol  command  tls  client          proxy          user   target        "
              "       origin                      status       sent  received  anomalies\n"
              " 0  2023-11-14 22:13:20  socks5    connect  -    10.0.0.5:40000  10.0.0.1:1080  alice  "
              "www.example.com:443  198.18.7.7:443 (synthetic)  refused (5)     0         0  -\n");
}

// Whatever a capture says: with each width there is, lines fit as long as what never gives way does.
void what_gives_way_and_what_does_not(void**) {
  Report report;
  report.tunnels.push_back(entry_of(Target::named(std::string(120, 'n'), 443)));
  report.tunnels.push_back(entry_of(Target::named("\xc3\xa4\xe2\x82\xac" + std::string(40, 'o'), 80)));
  report.tunnels.push_back(entry_of(Target::literal(*Address::parse("2001:db8:1111:2222:3333:4444:5555:6666"), 65535)));
  report.tunnels[1].attempt.credentials.username = std::string(500, 'u');
  report.tunnels[1].attempt.anomalies = {"first-oddity", "second-oddity"};
  const std::string whole = list_text(report, 0);
  const std::size_t full = whole.find('\n'), least = 82;
  std::size_t shown_before = 0;
  for (std::size_t width = 1; width <= full + 30; ++width) {
    const std::string text = list_text(report, width);
    const std::string title = text.substr(0, text.find('\n'));
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      assert_true(end - begin <= std::max(width, least));
      const std::string line = text.substr(begin, end - begin);
      assert_true(printable(line) == line);  // no character is cut
    }
    for (const char* kept : {"10.0.0.5:40000", ":443  ", ":80  ", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"}) {
      assert_true(has(text, kept));
    }
    assert_true(has(text, "198.18.7.7:443") || !has(title, "origin"));
    assert_true(words_of(title).front() == "id" && has(title, "client") && has(title, "target") &&
                has(title, "status"));
    const std::size_t shown = words_of(title).size();
    assert_true(shown >= shown_before);  // more room never shows less
    shown_before = shown;
  }
  assert_int_equal(shown_before, 15);  // "time (UTC)" is two words
}

// What docs/contract.md promises.
void columns_are_left_out_in_this_order(void**) {
  const Report report{{}, {entry_of(Target::named("www.example.com", 443))}, {}, {}, false};
  std::vector<std::string> left = words_of(list_text(report, 0).substr(0, list_text(report, 0).find('\n')));
  std::vector<std::string> gone;
  for (std::size_t width = 200; width > 0; --width) {
    const std::string text = list_text(report, width);
    const auto shown = words_of(text.substr(0, text.find('\n')));
    for (const std::string& title : left) {
      if (std::find(shown.begin(), shown.end(), title) == shown.end()) gone.push_back(title);
    }
    left = shown;
  }
  const std::vector<std::string> order = {"tls",      "command", "anomalies", "user",  "time",    "(UTC)",
                                          "received", "sent",    "origin",    "proxy", "protocol"};
  assert_true(gone == order);
}

std::string fact_of(const ReportEntry& entry, const std::string& name) {
  const auto known = facts();
  const auto found = std::find_if(known.begin(), known.end(), [&name](const Fact& fact) { return fact.name == name; });
  assert_true(found != known.end());
  return text_of(found->read(entry));
}

void facts_stand_where_the_report_has_them(void**) {
  ReportEntry entry = entry_of(Target::named("a\"b\r\n\x1b.example", 443));
  entry.attempt.anomalies = {"first-oddity", "second-oddity"};
  assert_text(fact_of(entry, "client.address"), "10.0.0.5");
  assert_text(fact_of(entry, "client.port"), "40000");
  assert_text(fact_of(entry, "target.host"), R"(a"b\x0d\x0a\x1b.example)");
  assert_text(fact_of(entry, "target.address"), "");
  assert_text(fact_of(entry, "times.request"), "2023-11-14T22:13:20.000000120Z");
  assert_text(fact_of(entry, "reply_code"), "5");
  assert_text(fact_of(entry, "inside_tls"), "false");
  assert_text(fact_of(entry, "peer.port"), "");
  assert_text(fact_of(entry, "anomalies"), "first-oddity,second-oddity");
  const std::string row = csv_row(entry);
  assert_true(has(row, ",\"a\"\"b\\x0d\\x0a\\x1b.example\",") && has(row, ",\"first-oddity,second-oddity\""));
  assert_false(has(csv_row(entry), "secret"));
  entry.attempt.origin.reset();
  assert_text(fact_of(entry, "origin.address"), "");
}

void what_a_spreadsheet_would_compute_is_text(void**) {
  for (const char first : std::string("=+-@")) {
    ReportEntry entry = entry_of(Target::named(first + std::string("cmd"), 80));
    entry.attempt.reply = {8, entry.attempt.request.time - 1500000};  // a clock that went back
    assert_true(has(csv_row(entry), std::string(",'") + first + "cmd,"));
    assert_true(has(csv_row(entry), ",-1.5,"));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_target_keeps_its_port_and_an_address_is_whole),
      cmocka_unit_test(every_cell_has_its_place),
      cmocka_unit_test(what_gives_way_and_what_does_not),
      cmocka_unit_test(columns_are_left_out_in_this_order),
      cmocka_unit_test(facts_stand_where_the_report_has_them),
      cmocka_unit_test(what_a_spreadsheet_would_compute_is_text),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
