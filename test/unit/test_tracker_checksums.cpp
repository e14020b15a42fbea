// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: of two copies the one that the receiver took counts; wrong checksums, and bytes that differ, are
// told.
#include "base/limits.hpp"
#include "forged_session.hpp"
#include "unit.hpp"

using namespace forged_session;

namespace {

// ---------------------------------------------------------------- checksums

// Each segment of a session comes a second time, with other bytes and a wrong checksum, before or behind itself.
void the_copy_with_the_right_checksum_counts(void**) {
  for (unsigned when = 3; when <= 10; ++when) {
    for (const bool is_before : {true, false}) {
      Session s;
      const auto forge = [&] {
        const End from = when == 4 || when == 6 || when == 8 || when == 10 ? End::server : End::client;
        const std::size_t size = when == 3 ? 3 : when == 4 ? 2 : when < 7 ? 10 : when % 2 == 1 ? get.size() : 40;
        const std::uint32_t off = is_before ? 0 : 0U - static_cast<std::uint32_t>(size);
        s.run.put(damaged(s.forged(from, ack | psh, off, std::string(size, '\x05'))));
      };
      s.before = [&](unsigned step) {
        if (step == (is_before ? when : when + 1)) forge();
      };
      s.play();
      s.expect_whole("checksum-wrong");
    }
  }
}

void what_is_damaged_changes_nothing(void**) {
  for (const unsigned flags : {syn, syn | ack, rst, rst | ack, fin | ack}) {
    for (const End from : {End::client, End::server}) {
      for (const std::uint32_t off : {0U, 77U}) {
        at_every_step("checksum-wrong", [&](Session& s) { return damaged(s.forged(from, flags, off, "")); });
      }
    }
  }
}

void a_damaged_answer_to_the_syn_is_not_believed(void**) {
  for (const std::uint32_t isn : {5000U, 999U}) {
    wire::Connection c(client, proxy);
    Run run;
    run.put(c.syn());
    run.put(damaged(c.at(End::server, syn | ack, isn, 1001, "")));
    run.put(c.syn_ack());
    run.put(c.ack(End::client));
    put_messages(run, c, "hello");
    run.finish();
    assert_string_equal(run.conversations.at(0).streams[origin].text().c_str(), "hello");
    assert_true(has_noted_once(run.ended.at(0), "checksum-wrong"));
  }
}

// The only copy was taken: what captured it is at fault, and its checksums tell nothing from then on.
void what_was_acknowledged_counts_whatever_its_checksum(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  run.put(damaged(c.say(End::client, "one ")));
  assert_int_equal(run.conversations.at(0).packets.size(), 3);
  run.put(c.ack(End::server));
  run.put(damaged(c.say(End::client, "two ")));
  run.put(damaged(c.say(End::client, "three")));
  assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "one two three");
  run.finish();
  assert_true(run.ended.at(0).anomalies.empty());
}

void checksums_that_are_all_wrong_tell_nothing(void**) {
  for (const bool of_both : {true, false}) {
    Run run;
    wire::Connection c(client, proxy);
    const auto put = [&](const Segment& segment) {
      run.put(of_both || segment.sender == client ? damaged(segment) : segment);
    };
    put(c.syn());
    put(c.syn_ack());
    put(c.ack(End::client));
    put(c.say(End::client, greeting));
    put(c.say(End::server, method));
    put(c.say(End::client, request));
    put(c.say(End::server, reply));
    put(c.say(End::client, "hello"));
    assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "hello");
    run.finish();
    assert_true(run.ended.at(0).anomalies.empty());
  }
}

void an_offloaded_checksum_is_not_wrong(void**) {
  Session s;
  wire::Connection& c = s.c;
  put_handshake(s.run, c);
  for (const bool has_none : {true, false}) {
    Segment segment = c.say(End::client, "offloaded");
    const Sum pseudo = wire::pseudo_sum(segment.sender, segment.receiver, 6, 29);
    put16(const_cast<std::uint8_t*>(segment.header.data()) + 16, has_none ? 0 : pseudo.folded());
    s.run.put(segment);
  }
  assert_string_equal(s.run.conversations.at(0).streams[client].text().c_str(), "offloadedoffloaded");
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
}

// ---------------------------------------------------------------- two copies

void two_right_copies_that_differ_are_told(void**) {
  for (unsigned when = 3; when <= 10; ++when) {
    Session s;
    s.before = [&](unsigned step) {
      if (step != when + 1) return;
      const End from = when % 2 == 1 ? End::client : End::server;
      s.run.put(s.forged(from, ack | psh, 0U - 2, "\x7f\x7f"));
    };
    s.play();
    assert_int_equal(s.run.ended.size(), 1);
    assert_true(has_noted_once(s.run.ended[0], "overlap-conflict"));
    assert_true(s.run.ended[0].status == Status::established);
    assert_int_equal(s.run.ended[0].payload[Direction::from_client].bytes(), 2 * get.size());
  }
}

void what_is_sent_again_is_no_conflict(void**) {
  Session s;
  wire::Connection& c = s.c;
  put_handshake(s.run, c);
  const Segment first = c.say(End::client, "0123456789"), second = c.say(End::client, "abcdefghij");
  s.run.put(first);
  s.run.put(second);
  s.run.put(first);
  s.run.put(c.at(End::client, ack, first.sequence() + 5, 5013, "56789abcde"));
  s.run.put(c.ack(End::server));
  s.run.put(c.at(End::client, ack, c.next(End::client) - 1, c.next(End::server), std::string_view("\0", 1)));
  s.run.put(c.at(End::client, ack, c.next(End::client) - 1, c.next(End::server), "?"));  // keep-alive
  s.run.put(c.at(End::client, ack, c.next(End::client), c.next(End::server), "k"));      // a zero-window probe
  s.run.put(c.say(End::client, "klmnopqrst"));
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
  assert_int_equal(s.run.ended[0].payload[Direction::from_client].bytes(), 30);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_copy_with_the_right_checksum_counts),
      cmocka_unit_test(what_is_damaged_changes_nothing),
      cmocka_unit_test(a_damaged_answer_to_the_syn_is_not_believed),
      cmocka_unit_test(what_was_acknowledged_counts_whatever_its_checksum),
      cmocka_unit_test(checksums_that_are_all_wrong_tell_nothing),
      cmocka_unit_test(an_offloaded_checksum_is_not_wrong),
      cmocka_unit_test(two_right_copies_that_differ_are_told),
      cmocka_unit_test(what_is_sent_again_is_no_conflict),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
