// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the PROXY protocol: a header in front of a relayed connection that names the real client.
// spec: HAProxy, "The PROXY protocol, versions 1 & 2" (2.1: human-readable header, 2.2: binary header)
#pragma once

#include "handshake/handshake.hpp"

namespace proxytunnel {

/// The header at the start of `bytes`, of either version: protocol, real_client and target (the address that the client
/// connected to; it is the proxy's). Both are absent for UNKNOWN, LOCAL and address families that are not IP. A CRC32C
/// that is wrong is an anomaly. Outcomes: ok; need_more; malformed as soon as the bytes cannot be one.
[[nodiscard]] Parsed<Message> parse_proxy_header(Bytes bytes) noexcept;

/// The header in front of a datagram: of version 2, for datagrams by its own words. The payload follows it at once.
/// Outcomes as above, but need_more only where the header is longer than the datagram.
[[nodiscard]] Parsed<Message> parse_datagram_header(Bytes bytes) noexcept;

/// Whether a header names somebody else than `sender`, who sent it. Health checks of a balancer do not: those of
/// version 1 name the checker itself (haproxy), those of version 2 are LOCAL.
[[nodiscard]] bool names_somebody(const Message& header, const Endpoint& sender) noexcept;

/// One header. The tunnel is open behind it: the receiver answers nothing. Without a client to name, what follows is
/// looked at anew: it may be the header of another proxy, or a session with one.
class ProxyProtocolHandshake final : public Handshake {
 public:
  [[nodiscard]] std::unique_ptr<Handshake> clone() const override {
    return std::make_unique<ProxyProtocolHandshake>(*this);
  }
  [[nodiscard]] Step next(const Untaken& untaken) noexcept override;
  [[nodiscard]] Step conclude(const Untaken& untaken) noexcept override;
  /// Nobody answers a header.
  [[nodiscard]] bool opens_unanswered(Bytes) const noexcept override { return false; }

 private:
  enum class Awaited : std::uint8_t { header, open, no_client, over };
  Awaited awaited_ = Awaited::header;
};

}  // namespace proxytunnel
