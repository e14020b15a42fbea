// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which options go together with --sequence.
#pragma once

#include <optional>
#include <string>

#include "options.hpp"

namespace unproxy {

/// What is wrong with --sequence, if it was given. All other options are read by then.
std::optional<std::string> check_sequence(const Options& options);

}  // namespace unproxy
