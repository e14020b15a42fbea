// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which ranges of a stream moved, against a model that has one entry for each byte; and what is forgotten.
#include <random>
#include <vector>

#include "base/limits.hpp"
#include "tracker/remainder.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

void what_moved_is_counted(void**) {
  std::mt19937 random(7);
  for (unsigned round = 0; round < 200; ++round) {
    Moved moved;
    std::vector<bool> model;
    for (unsigned i = 0; i < 50; ++i) {
      const std::size_t stays = random() % 3 == 0 ? 0 : random() % 9, moves = random() % 9;
      model.insert(model.end(), stays, false);
      const auto begin = static_cast<Offset>(model.size());
      model.insert(model.end(), moves, true);
      moved.add({begin, static_cast<Offset>(model.size())});
    }
    Offset before = 0;
    for (std::size_t at = 0; at < model.size(); ++at) {
      const auto offset = static_cast<Offset>(at);
      assert_true(moved.knows(offset));
      assert_int_equal(moved.before(offset), before);
      std::size_t next = at;
      while (next < model.size() && model[next]) ++next;
      assert_int_equal(moved.stays_behind(offset).begin, next);
      while (next < model.size() && !model[next]) ++next;
      if (next < model.size()) assert_int_equal(moved.stays_behind(offset).end, next);
      before += model[at] ? 1 : 0;
    }
    assert_int_equal(moved.before(static_cast<Offset>(model.size()) + 5), before);
  }
}

// A message that stays after each that moves: 10 bytes each.
void what_lies_far_back_is_forgotten_and_counts(void**) {
  Moved moved;
  constexpr auto many = static_cast<Offset>(10 * limits::shares);
  for (Offset i = 0; i < many; ++i) moved.add({20 * i, 20 * i + 10});
  assert_false(moved.knows(0));
  const Offset remembered = 20 * (many - static_cast<Offset>(limits::shares));
  assert_true(moved.knows(remembered));
  assert_int_equal(moved.before(remembered), remembered / 2);
  assert_int_equal(moved.before(20 * many), 10 * many);
}

void a_fin_does_not_move(void**) {
  Remains remains;
  remains.moved[Side::initiator].add({100, 1000000});
  assert_int_equal(remains.moved_before(Side::initiator, 250), 150);
  remains.fin_at[Side::initiator] = 250;
  assert_int_equal(remains.moved_before(Side::initiator, 250), 150);
  assert_int_equal(remains.moved_before(Side::initiator, 251), 150);
}

void what_stays_is_taken_out(void**) {
  RangeSet some(8), others(8);
  some.add({5, 10});
  others.add({0, 2});
  others.add({8, 12});
  const std::vector<Range> left = without({0, 20}, some, others);
  assert_int_equal(left.size(), 2);
  assert_true(left[0] == (Range{2, 5}));
  assert_true(left[1] == (Range{12, 20}));
  assert_true(without({6, 9}, some, others).empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_moved_is_counted),
      cmocka_unit_test(what_lies_far_back_is_forgotten_and_counts),
      cmocka_unit_test(a_fin_does_not_move),
      cmocka_unit_test(what_stays_is_taken_out),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
