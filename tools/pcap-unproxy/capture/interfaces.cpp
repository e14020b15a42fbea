// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the interfaces of this system that can be captured from, as libpcap knows them.
#include "capture/interfaces.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "capture/capture.hpp"

namespace unproxy {
namespace {

struct FreeAll {
  void operator()(pcap_if_t* first) const noexcept { pcap_freealldevs(first); }
};

struct Flag {
  std::uint32_t flag;
  const char* name;
};
constexpr Flag named_flags[] = {
    {PCAP_IF_UP, "Up"}, {PCAP_IF_RUNNING, "Running"}, {PCAP_IF_LOOPBACK, "Loopback"}, {PCAP_IF_WIRELESS, "Wireless"}};

std::string connection_text(std::uint32_t flags) {
  const bool is_wireless = (flags & PCAP_IF_WIRELESS) != 0;
  switch (flags & PCAP_IF_CONNECTION_STATUS) {
    case PCAP_IF_CONNECTION_STATUS_UNKNOWN:
      return is_wireless ? ", Association status unknown" : ", Connection status unknown";
    case PCAP_IF_CONNECTION_STATUS_CONNECTED:
      return is_wireless ? ", Associated" : ", Connected";
    case PCAP_IF_CONNECTION_STATUS_DISCONNECTED:
      return is_wireless ? ", Not associated" : ", Disconnected";
    default:
      return "";
  }
}

std::string flags_text(std::uint32_t flags) {
  if (flags == 0) return "";
  std::string names;
  for (const Flag& flag : named_flags) {
    if ((flags & flag.flag) != 0) names += (names.empty() ? "" : ", ") + std::string(flag.name);
  }
  return " [" + (names.empty() ? "none" : names) + connection_text(flags) + "]";
}

}  // namespace

bool SystemInterface::is_up() const noexcept {
  return (flags & PCAP_IF_UP) != 0;
}

std::vector<SystemInterface> system_interfaces() {
  pcap_if_t* first = nullptr;
  char complaint[PCAP_ERRBUF_SIZE] = "";
  if (pcap_findalldevs(&first, complaint) != 0) throw CaptureError(std::string("no interfaces: ") + complaint);
  const std::unique_ptr<pcap_if_t, FreeAll> all(first);
  std::vector<SystemInterface> interfaces;
  for (const pcap_if_t* one = first; one != nullptr; one = one->next) {
    interfaces.push_back({one->name, one->description == nullptr ? "" : one->description, one->flags});
  }
  return interfaces;
}

std::vector<std::string> lines_of(const std::vector<SystemInterface>& interfaces) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const SystemInterface& interface = interfaces[i];
    std::string& line = lines.emplace_back(std::to_string(i + 1) + "." + interface.name);
    if (!interface.description.empty()) line += " (" + interface.description + ")";
    line += flags_text(interface.flags);
  }
  return lines;
}

std::string interface_named(const std::string& word) {
  std::size_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  if (rest != end || error != std::errc() || number == 0) return word;
  const std::vector<SystemInterface> interfaces = system_interfaces();
  const auto is_called_so = [&word](const SystemInterface& interface) { return interface.name == word; };
  const bool is_name = std::any_of(interfaces.begin(), interfaces.end(), is_called_so);
  return is_name || number > interfaces.size() ? word : interfaces[number - 1].name;
}

}  // namespace unproxy
