// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --trust-forwarded on the command line.
#pragma once

#include <CLI/CLI.hpp>

#include "base/address_set.hpp"

namespace unproxy {

/// Adds the option, which adds to `trusted` what it is given. Lives as long as `app` does.
void define_trust(CLI::App& app, proxytunnel::AddressSet& trusted);

}  // namespace unproxy
