// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names: the target of a CONNECT or of an absolute URI, and Basic credentials.
// spec: RFC 9112 sections 3.2.2 and 3.2.3, RFC 3986 section 3.2, RFC 7617
#pragma once

#include <optional>
#include <string_view>

#include "handshake/http_head.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

/// authority-form: uri-host ":" port. Words behind it are not part of it. nullopt without a port, which must not be
/// made up, and for what is no host: a URI, a user, an IPv6 address without brackets.
[[nodiscard]] std::optional<Target> parse_authority(std::string_view text);

/// absolute-form: scheme "://" [ userinfo "@" ] host [ ":" port ] ... The scheme decides the port that is not said:
/// http and ws 80, https and wss 443, ftp 21. nullopt for other schemes without a port, and for what is no host.
[[nodiscard]] std::optional<Target> parse_absolute_form(std::string_view text);

/// What the fields of a request say to a proxy.
struct ProxyFields {
  Credentials credentials;       ///< of Proxy-Authorization: Basic; other schemes leave them empty
  bool speaks_to_proxy = false;  ///< Proxy-Authorization, Proxy-Connection or another Proxy-* field is there
};
[[nodiscard]] ProxyFields read_proxy_fields(std::string_view fields);

/// Whether an answer may be the proxy's own: gateway errors (502, 503, 504), an Age, a cache that does not say that it
/// missed (X-Cache, Cache-Status), an error page of squid.
[[nodiscard]] bool may_be_from_proxy(const HttpResponseHead& head);

}  // namespace proxytunnel
