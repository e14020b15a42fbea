// SPDX-License-Identifier: GPL-2.0-or-later
// summary: for whom an HTTP request says that it was forwarded, and which of that is believed.
// spec: RFC 7239 sections 4 (the field), 5.2 (for), 6 (nodes), 7.4 (X-Forwarded-For), 8.1 (what may be forged)
#pragma once

#include <optional>
#include <string_view>

#include "base/address_set.hpp"
#include "handshake/http_fields.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

/// What the fields of a request claim: the parameters `for` of all Forwarded fields, one node for each element, and
/// apart from them the entries of all X-Forwarded-For fields. Forwarded fields without any `for` claim nothing. Never
/// fails: what is no address is a node without one, a field that breaks the grammar has no address from there on.
[[nodiscard]] ForwardedClaims read_forwarded(const HttpFields& fields);

/// Whom the claims name as the client.
struct BelievedClient {
  std::optional<Endpoint> end;  ///< address without mapping; port 0 where the field tells none
  std::string_view doubt{};     ///< why there is none though something was claimed, a constant
};
/// Read from the peer's end, nodes are believed as long as the one who said them is in `trusted`: the first one that is
/// not is the client, since whatever stands before it was the client's to write. If all are, it is the first one. An
/// unknown or obfuscated node, and garbage, name nobody. Where both fields are there, both must name the same address.
/// The peer itself is in `trusted`.
[[nodiscard]] BelievedClient believed_client(const ForwardedClaims& claims, const AddressSet& trusted) noexcept;

}  // namespace proxytunnel
