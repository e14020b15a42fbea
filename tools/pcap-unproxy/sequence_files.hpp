// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --files-from and --list-files: the files of a sequence as a list, with what tells their order.
#pragma once

#include <optional>
#include <string>

#include "options.hpp"
#include "sequence.hpp"

namespace unproxy {

/// Puts the files that a list names (`-`: standard input) behind Options::inputs: one in a line, or what
/// write_files_list() wrote, which also fills Options::first_times. Otherwise what is wrong with the list.
std::optional<std::string> take_files_list(const std::string& list, Options& options);

/// Writes the files of the sequence to standard output, in their order; those that cannot be read are told, too. The
/// exit code.
int write_files_list(const Options& options, const StopFlag* stop);

}  // namespace unproxy
