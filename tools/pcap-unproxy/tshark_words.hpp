// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what tshark is told, so that it decrypts what we can use: the one place where our options become its own.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"

namespace unproxy {

/// The words behind the command, for decrypting the capture at `path`.
[[nodiscard]] std::vector<std::string> tshark_words(const Options& options, const std::string& path);

}  // namespace unproxy
