// SPDX-License-Identifier: GPL-2.0-or-later
// summary: directories among the inputs: the captures below them.
#pragma once

#include "options.hpp"

namespace unproxy {

/// Puts in place of each directory among Options::inputs every capture below it, in order of name: regular files that
/// are named as captures are or can be opened as one, hidden ones and what lies in our own output directories aside.
/// Their folders below the directory come into Options::folders. A directory without captures stays.
void expand_directories(Options& options);

}  // namespace unproxy
