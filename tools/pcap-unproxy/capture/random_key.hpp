// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a key for hash tables that what is in a capture cannot know.
#pragma once

#include "base/siphash.hpp"

namespace unproxy {

/// From the system's randomness.
[[nodiscard]] proxytunnel::HashKey random_key();

}  // namespace unproxy
