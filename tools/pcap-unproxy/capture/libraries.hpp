// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the libraries that read captures, for the report.
#pragma once

#include <map>
#include <string>

namespace unproxy {

/// Their names and versions: of libpcap as it is now, of Wireshark's as it was when the program was built.
std::map<std::string, std::string> libraries();

}  // namespace unproxy
