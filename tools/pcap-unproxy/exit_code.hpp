// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how the program ends.
#pragma once

namespace unproxy::exit_code {

constexpr int done = 0;     ///< also when no tunnel was found
constexpr int damaged = 1;  ///< done, but an input was damaged or cut short, or reading was interrupted
constexpr int usage = 2;
constexpr int unreadable_input = 3;
constexpr int unwritable_output = 4;  ///< or memory ran out

}  // namespace unproxy::exit_code
