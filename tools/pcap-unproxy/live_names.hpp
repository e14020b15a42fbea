// SPDX-License-Identifier: GPL-2.0-or-later
// summary: addresses of a name from the system's resolver, only when the user asked for it (--names live).
#pragma once

#include <string>
#include <vector>

#include "base/endpoint.hpp"

namespace unproxy {

/// In the resolver's order; empty if there are none. Sends queries to the network. Each name is asked once in a run.
std::vector<proxytunnel::Address> live_addresses(const std::string& name);

}  // namespace unproxy
