// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which bytes belong to which conversation, against a model that has one entry for each byte.
#include <optional>
#include <random>
#include <vector>

#include "base/limits.hpp"
#include "tracker/shares.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

void assert_share(const Share* share, Range range, TunnelId tunnel, Offset at) {
  assert_non_null(share);
  assert_int_equal(share->range.begin, range.begin);
  assert_int_equal(share->range.end, range.end);
  assert_int_equal(share->tunnel, tunnel);
  assert_int_equal(share->at, at);
}

void what_continues_a_share_is_part_of_it(void**) {
  Shares shares;
  assert_null(shares.holding(0));
  assert_null(shares.before(0, 100));
  shares.add({10, 20}, 0, 0, 0);
  shares.add({20, 25}, 0, 10, 0);
  shares.add({25, 30}, 1, 0, 0);
  shares.add({32, 40}, 1, 5, 0);  // a hole is no continuation
  assert_int_equal(shares.list().size(), 3);
  assert_share(shares.holding(10), {10, 25}, 0, 0);
  assert_share(shares.holding(24), {10, 25}, 0, 0);
  assert_share(shares.holding(25), {25, 30}, 1, 0);
  assert_share(shares.holding(39), {32, 40}, 1, 5);
  for (const Offset nobodys : {0, 9, 30, 31, 40}) assert_null(shares.holding(nobodys));
}

void the_share_before_an_offset_is_the_conversations_own(void**) {
  Shares shares;
  shares.add({10, 20}, 0, 0, 0);
  shares.add({20, 30}, 1, 0, 0);
  shares.add({30, 40}, 0, 10, 0);
  assert_share(shares.before(0, 35), {30, 40}, 0, 10);
  assert_share(shares.before(0, 1000), {30, 40}, 0, 10);
  assert_share(shares.before(0, 30), {10, 20}, 0, 0);  // begins before it, not there
  assert_share(shares.before(0, 5), {10, 20}, 0, 0);   // else the first one
  assert_share(shares.before(1, 100), {20, 30}, 1, 0);
  assert_share(shares.before(1, 0), {20, 30}, 1, 0);
  assert_null(shares.before(2, 100));
}

void a_share_may_go_on_for_good(void**) {
  Shares shares;
  shares.add({10, 20}, 0, 0, 0);
  shares.add({20, std::numeric_limits<Offset>::max()}, 1, 0, 0);
  assert_true(shares.list().front().has_end());
  assert_false(shares.list().back().has_end());
  assert_int_equal(shares.list().back().range.end, Share::no_end);
  assert_share(shares.holding(Offset{1} << 60), {20, Share::no_end}, 1, 0);
}

void the_oldest_are_forgotten(void**) {
  Shares shares;
  const auto count = static_cast<Offset>(2 * limits::shares) + 10;
  const auto add = [&shares](Offset i, Offset shown) {
    shares.add({i * 10, i * 10 + 10}, static_cast<TunnelId>(i % 2), i * 5, shown);
  };
  for (Offset i = 0; i < count; ++i) add(i, 35);
  assert_int_equal(shares.list().size(), count - 3);  // what was not shown stays, however many they are
  assert_null(shares.holding(29));
  assert_share(shares.holding(30), {30, 40}, 1, 15);
  assert_share(shares.before(0, 0), {40, 50}, 0, 20);
  add(count, count * 10);
  assert_int_equal(shares.list().size(), limits::shares);
  assert_share(shares.holding(count * 10), {count * 10, count * 10 + 10}, static_cast<TunnelId>(count % 2), count * 5);
}

void it_is_as_the_model_says(void**) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    Shares shares;
    std::vector<std::optional<std::size_t>> owner;
    std::vector<Offset> virtual_at, size(3, 0);
    for (int step = 0; step < 20; ++step) {
      const std::size_t hole = random() % 3 == 0 ? random() % 4 : 0, length = 1 + random() % 6, who = random() % 3;
      owner.resize(owner.size() + hole);
      virtual_at.resize(owner.size());
      const auto begin = static_cast<Offset>(owner.size());
      shares.add({begin, begin + static_cast<Offset>(length)}, static_cast<TunnelId>(who), size[who], 0);
      for (std::size_t i = 0; i < length; ++i) {
        owner.emplace_back(who);
        virtual_at.push_back(size[who]++);
      }
    }
    for (std::size_t offset = 0; offset < owner.size() + 3; ++offset) {
      const Share* share = shares.holding(static_cast<Offset>(offset));
      const bool is_somebodys = offset < owner.size() && owner[offset];
      assert_int_equal(share != nullptr, is_somebodys);
      if (share == nullptr) continue;
      assert_int_equal(share->tunnel, *owner[offset]);
      assert_int_equal(share->at + static_cast<Offset>(offset) - share->range.begin, virtual_at[offset]);
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_continues_a_share_is_part_of_it),
      cmocka_unit_test(the_share_before_an_offset_is_the_conversations_own),
      cmocka_unit_test(a_share_may_go_on_for_good),
      cmocka_unit_test(the_oldest_are_forgotten),
      cmocka_unit_test(it_is_as_the_model_says),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
