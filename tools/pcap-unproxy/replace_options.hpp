// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which options go together with --mode replace.
#pragma once

#include <optional>
#include <string>

#include "options.hpp"

namespace unproxy {

/// What is wrong, and what to do; nullopt if nothing is.
std::optional<std::string> check_replace(const Options& options);

}  // namespace unproxy
