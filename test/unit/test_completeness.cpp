// SPDX-License-Identifier: GPL-2.0-or-later
// summary: nothing is lost in silence: sessions in random orders, with the oracle of fuzz/completeness.hpp.
#include "../../fuzz/completeness.hpp"

#include <random>

#include "unit.hpp"

namespace {

using proxytunnel::Bytes;

void nothing_is_lost_in_silence(void**) {
  std::mt19937 random(5);
  for (unsigned round = 0; round < 6000; ++round) {
    std::vector<std::uint8_t> script{static_cast<std::uint8_t>(round)};
    const std::size_t operations = 2 + random() % 24;
    for (std::size_t i = 0; i < operations; ++i) {
      const bool closes = random() % 12 == 0;
      const std::size_t lets_go = random() % 10 == 0 ? 16 : 0;
      script.push_back(static_cast<std::uint8_t>((closes ? 12 + random() % 4 : random() % 12) + lets_go));
      script.push_back(static_cast<std::uint8_t>(random() % 3 == 0 ? 0 : random()));
      script.push_back(static_cast<std::uint8_t>(random() % 2 == 0 ? random() % 60 : random()));
      script.push_back(static_cast<std::uint8_t>(random() % 2 == 0 ? 0 : random()));
    }
    completeness::play(Bytes(script));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_in_silence)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
