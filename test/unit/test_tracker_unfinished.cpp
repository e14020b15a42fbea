// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: which connections may still bring something, and what tells where an attempt or a skipped
//          connection belongs.
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

constexpr FrameRange all{0, 1'000'000};
const std::string refusal = "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"s;

void assert_unfinished(const Run& run, FrameRange frames, std::size_t looked_at, std::size_t silent) {
  const Tracker::Unfinished found = run.tracker.unfinished(frames);
  assert_int_equal(found.looked_at, looked_at);
  assert_int_equal(found.silent, silent);
  assert_int_equal(run.tracker.has_unfinished(frames), looked_at + silent != 0);
}

void close(Run& run, wire::Connection& c) {
  run.put(c.fin(End::client));
  run.put(c.fin(End::server));
  run.put(c.ack(End::client));
}

void a_session_until_it_is_forgotten(void**) {
  Run run;
  wire::Connection c(client, proxy);
  put_opening(run, c);
  assert_unfinished(run, all, 0, 1);
  assert_unfinished(run, {2, 100}, 0, 0);  // it began in frame 1
  assert_unfinished(run, {0, 1}, 0, 0);
  run.put(c.say(End::client, greeting));
  assert_unfinished(run, all, 1, 0);
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  run.put(c.say(End::server, reply));
  assert_unfinished(run, {1, 2}, 1, 0);
  close(run, c);
  std::uint64_t frame = c.frame;
  for (std::size_t i = 0; i < limits::closed_connections; ++i) {
    assert_unfinished(run, {1, 2}, 1, 0);
    wire::Connection other(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(1000 + i)), proxy);
    other.frame = frame;
    put_opening(run, other);
    run.put(other.rst(End::client));
    frame = other.frame;
  }
  assert_unfinished(run, {1, 2}, 0, 0);
  assert_true(run.ended.empty());  // it comes out with the next segment
  wire::Connection last(wire::endpoint("10.0.0.7", 1), proxy);
  run.put(last.syn());
  assert_int_equal(run.ended.size(), 1);
}

void what_is_nothing_of_ours(void**) {
  Run run;
  wire::Connection c(client, proxy);
  put_opening(run, c);
  run.put(c.say(End::client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  run.put(c.say(End::client, "\x16\x03\x01 something else"));
  assert_unfinished(run, all, 0, 0);
}

/// A client that goes on is told of; then nothing more is, unless there is an account.
void a_refusal(void**) {
  for (const bool accounts : {false, true}) {
    TrackerOptions options;
    options.accounts = accounts;
    Run run(options);
    wire::Connection c(client, proxy);
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    run.put(c.say(End::client, request));
    run.put(c.say(End::server, refusal));
    assert_int_equal(run.ended.size(), 1);
    assert_unfinished(run, all, 1, 0);
    run.put(c.say(End::client, "going on"));
    assert_int_equal(run.skipped.size(), 1);
    assert_true(run.skipped[0].parent == no_tunnel && run.skipped[0].carrier_first == 1);
    assert_unfinished(run, all, accounts ? 1 : 0, 0);
  }
}

/// A SYN that may be another connection's waits for its answer: that connection would have begun with it.
void what_may_have_begun(void**) {
  Run run;
  wire::Connection first(client, proxy), second(client, proxy, 90'000'000, 70'000'000);
  put_opening(run, first);
  run.put(first.say(End::client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  run.put(first.say(End::server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  run.put(first.say(End::client, "\x16\x03\x01 something else"));
  second.frame = first.frame;
  const FrameRange of_syn{second.frame + 1, second.frame + 2};
  run.put(second.syn());
  assert_int_equal(run.tracker.counters().connections, 1);
  assert_unfinished(run, of_syn, 1, 0);
  run.put(second.syn_ack());
  assert_int_equal(run.tracker.counters().connections, 2);
  assert_unfinished(run, of_syn, 0, 1);
}

void connections_without_a_beginning_are_counted(void**) {
  Run run;
  wire::Connection one(client, proxy), two(wire::endpoint("10.0.0.6", 1), proxy);
  put_opening(run, one);
  (void)two.syn();
  run.put(two.say(End::client, "in the middle"));
  run.put(two.say(End::server, "of something"));
  assert_int_equal(run.tracker.counters().connections, 2);
  assert_int_equal(run.tracker.counters().midstream, 1);
}

/// Attempts of a connection are numbered in it; one that is inside another tells which.
void where_attempts_belong(void**) {
  Run run;
  wire::Connection c(client, proxy);
  c.frame = 10;
  put_opening(run, c);
  for (const char* code : {"407 Proxy Authentication Required", "200 OK"}) {
    run.put(c.say(End::client, "CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n"));
    run.put(c.say(End::server, "HTTP/1.1 " + std::string(code) + "\r\nContent-Length: 0\r\n\r\n"));
  }
  run.put(c.say(End::client, "CONNECT 192.0.2.8:80 HTTP/1.1\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nVia: 1.1 a\r\n\r\n"));
  run.put(c.say(End::client, "\x16\x03\x01 something else"));
  run.finish();
  assert_int_equal(run.ended.size(), 3);
  for (std::size_t i = 0; i < 2; ++i) {
    assert_int_equal(run.ended[i].ordinal, i);
    assert_int_equal(run.ended[i].carrier_first.frame, 11);
  }
  assert_true(run.ended[2].ordinal == 0 && run.ended[2].parent == run.ended[1].id);
  assert_int_equal(run.skipped.size(), 1);
  assert_true(run.skipped[0].parent == run.ended[1].id && run.skipped[0].carrier_first > 11);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_session_until_it_is_forgotten),
      cmocka_unit_test(what_is_nothing_of_ours),
      cmocka_unit_test(a_refusal),
      cmocka_unit_test(what_may_have_begun),
      cmocka_unit_test(connections_without_a_beginning_are_counted),
      cmocka_unit_test(where_attempts_belong),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
