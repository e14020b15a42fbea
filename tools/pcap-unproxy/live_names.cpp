// SPDX-License-Identifier: GPL-2.0-or-later
// summary: addresses of a name from the system's resolver, only when the user asked for it (--names live).
#include "live_names.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <memory>

namespace unproxy {
namespace {

struct Free {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

proxytunnel::Address address_of(const sockaddr* socket) {
  if (socket->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, socket, sizeof v4);
    return proxytunnel::Address::from({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4});
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, socket, sizeof v6);
  return proxytunnel::Address::from({v6.sin6_addr.s6_addr, 16});
}

}  // namespace

std::vector<proxytunnel::Address> live_addresses(const std::string& name) {
  static std::map<std::string, std::vector<proxytunnel::Address>> asked;
  const auto [entry_of_name, is_new] = asked.try_emplace(name);
  std::vector<proxytunnel::Address>& addresses = entry_of_name->second;
  const bool cannot_be_asked = name.find('\0') != std::string::npos;
  if (cannot_be_asked || !is_new) return addresses;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
  const std::unique_ptr<addrinfo, Free> owner(list);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) addresses.push_back(address_of(entry->ai_addr));
  }
  return addresses;
}

}  // namespace unproxy
