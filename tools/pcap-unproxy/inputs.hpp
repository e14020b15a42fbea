// SPDX-License-Identifier: GPL-2.0-or-later
// summary: directories among the inputs: the captures below them; and inputs that are streams.
#pragma once

#include <optional>
#include <string>

#include "options.hpp"

namespace unproxy {

/// Puts in place of each directory among Options::inputs every capture below it, in order of name: regular files that
/// are named as captures are or can be opened as one, hidden ones and what lies in our own output directories aside.
/// Their folders below the directory come into Options::folders. A directory without captures stays.
void expand_directories(Options& options);

/// The first input that can be read only once, such as a pipe.
std::optional<std::string> first_stream(const Options& options);

}  // namespace unproxy
