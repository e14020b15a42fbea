// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the libraries that read captures, for the report.
#include "capture/libraries.hpp"

#include <pcap/pcap.h>
#include <ws_version.h>

namespace unproxy {

std::map<std::string, std::string> libraries() {
  const std::string wiretap = std::to_string(WIRESHARK_VERSION_MAJOR) + "." + std::to_string(WIRESHARK_VERSION_MINOR) +
                              "." + std::to_string(WIRESHARK_VERSION_MICRO);
  return {{"libpcap", pcap_lib_version()}, {"wiretap", "Wireshark " + wiretap}};
}

}  // namespace unproxy
