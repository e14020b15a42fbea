// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of connections in logs: each its own, and the same whatever part of a capture is looked at.
#include <set>
#include <string>

#include "log/uid.hpp"
#include "unit.hpp"
#include "wire.hpp"

using proxytunnel::Attempt;
using unproxy::uid_of_connection;
using unproxy::uid_of_conversation;
using unproxy::uid_of_flow;

namespace {

Attempt attempt_in(proxytunnel::FrameNumber carrier_first, unsigned ordinal) {
  Attempt attempt;
  attempt.carrier_first.frame = carrier_first;
  attempt.ordinal = ordinal;
  return attempt;
}

void each_has_its_own(void**) {
  const proxytunnel::Ends ends{wire::endpoint("10.0.0.5", 4000), wire::endpoint("10.0.0.1", 1080)};
  std::set<std::string> uids;
  std::size_t count = 0;
  for (const proxytunnel::FrameNumber frame : {1U, 2U}) {
    const std::string carrier = uid_of_connection(ends, 1'000'000'000, frame);
    uids.insert(carrier);
    ++count;
    for (const proxytunnel::FrameNumber first : {7U, 8U}) {
      for (const unsigned ordinal : {0U, 1U}) {
        const std::string own = uid_of_conversation(carrier, attempt_in(first, ordinal));
        for (const unsigned flow : {0U, 1U, 2U}) uids.insert(uid_of_flow(own, flow));
        count += 3;
      }
    }
  }
  assert_int_equal(uids.size(), count);
  for (const std::string& uid : uids) assert_true(uid.size() == 18 && uid[0] == 'C');
}

/// Bounded looks back give attempts other numbers.
void numbers_of_the_run_do_not_count(void**) {
  Attempt one = attempt_in(7, 0), two = one;
  two.id = 12;
  two.parent = 3;
  assert_string_equal(uid_of_conversation("C1", one).c_str(), uid_of_conversation("C1", two).c_str());
  assert_string_equal(uid_of_flow("C1", 0).c_str(), "C1");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_has_its_own),
      cmocka_unit_test(numbers_of_the_run_do_not_count),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
