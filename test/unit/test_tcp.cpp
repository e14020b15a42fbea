// SPDX-License-Identifier: GPL-2.0-or-later
// summary: sequence numbers, what a receiver takes, the reorder buffer against a model, the connection table against a
// model.
#include <algorithm>
#include <list>
#include <random>

#include "base/limits.hpp"
#include "base/range_set.hpp"
#include "tcp/connection_table.hpp"
#include "tcp/receiver.hpp"
#include "tcp/recent_bytes.hpp"
#include "tcp/sequence.hpp"
#include "tcp/stream_buffer.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

void offsets_go_on_where_numbers_wrap(void**) {
  SequenceSpace space;
  space.start(0xfffffff0U);
  assert_int_equal(space.offset(0x10), 0x20);
  assert_int_equal(space.offset(0xffffffefU), -1);
  Offset seen = 0;
  for (int i = 0; i < 40; ++i) {  // 40 steps of 2^28: the numbers wrap twice
    seen += Offset{1} << 28;
    assert_int_equal(space.offset(space.sequence(seen)), seen);
    space.see(seen);
  }
  assert_int_equal(space.offset(space.sequence(seen - 1000)), seen - 1000);
}

// By one round of the numbers at most, and wherever they wrap.
void a_stream_goes_on_behind_a_long_loss(void**) {
  for (const Offset loss :
       {Offset{1} << 30, Offset{3} << 29, (Offset{1} << 31) + 5, (Offset{1} << 32) - (Offset{1} << 30) - 4096}) {
    SequenceSpace space;
    space.start(7);
    Offset end = 0;
    for (int leap = 0; leap < 3; ++leap) {
      end += loss;
      space.leap(space.sequence(end));
      assert_int_equal(space.latest(), end);
      assert_int_equal(space.offset(space.sequence(end + 100)), end + 100);
    }
    assert_int_equal(space.offset(space.sequence(end - 1000)), end - 1000);  // late
  }
}

void a_receiver_takes_what_its_window_holds(void**) {
  Receiver receiver;
  const Offset latest = 5000;
  receiver.acknowledge(3000);
  assert_true(receiver.takes(latest + limits::largest_window, latest));  // nothing is known of its window
  receiver.advertise(100000);
  receiver.advertise(0);
  assert_true(receiver.takes(latest + 100000, latest) && !receiver.takes(latest + 100001, latest));
  assert_true(receiver.takes(3000 - 100000, latest) && !receiver.takes(3000 - 100001, latest));  // sent again
  receiver.acknowledge(200000);  // segments before it were not captured
  assert_true(receiver.takes(300000, latest) && !receiver.takes(300001, latest));
}

void a_stream_ends_where_nothing_was_seen_behind(void**) {
  Receiver receiver;
  receiver.advertise(1000);
  receiver.acknowledge(3000);
  assert_true(receiver.takes_end(5000, 5000) && receiver.takes_end(4999, 5000));  // again, behind itself
  assert_true(receiver.takes_end(5000 + limits::smallest_window, 5000));
  assert_false(receiver.takes_end(4000, 5000) || receiver.takes_end(5001 + limits::smallest_window, 5000));
}

// Wherever the next byte may be: what is acknowledged may lie behind what was seen, or before it.
void a_reset_stands_at_the_next_byte(void**) {
  Receiver receiver;
  receiver.advertise(1000);
  receiver.acknowledge(3000);
  for (const Offset taken : {2999, 3000, 4000, 5000, 5001}) assert_true(receiver.takes_reset(taken, 5000));
  for (const Offset not_taken : {-1, 2998, 5002, 6000}) assert_false(receiver.takes_reset(not_taken, 5000));
  receiver.acknowledge(7000);
  assert_true(receiver.takes_reset(7000, 5000));
}

void other_bytes_for_the_same_place_are_found(void**) {
  RecentBytes recent;
  const std::vector<std::uint8_t> text(100, 'a'), another(100, 'b');
  recent.remember(1000, text, limits::recent_bytes);
  assert_false(recent.contradicts(1000, text) || recent.contradicts(1100, another) || recent.contradicts(900, another));
  assert_true(recent.contradicts(1000, another) && recent.contradicts(1099, another) &&
              recent.contradicts(901, another));
  constexpr auto kept = static_cast<Offset>(limits::recent_bytes);
  for (Offset at = 0; at < 50; ++at) {  // it is a ring
    const std::vector<std::uint8_t> next(700, static_cast<std::uint8_t>(at));
    const Offset begin = 2000 + 700 * at;
    recent.remember(begin, next, limits::recent_bytes);
    assert_false(recent.contradicts(begin, next));
    assert_true(recent.contradicts(begin, another) && recent.contradicts(begin + 600, another));
    const Offset oldest = begin + 700 - kept;
    if (oldest < 2100) continue;
    assert_true(recent.contradicts(oldest, another));
    assert_false(recent.contradicts(oldest - 100, another));  // forgotten
  }
  assert_false(recent.contradicts(1000, another));
  assert_int_equal(recent.size(), limits::recent_bytes);
  const std::vector<std::uint8_t> large(3 * limits::recent_bytes, 'c');
  recent.remember(100000, large, limits::recent_bytes);
  assert_true(recent.contradicts(100000 + 3 * kept - 50, text) && recent.contradicts(100000 + 2 * kept, text));
  assert_false(recent.contradicts(100000 + 2 * kept - 100, text));
  for (std::size_t range = 0; range < limits::recent_ranges; ++range) {  // holes between all of them
    recent.remember(static_cast<Offset>(1000000 + 200 * range), text, limits::recent_bytes);
  }
  assert_true(recent.contradicts(1000000, another));
  recent.remember(2000000, text, limits::recent_bytes);
  assert_false(recent.contradicts(1000000, another));
  RecentBytes none;
  none.remember(0, text, 10);
  assert_false(none.contradicts(0, another));
}

void segments_in_any_order_make_one_stream(void**) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint8_t> stream(60);
    for (auto& byte : stream) byte = static_cast<std::uint8_t>(random());
    std::vector<Range> cuts;
    for (std::int64_t at = 0; at < 60;) {
      const auto end = std::min<std::int64_t>(60, at + 1 + static_cast<std::int64_t>(random() % 9));
      cuts.push_back({std::max<std::int64_t>(0, at - static_cast<std::int64_t>(random() % 3)), end});  // overlaps too
      at = end;
    }
    std::shuffle(cuts.begin(), cuts.end(), random);
    {
      StreamBuffer buffer;
      std::uint64_t frame = 0;
      std::size_t taken = 0;
      for (const Range cut : cuts) {
        const Bytes piece =
            Bytes(stream).subspan(static_cast<std::size_t>(cut.begin), static_cast<std::size_t>(cut.end - cut.begin));
        assert_true(buffer.insert(cut.begin, piece, {{++frame, 0}}));
        const Bytes have = buffer.untaken();
        for (std::size_t i = 0; i < have.size(); ++i) assert_int_equal(have[i], stream[taken + i]);
        const std::size_t some = have.size() / 2;
        buffer.take(some);
        taken += some;
      }
      assert_int_equal(buffer.end(), 60);
      assert_false(buffer.has_hole());
      buffer.take(buffer.untaken().size());
      assert_int_equal(buffer.kept(), 0);
    }
  }
}

void a_stream_knows_which_frame_carried_a_byte(void**) {
  StreamBuffer buffer;
  const std::uint8_t bytes[10] = {};
  buffer.insert(4, Bytes(bytes).first(4), {{2, 20}});
  buffer.insert(0, Bytes(bytes).first(4), {{3, 30}});
  assert_int_equal(buffer.said(1).stamp.frame, 3);
  assert_int_equal(buffer.said(4).stamp.frame, 3);
  assert_int_equal(buffer.said(5).stamp.frame, 2);
  buffer.take(4);
  assert_int_equal(buffer.said(8).stamp.frame, 2);
}

void the_first_of_two_versions_counts(void**) {
  StreamBuffer buffer;
  const std::uint8_t one[] = {1, 1, 1}, two[] = {2, 2, 2, 2};
  buffer.insert(0, Bytes(one), {});
  buffer.insert(0, Bytes(two), {});
  assert_int_equal(buffer.untaken()[2], 1);
  assert_int_equal(buffer.untaken()[3], 2);
}

void a_stream_is_bounded(void**) {
  StreamBuffer buffer;
  const std::vector<std::uint8_t> much(limits::held_bytes / 2 + 1);
  assert_true(buffer.insert(0, much, {}));
  assert_false(buffer.insert(static_cast<Offset>(much.size()), much, {}));
  const std::uint8_t one[] = {1};
  std::size_t pieces = 0;
  for (Offset at = 1000000; at < 1001000; at += 2) pieces += buffer.insert(at, Bytes(one), {}) ? 1U : 0U;
  assert_int_equal(pieces, limits::held_segments);
}

ConnectionKey key(std::uint32_t number) {
  Endpoint one, two;
  put32(one.address.octets.data(), number);
  two.port = 80;
  return ConnectionKey::of(one, two, no_tunnel);
}

// Against a model: a list in order of use.
void the_longest_idle_connection_goes_first(void**) {
  std::mt19937 random(3);
  ConnectionTable<std::uint32_t> table(100, HashKey{42, 43});
  std::list<std::uint32_t> model;  // oldest first
  for (int i = 0; i < 20000; ++i) {
    const auto number = static_cast<std::uint32_t>(1 + random() % 250);
    std::uint32_t evicted = 0;
    const auto [value, is_new] = table.find_or_insert(key(number), [&](std::uint32_t& idle) { evicted = idle; });
    const auto known = std::find(model.begin(), model.end(), number);
    assert_true(is_new == (known == model.end()));
    if (known != model.end()) {
      assert_int_equal(*value, number);
      model.erase(known);
    } else {
      *value = number;
      const std::uint32_t expected = model.size() == 100 ? model.front() : 0;
      assert_int_equal(evicted, expected);
      if (expected != 0) model.pop_front();
    }
    model.push_back(number);
    assert_int_equal(table.size(), model.size());
  }
  for (const std::uint32_t number : model) assert_int_equal(*table.find(key(number)), number);
  assert_null(table.find(key(999)));
  auto next = model.begin();
  table.each([&](std::uint32_t value) { assert_int_equal(value, *next++); });
}

void both_directions_have_one_key(void**) {
  const Endpoint one{*Address::parse("10.0.0.1"), 1}, two{*Address::parse("10.0.0.2"), 2};
  assert_true(ConnectionKey::of(one, two, 3) == ConnectionKey::of(two, one, 3));
  assert_false(ConnectionKey::of(one, two, 3) == ConnectionKey::of(one, two, 4));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(offsets_go_on_where_numbers_wrap),
      cmocka_unit_test(a_stream_goes_on_behind_a_long_loss),
      cmocka_unit_test(a_receiver_takes_what_its_window_holds),
      cmocka_unit_test(a_stream_ends_where_nothing_was_seen_behind),
      cmocka_unit_test(a_reset_stands_at_the_next_byte),
      cmocka_unit_test(other_bytes_for_the_same_place_are_found),
      cmocka_unit_test(segments_in_any_order_make_one_stream),
      cmocka_unit_test(a_stream_knows_which_frame_carried_a_byte),
      cmocka_unit_test(the_first_of_two_versions_counts),
      cmocka_unit_test(a_stream_is_bounded),
      cmocka_unit_test(the_longest_idle_connection_goes_first),
      cmocka_unit_test(both_directions_have_one_key),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
