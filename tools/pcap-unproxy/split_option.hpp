// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --split on the command line.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "options.hpp"

namespace unproxy {

/// What --split takes.
[[nodiscard]] const std::map<std::string, SplitBy>& split_words();

/// What is wrong with it; otherwise Options::split is complete. All other options are read by then.
std::optional<std::string> take_split(std::optional<std::size_t> max_open_files, Options& options);

}  // namespace unproxy
