// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the name of a flow that Wireshark, Zeek, Suricata and Arkime give it, too.
// spec: Community ID 1 (github.com/corelight/community-id-spec), seed 0
#pragma once

#include <string>

#include "base/segment.hpp"

namespace proxytunnel {

/// "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", the same for both directions.
[[nodiscard]] std::string community_id(const Ends& ends, Transport transport);

}  // namespace proxytunnel
