// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a fuzz target demands of the code that it runs.
#pragma once

#include <cstdio>
#include <cstdlib>

/// Says what is broken, and aborts, unless it holds.
inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}
