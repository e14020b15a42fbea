// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names: the target of a CONNECT or of an absolute URI.
// spec: RFC 9112 sections 3.2.2 and 3.2.3, RFC 3986 section 3.2
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "handshake/http_fields.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

/// authority-form: uri-host ":" port. Words behind it are not part of it. No target without a port, which must not be
/// made up, and for what is no host. Proxies open tunnels to texts that are no authority-form but leave no doubt of the
/// host and the port, and so are these read: a URI, a user before the host, a path behind the port, an IPv6 address
/// without brackets.
struct ConnectTarget {
  std::optional<Target> target;
  bool is_unusual = false;  ///< it is no authority-form
};
[[nodiscard]] ConnectTarget parse_connect_target(std::string_view text);

/// A request-target with "***" for the password in its userinfo, if there is one.
[[nodiscard]] std::string without_password(std::string_view target);

/// absolute-form: scheme "://" [ userinfo "@" ] host [ ":" port ] ... The scheme decides the port that is not said:
/// http and ws 80, https and wss 443, ftp 21. nullopt for other schemes without a port, and for what is no host.
[[nodiscard]] std::optional<Target> parse_absolute_form(std::string_view text);

/// Whether an answer may be the proxy's own: gateway errors (502, 503, 504), an Age, a cache that does not say that it
/// missed (X-Cache, Cache-Status), an error page of squid.
[[nodiscard]] bool may_be_from_proxy(int status, const HttpFields& fields);

}  // namespace proxytunnel
