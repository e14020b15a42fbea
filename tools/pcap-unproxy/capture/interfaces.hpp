// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the interfaces of this system that can be captured from, as libpcap knows them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unproxy {

struct SystemInterface {
  std::string name, description;  ///< as the system has them: not fit for a terminal
  std::uint32_t flags = 0;        ///< PCAP_IF_
  [[nodiscard]] bool is_up() const noexcept;
};

/// Throws CaptureError if the system does not tell.
std::vector<SystemInterface> system_interfaces();

/// A line for each, numbered, as tcpdump -D prints them.
std::vector<std::string> lines_of(const std::vector<SystemInterface>& interfaces);

/// The interface that is called so, or that has this number in the list; if there is none, the word itself.
std::string interface_named(const std::string& word);

}  // namespace unproxy
