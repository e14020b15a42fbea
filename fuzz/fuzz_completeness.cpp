// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes the order of events in proxy sessions: nothing is lost in silence (completeness.hpp).
#include "completeness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  completeness::play({bytes, size});
  return 0;
}
