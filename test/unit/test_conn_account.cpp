// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what conn.log says of a connection: states, histories and counts, as Zeek defines them.
#include <deque>
#include <functional>
#include <vector>

#include "tracker/conn_account.hpp"
#include "tracker_run.hpp"

namespace {

using namespace tracker_run;

/// A connection, and the account of it.
struct Story {
  wire::Connection wire{client, proxy};
  ConnAccount account;

  void see(const Segment& segment) {
    account.see(segment, segment.sender == client ? Side::initiator : Side::acceptor);
  }
  void open() {
    see(wire.syn());
    see(wire.syn_ack());
    see(wire.ack(End::client));
  }
  void talk() {
    see(wire.say(End::client, "question"));
    see(wire.say(End::server, "answer"));
  }
};

void assert_same(std::string_view got, std::string_view wanted) {
  assert_string_equal(std::string(got).c_str(), std::string(wanted).c_str());
}

void assert_story(const std::function<void(Story&)>& tell, std::string_view state, std::string_view history) {
  Story story;
  tell(story);
  assert_same(story.account.state(Transport::tcp), state);
  assert_same(story.account.history(), history);
}

void states(void**) {
  assert_story([](Story& it) { it.see(it.wire.syn()); }, "S0", "S");
  assert_story([](Story& it) { it.open(), it.talk(); }, "S1", "ShADd");
  assert_story(
      [](Story& it) { it.open(), it.talk(), it.see(it.wire.fin(End::client)), it.see(it.wire.fin(End::server)); }, "SF",
      "ShADdFf");
  assert_story([](Story& it) { it.open(), it.see(it.wire.fin(End::client)); }, "S2", "ShAF");
  assert_story([](Story& it) { it.open(), it.see(it.wire.fin(End::server)); }, "S3", "ShAf");
  assert_story([](Story& it) { it.see(it.wire.syn()), it.see(it.wire.rst(End::server)); }, "REJ", "Sr");
  assert_story([](Story& it) { it.open(), it.talk(), it.see(it.wire.rst(End::client)); }, "RSTO", "ShADdR");
  assert_story([](Story& it) { it.open(), it.talk(), it.see(it.wire.rst(End::server)); }, "RSTR", "ShADdr");
  assert_story([](Story& it) { it.see(it.wire.syn()), it.see(it.wire.rst(End::client)); }, "RSTOS0", "SR");
  assert_story([](Story& it) { it.see(it.wire.syn()), it.see(it.wire.fin(End::client)); }, "SH", "SF");
  assert_story([](Story& it) { it.see(it.wire.syn_ack()), it.see(it.wire.fin(End::server)); }, "SHR", "hf");
  assert_story([](Story& it) { it.see(it.wire.syn_ack()), it.see(it.wire.rst(End::server)); }, "RSTRH", "hr");
  assert_story([](Story& it) { it.talk(); }, "OTH", "Dd");
}

void letters_come_once_or_rarely(void**) {
  assert_story(
      [](Story& it) {
        it.open();
        for (int i = 0; i < 3; ++i) it.talk();
        const Segment again = it.wire.say(End::client, "again");
        for (int i = 0; i < 100; ++i) it.see(again);  // the first time is no repetition
      },
      "S1", "ShADdTT");
  assert_story(
      [](Story& it) {
        it.see(it.wire.make(End::client, tcp_flag::syn | tcp_flag::fin, "", ""));
        it.see(it.wire.make(End::client, tcp_flag::fin | tcp_flag::rst, "", ""));
      },
      "OTH", "QI");
}

void a_history_has_an_end(void**) {
  Story story;
  for (int i = 0; i < 5000; ++i) story.see(story.wire.rst(i % 2 == 0 ? End::client : End::server));
  for (int i = 0; i < 5000; ++i) story.see(story.wire.syn());
  assert_int_equal(story.account.history().size(), 256);
}

void bytes_and_holes(void**) {
  Story story;
  story.open();
  story.see(story.wire.say(End::client, "0123456789"));
  static_cast<void>(story.wire.say(End::client, "lost!"));
  const Segment late = story.wire.say(End::client, "more");
  story.see(late);
  story.see(late);
  story.see(story.wire.ack(End::server));
  assert_int_equal(story.account.bytes(Side::initiator), 19);
  assert_int_equal(story.account.missed_bytes(), 5);
  assert_int_equal(story.account.packets(Side::initiator), 5);
  assert_int_equal(story.account.bytes(Side::acceptor), 0);
}

void roles_may_turn_out_to_be_others(void**) {
  Story story;
  story.see(story.wire.say(End::server, "220 hello"));
  story.account.swap_sides();
  assert_same(story.account.history(), "D");
  assert_int_equal(story.account.packets(Side::initiator), 1);
}

void time_is_what_the_packets_say(void**) {
  Story story;
  Segment first = story.wire.syn(), second = story.wire.syn_ack();
  first.frame.time = std::numeric_limits<Time>::min();
  second.frame.time = std::numeric_limits<Time>::max();
  story.see(first);
  story.see(second);
  assert_int_equal(story.account.first(), std::numeric_limits<Time>::min());
  assert_int_equal(story.account.duration(), 0);  // more than can be told
}

// A tracker gives an account of each session, and of nothing else.
void sessions_have_accounts(void**) {
  const auto connections_of = [](bool accounts, std::string_view first_words) {
    TrackerOptions options;
    options.accounts = accounts;
    Tracker tracker(options);
    wire::Connection wire(client, proxy);
    std::vector<ConnectionRecord> records;
    Outcome outcome;
    const auto put = [&](const Segment& segment) {
      tracker.segment(segment, outcome);
      for (auto& record : outcome.connections) records.push_back(std::move(record));
    };
    put(wire.syn());
    put(wire.syn_ack());
    put(wire.ack(End::client));
    put(wire.say(End::client, first_words));
    put(wire.say(End::server, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    put(wire.fin(End::client));
    put(wire.fin(End::server));
    for (bool more = true; more;) {
      more = tracker.finish(outcome);
      for (auto& record : outcome.connections) records.push_back(std::move(record));
    }
    return records;
  };
  const std::string asked = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
  assert_int_equal(connections_of(false, asked).size(), 0);
  assert_int_equal(connections_of(true, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").size(), 0);
  const auto refused = connections_of(true, asked);
  assert_int_equal(refused.size(), 1);
  assert_true(refused.front().protocol == Protocol::http_connect && !refused.front().decrypted);
  assert_true(refused.front().ends.initiator == client && refused.front().ends.acceptor == proxy);
  assert_same(refused.front().account.history(), "ShADdFf");
  assert_int_equal(refused.front().account.bytes(Side::initiator), asked.size());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(states),
      cmocka_unit_test(letters_come_once_or_rarely),
      cmocka_unit_test(a_history_has_an_end),
      cmocka_unit_test(bytes_and_holes),
      cmocka_unit_test(roles_may_turn_out_to_be_others),
      cmocka_unit_test(time_is_what_the_packets_say),
      cmocka_unit_test(sessions_have_accounts),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
