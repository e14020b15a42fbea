// SPDX-License-Identifier: GPL-2.0-or-later
// summary: pcap-unproxy in Wireshark's list of interfaces: what extcap asks for, as our own options.
// spec: https://www.wireshark.org/docs/wsdg_html_chunked/ChCaptureExtcap.html
#pragma once

#include <variant>

#include "options.hpp"

namespace unproxy {

/// Whether it is Wireshark that speaks.
bool is_extcap(int argc, const char* const* argv);

/// What Wireshark wants to know, or what it wants captured: virtual conversations into its FIFO.
std::variant<Options, Leave> parse_extcap(int argc, const char* const* argv);

}  // namespace unproxy
