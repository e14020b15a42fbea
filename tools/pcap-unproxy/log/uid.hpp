// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of connections in logs, as Zeek's look: the same in every run, and of no use to guess another's.
#pragma once

#include <string>

#include "base/segment.hpp"

namespace unproxy {

/// Of a connection on the wire: its ends, and when and in which frame it began.
std::string uid_of_connection(const proxytunnel::Ends& ends, proxytunnel::Time first, proxytunnel::FrameNumber frame);

/// Of a virtual conversation. `capture`: the time of its first packet. `tunnel` counts the attempts of the capture.
/// `flow`: of an association, which of its targets.
std::string uid_of_conversation(proxytunnel::Time capture, proxytunnel::TunnelId tunnel, std::uint32_t flow);

}  // namespace unproxy
