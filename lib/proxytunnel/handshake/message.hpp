// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a handshake says, in the words of the report: protocols, commands, targets, replies, messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.hpp"

namespace proxytunnel {

enum class Protocol : std::uint8_t { socks4, socks4a, socks5, http_connect, http_forward, proxy_v1, proxy_v2 };
enum class Command : std::uint8_t { none, connect, bind, udp_associate, resolve, resolve_ptr, forward };
enum class Status : std::uint8_t {
  incomplete,       ///< the capture or the connection ended before the proxy's answer
  established,      ///< the tunnel opened
  refused,          ///< the proxy said no
  auth_failed,      ///< the proxy did not accept the credentials, or wants some (407)
  method_rejected,  ///< SOCKS5: none of the offered methods was acceptable
  invalid_target,   ///< opened, but the request named nothing that can be a target
  encapsulated,     ///< SOCKS5: messages and payload are wrapped (GSSAPI, RFC 1961 section 5; other methods)
  malformed         ///< the bytes broke the protocol
};

/// The spelling of the report: "socks4a", "udp-associate", "auth-failed". Command::none is "".
std::string_view name_of(Protocol protocol) noexcept;
std::string_view name_of(Command command) noexcept;
std::string_view name_of(Status status) noexcept;

/// Whom the client asked for. `host` keeps its spelling; `address` is set where the request said an address or its
/// canonical text (brackets are dropped from `host`).
struct Target {
  std::string host;
  std::optional<Address> address;
  std::uint16_t port = 0;

  static Target named(std::string_view host, std::uint16_t port);
  static Target literal(const Address& address, std::uint16_t port);
  /// "www.example.com:443", "[fd00::1]:443"
  [[nodiscard]] std::string text() const;
};

struct Credentials {
  std::optional<std::string> username, password;
};

enum class MessageKind : std::uint8_t {
  socks4_request,
  socks4_reply,
  socks5_greeting,      ///< the methods that the client offers
  socks5_method,        ///< the method that the proxy selects
  socks5_auth_request,  ///< RFC 1929
  socks5_auth_reply,
  socks5_gssapi,  ///< a token or protection-level message, either way (RFC 1961 sections 3 and 4)
  socks5_request,
  socks5_reply,
  http_connect_request,
  http_response_head,     ///< the answer to a CONNECT, 1xx included; and any 407, which is the proxy's own
  http_forward_request,   ///< the head of a request in absolute-form: payload for its target
  http_forward_response,  ///< the head of an answer to one, 1xx included: payload as well
  http_forward_body,      ///< of either: payload as well
  http_other,             ///< bytes that belong to no attempt and to no target: bodies of refusals above all
  proxy_header,           ///< of the PROXY protocol
  preamble                ///< what a back-connect proxy said before its handshake
};

/// One message of a handshake, as a value. Which members mean something follows from `kind`.
struct Message {
  MessageKind kind = MessageKind::http_other;
  Protocol protocol = Protocol::socks5;  ///< every kind
  Command command = Command::none;       ///< requests
  std::optional<Target> target;          ///< requests; absent if the request names nothing that can be a target
  std::string target_text;               ///< HTTP: the request-target as it was sent
  Credentials credentials;               ///< SOCKS4 user id; RFC 1929; Proxy-Authorization: Basic
  std::string methods;                   ///< greeting: one byte for each method; method: the selected one
  int reply_code = -1;                   ///< replies: CD, REP, STATUS, the selected method or the HTTP status
  std::string reason;                    ///< HTTP: the reason phrase
  std::optional<Target> bound;           ///< SOCKS replies: BND.ADDR and BND.PORT
  std::optional<Target> peer;            ///< BIND's second reply: who connected; then `bound` is absent
  std::optional<Endpoint> real_client;   ///< PROXY header: the source; absent where it names none
  std::uint32_t exchange = 0;            ///< HTTP: number of the request on its connection, also in the answer
  bool speaks_to_proxy = false;          ///< absolute-form: a field (Proxy-*) that only a proxy is sent
  std::string_view anomaly;              ///< a constant: what is odd about it; mostly empty
};

}  // namespace proxytunnel
