// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --select on the command line, and what is wrong with it.
#pragma once

#include <optional>
#include <string>

#include "options.hpp"

namespace unproxy {

/// Takes the expression over; otherwise what is wrong with it, in lines for standard error: the last two of them are
/// the expression and a caret below the mistake.
std::optional<std::string> take_select(const std::optional<std::string>& text, Options& options);

/// What else the expression needs. All other options are read by then.
std::optional<std::string> check_select(const Options& options);

}  // namespace unproxy
