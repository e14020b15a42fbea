// SPDX-License-Identifier: GPL-2.0-or-later
// summary: CMocka for C++.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}
#undef skip  // a macro with a common name
