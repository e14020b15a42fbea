// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: what a receiver would have dropped by its numbers changes nothing, and is told.
#include "base/limits.hpp"
#include "forged_session.hpp"
#include "unit.hpp"

using namespace forged_session;

namespace {

constexpr std::uint32_t distances[] = {100000, 1000000000, 0x3ffffff0, 0x7fffff00, 0x80000100, 0xc0000000U};

// ---------------------------------------------------------------- numbers

void a_syn_with_another_number_changes_nothing(void**) {
  for (const End from : {End::client, End::server}) {
    for (const unsigned flags : {syn, syn | ack}) {
      at_every_step("outside-window", [&](Session& s) { return s.forged(from, flags, 123456789, ""); });
      at_every_step("outside-window", [&](Session& s) { return s.c.at(from, flags, 5, 99, "data of nobody"); });
    }
  }
}

void what_lies_outside_the_window_changes_nothing(void**) {
  for (const End from : {End::client, End::server}) {
    for (const std::uint32_t off : distances) {
      for (const unsigned flags : {ack | psh, ack | fin, rst, rst | ack}) {
        at_every_step("outside-window",
                      [&](Session& s) { return s.forged(from, flags, off, (flags & psh) != 0 ? "forged" : ""); });
      }
    }
  }
}

void a_close_behind_what_was_received_changes_nothing(void**) {
  for (const unsigned flags : {ack | fin, rst, rst | ack}) {
    for (const End from : {End::client, End::server}) {
      Session s;
      s.before = [&](unsigned step) {
        if (step == (from == End::client ? 9 : 10)) s.run.put(s.forged(from, flags, 0U - 12, ""));
      };
      s.play();
      s.expect_whole("outside-window");
    }
  }
}

// RFC 5961 section 5.
void what_acknowledges_too_much_changes_nothing(void**) {
  at_every_step("outside-window", [](Session& s) {
    return s.c.at(End::client, ack | psh, s.next(End::client), s.next(End::server) + 1000000000, "forged");
  });
}

// RFC 5961 section 3: a challenge, and the connection goes on.
void a_reset_that_is_not_the_next_byte_waits(void**) {
  at_every_step("outside-window", [](Session& s) { return s.forged(End::server, rst, 1000, ""); });
  // Where nothing follows, bytes before it were lost, and it is what closed.
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  c.say(End::server, "lost");
  run.put(c.rst(End::server));
  run.finish();
  assert_true(run.conversations.at(0).streams[origin].rst);
  assert_int_equal(run.ended.at(0).closed.frame, 9);
  assert_true(run.ended[0].anomalies.empty());
}

void a_forged_reset_does_not_end_an_association(void**) {
  for (const std::uint32_t off : distances) {
    wire::Connection c(client, proxy);
    Run run;
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    run.put(c.say(End::client, "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s));
    run.put(c.say(End::server, "\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38"s));
    run.put(c.at(End::server, rst | ack, c.next(End::server) + off, c.next(End::client), ""));
    run.put(damaged(c.at(End::server, rst | ack, c.next(End::server), c.next(End::client), "")));
    wire::Sender sender(c);
    const Endpoint own = wire::endpoint("10.0.0.5", 5000), relay = wire::endpoint("10.0.0.1", 1080);
    run.put(sender.datagram(own, relay, "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35question"s));
    run.put(c.ack(End::client));
    run.finish();
    assert_int_equal(run.flows.size(), 1);
    assert_true(has_noted_once(run.ended.at(0), "outside-window") && has_noted_once(run.ended[0], "checksum-wrong"));
  }
}

// Without the SYNs a window may be multiplied by 2^14 at most.
void a_window_has_a_bound_without_a_syn(void**) {
  wire::Connection c(client, proxy);
  Run run;
  c.syn();
  c.syn_ack();
  run.put(c.ack(End::client));
  put_messages(run, c);
  run.put(c.at(End::client, ack, c.next(End::client) + (502U << 14), c.next(End::server), "forged"));
  run.put(c.say(End::client, "hello"));
  run.put(c.ack(End::server));
  run.finish();
  assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "hello");
  assert_true(has_noted_once(run.ended.at(0), "outside-window"));
}

// ---------------------------------------------------------------- long losses

// Where the receiver acknowledges it, it was there: nothing of it is lost, whatever the distance.
void what_lies_far_ahead_and_is_acknowledged_is_shown(void**) {
  for (const std::uint32_t off : distances) {
    wire::Connection c(client, proxy);
    Run run;
    put_handshake(run, c);
    std::uint32_t at = c.next(End::server);
    run.put(c.at(End::server, ack, at, c.next(End::client), "begin"));
    at += 5 + off;
    for (const char* word : {"one", "two"}) {
      run.put(c.at(End::server, ack, at, c.next(End::client), word));
      run.put(c.at(End::client, ack, c.next(End::client), at + 3, ""));
      at += 3;
    }
    run.finish();
    const Attempt& attempt = run.ended.at(0);
    assert_int_equal(attempt.payload[Direction::from_server].bytes(), 11);
    assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), off);
    assert_true(attempt.anomalies.empty());
    const auto& packets = run.conversations.at(0).packets;
    const auto held = std::find_if(packets.begin(), packets.end(),
                                   [](const VirtualPacket& packet) { return packet.kind == VirtualKind::held; });
    assert_true(held != packets.end());
    assert_int_equal(held->carried_in, 9);
    assert_int_equal(held->frame.number, 10);
  }
}

// Without an answer it is shown when nothing else comes: as many segments as may wait, or the end.
void what_lies_far_ahead_and_is_all_there_is_is_shown(void**) {
  for (const int count : {1, 2, 40}) {
    wire::Connection c(client, proxy);
    Run run;
    put_handshake(run, c);
    std::uint32_t at = c.next(End::server) + 1000000;
    for (int i = 0; i < count; ++i) {
      run.put(c.at(End::server, ack, at, c.next(End::client), "word"));
      at += 4;
    }
    run.finish();
    assert_int_equal(run.ended.at(0).payload[Direction::from_server].bytes(), 4 * count);
    assert_int_equal(run.ended[0].payload[Direction::from_server].missing_bytes(), 1000000);
  }
}

// Both directions are lost for a while.
void a_pause_in_the_capture_loses_nothing_else(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  std::uint32_t up = c.next(End::client) + 3000000, down = c.next(End::server) + 9000000;
  for (int i = 0; i < 10; ++i) {
    run.put(c.at(End::client, ack, up, down, "up"));
    up += 2;
    run.put(c.at(End::server, ack, down, up, "down"));
    down += 4;
  }
  run.finish();
  const Attempt& attempt = run.ended.at(0);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 20);
  assert_int_equal(attempt.payload[Direction::from_client].missing_bytes(), 3000000);
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), 40);
  assert_int_equal(attempt.payload[Direction::from_server].missing_bytes(), 9000000);
  assert_true(attempt.anomalies.empty());
}

// ---------------------------------------------------------------- ports that are used again

/// A second session on the ports of a first one that never closed.
struct Reuse {
  Reuse() {
    put_handshake(run, first);
    run.put(first.say(End::client, "one"));
    second.frame = first.frame;
  }
  void expect_both() {
    run.put(second.say(End::client, "two"));
    run.finish();
    assert_int_equal(run.ended.size(), 2);
    assert_string_equal(run.conversations.at(0).streams[client].text().c_str(), "one");
    assert_string_equal(run.conversations.at(1).streams[client].text().c_str(), "two");
    assert_int_equal(run.ended[1].first.frame, 9);
    for (const Attempt& attempt : run.ended) assert_true(attempt.anomalies.empty());
  }
  wire::Connection first{client, proxy}, second{client, proxy, 900000, 700000};
  Run run;
};

void ports_are_used_again_without_a_close(void**) {
  Reuse answered;
  put_handshake(answered.run, answered.second);
  answered.expect_both();
}

void the_answer_to_a_new_syn_may_be_lost(void**) {
  Reuse s;
  s.run.put(s.second.syn());
  s.second.syn_ack();
  s.run.put(s.second.ack(End::client));
  put_messages(s.run, s.second);
  s.expect_both();
}

void a_new_syn_may_be_lost(void**) {
  Reuse s;
  s.second.syn();
  s.second.frame = s.first.frame;
  s.run.put(s.second.syn_ack());
  s.run.put(s.second.ack(End::client));
  put_messages(s.run, s.second);
  s.expect_both();
}

void only_the_new_client_may_be_captured(void**) {
  Run run;
  wire::Connection first(client, proxy), second(client, proxy, 900000, 700000);
  put_opening(run, first);
  run.put(first.say(End::client, "not ours\r\n"));
  second.frame = first.frame;
  run.put(second.syn());
  second.syn_ack();
  run.put(second.ack(End::client));
  run.put(second.say(End::client, "PROXY TCP4 203.0.113.5 192.0.2.7 41000 80\r\nhello"));
  run.finish();
  assert_int_equal(run.ended.size(), 1);
  assert_int_equal(run.ended[0].payload[Direction::from_client].bytes(), 5);
}

void both_ends_may_open_at_once(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.make(End::server, syn, "", wire::Connection::syn_options));
  run.put(c.at(End::client, syn | ack, 1000, 5001, ""));
  run.put(c.at(End::server, syn | ack, 5000, 1001, ""));
  put_messages(run, c, "hello");
  run.finish();
  assert_string_equal(run.conversations.at(0).streams[origin].text().c_str(), "hello");
  assert_true(run.ended.at(0).anomalies.empty());
}

// ---------------------------------------------------------------- forwarded requests

void forwarded_requests_are_judged_likewise(void**) {
  const std::string ask = "GET http://192.0.2.7/ HTTP/1.1\r\n\r\n", evil = "GET http://192.0.2.9/ HTTP/1.1\r\n\r\n";
  for (int round = 0; round < 6; ++round) {
    wire::Connection c(client, proxy);
    Run run;
    put_opening(run, c);
    const auto forge = [&] {
      const std::uint32_t next = c.next(End::client), theirs = c.next(End::server);
      switch (round) {
        case 0:
          return damaged(c.at(End::client, ack, next, theirs, evil));
        case 1:
          return c.at(End::client, ack, next + 200000000, theirs, evil);
        case 2:
          return c.at(End::client, syn, 77, 0, "");
        case 3:
          return c.at(End::server, syn | ack, 77, next, "");
        case 4:
          return damaged(c.at(End::server, rst, theirs, 0, ""));
        default:
          return c.at(End::server, fin | ack, theirs + 500000000, next, "");
      }
    };
    for (int i = 0; i < 2; ++i) {
      run.put(forge());
      run.put(c.say(End::client, ask.substr(0, 20)));
      run.put(forge());
      run.put(c.say(End::client, ask.substr(20)));
      run.put(forge());
      run.put(c.say(End::server, answer));
    }
    run.put(c.ack(End::client));
    run.finish();
    assert_int_equal(run.ended.size(), 1);
    assert_true(run.ended[0].target->host == "192.0.2.7");
    assert_int_equal(run.ended[0].payload[Direction::from_client].bytes(), 2 * ask.size());
    assert_int_equal(run.ended[0].payload[Direction::from_server].bytes(), 2 * answer.size());
    for (const auto side : {Direction::from_client, Direction::from_server}) {
      assert_int_equal(run.ended[0].payload[side].missing_bytes(), 0);
    }
    assert_true(has_noted_once(run.ended[0], round == 0 || round == 4 ? "checksum-wrong" : "outside-window"));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_syn_with_another_number_changes_nothing),
      cmocka_unit_test(what_lies_outside_the_window_changes_nothing),
      cmocka_unit_test(a_close_behind_what_was_received_changes_nothing),
      cmocka_unit_test(what_acknowledges_too_much_changes_nothing),
      cmocka_unit_test(a_reset_that_is_not_the_next_byte_waits),
      cmocka_unit_test(a_forged_reset_does_not_end_an_association),
      cmocka_unit_test(a_window_has_a_bound_without_a_syn),
      cmocka_unit_test(what_lies_far_ahead_and_is_acknowledged_is_shown),
      cmocka_unit_test(what_lies_far_ahead_and_is_all_there_is_is_shown),
      cmocka_unit_test(a_pause_in_the_capture_loses_nothing_else),
      cmocka_unit_test(ports_are_used_again_without_a_close),
      cmocka_unit_test(the_answer_to_a_new_syn_may_be_lost),
      cmocka_unit_test(a_new_syn_may_be_lost),
      cmocka_unit_test(only_the_new_client_may_be_captured),
      cmocka_unit_test(both_ends_may_open_at_once),
      cmocka_unit_test(forwarded_requests_are_judged_likewise),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
