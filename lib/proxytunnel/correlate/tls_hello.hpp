// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the first message of either side of a TLS session says in clear: its random, and the client's SNI.
// spec: RFC 8446 sections 4.1.2, 4.1.3 and 5.1, RFC 6066 section 3
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace proxytunnel {

struct TlsHello {
  std::array<std::uint8_t, 32> random{};
  std::string sni;  ///< of a client; empty: none
};

enum class TlsSide : std::uint8_t { client, server };

/// From the first byte of a direction on. need_more; malformed for what is no hello of that side in records of TLS.
[[nodiscard]] Parsed<TlsHello> parse_tls_hello(Bytes bytes, TlsSide side);

}  // namespace proxytunnel
