// SPDX-License-Identifier: GPL-2.0-or-later
// summary: who asks an HTTP proxy: the user of a Proxy-Authorization.
// spec: RFC 7617 (Basic), RFC 7616 (Digest), [MS-NLMP] (NTLM, also within Negotiate)
#pragma once

#include "handshake/http_fields.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

/// What the fields of a request say to a proxy.
struct ProxyFields {
  Credentials credentials;       ///< of Proxy-Authorization: Basic, Digest, NTLM; others leave them empty
  bool speaks_to_proxy = false;  ///< Proxy-Authorization, Proxy-Connection or another Proxy-* field is there
};
[[nodiscard]] ProxyFields read_proxy_fields(const HttpFields& fields);

}  // namespace proxytunnel
