// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the spelling of the report, and targets from text.
#include "handshake/message.hpp"

namespace proxytunnel {

std::string_view name_of(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::socks4:
      return "socks4";
    case Protocol::socks4a:
      return "socks4a";
    case Protocol::socks5:
      return "socks5";
    case Protocol::http_connect:
      return "http-connect";
    case Protocol::http_forward:
      return "http-forward";
    case Protocol::proxy_v1:
      return "proxy-v1";
    case Protocol::proxy_v2:
      return "proxy-v2";
  }
  return "";
}

std::string_view name_of(Command command) noexcept {
  switch (command) {
    case Command::none:
      return "";
    case Command::connect:
      return "connect";
    case Command::bind:
      return "bind";
    case Command::udp_associate:
      return "udp-associate";
    case Command::resolve:
      return "resolve";
    case Command::resolve_ptr:
      return "resolve-ptr";
    case Command::forward:
      return "forward";
  }
  return "";
}

std::string_view name_of(Status status) noexcept {
  switch (status) {
    case Status::incomplete:
      return "incomplete";
    case Status::established:
      return "established";
    case Status::refused:
      return "refused";
    case Status::auth_failed:
      return "auth-failed";
    case Status::method_rejected:
      return "method-rejected";
    case Status::invalid_target:
      return "invalid-target";
    case Status::encapsulated:
      return "encapsulated";
    case Status::malformed:
      return "malformed";
  }
  return "";
}

Target Target::named(std::string_view host, std::uint16_t port) {
  std::string_view bare = host;
  if (bare.size() >= 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  const auto address = Address::parse(bare);
  return {std::string(address ? bare : host), address, port};
}

Target Target::literal(const Address& address, std::uint16_t port) {
  return {address.text(), address, port};
}

std::string Target::text() const {
  const bool brackets = address && !address->is_v4();
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace proxytunnel
