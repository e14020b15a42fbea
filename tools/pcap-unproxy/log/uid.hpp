// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of connections in logs, as Zeek's look: the same in every run, and of no use to guess another's.
#pragma once

#include <string>

#include "tunnel/attempt.hpp"

namespace unproxy {

/// Of a connection on the wire: its ends, and when and in which frame it began.
std::string uid_of_connection(const proxytunnel::Ends& ends, proxytunnel::Time first, proxytunnel::FrameNumber frame);

/// Of an attempt's virtual conversation; `carrier` is the uid of the connection or conversation that it is in.
std::string uid_of_conversation(const std::string& carrier, const proxytunnel::Attempt& attempt);
/// Of an association, of one of its targets.
std::string uid_of_flow(const std::string& association, std::uint32_t flow);

}  // namespace unproxy
