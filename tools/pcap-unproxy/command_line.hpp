// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how the program was called, for the report: who defends a result must be able to make it again.
#pragma once

#include <string>
#include <vector>

namespace unproxy {

/// The words of a command line that decide what is found: without the names of outputs, -j, and what only concerns
/// messages. So the report is the same wherever it is written.
std::vector<std::string> deciding_words(int argc, const char* const* argv);

}  // namespace unproxy
