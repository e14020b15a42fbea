// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the program does: every input through the core, then the report and the list.
#pragma once

#include "options.hpp"

namespace unproxy {

/// Returns the exit code. Problems are told on standard error; what could be done is done. When `stop` becomes true,
/// reading ends and the outputs are completed.
int run(const Options& options, const StopFlag& stop);

}  // namespace unproxy
