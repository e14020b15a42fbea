// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS5: greeting and method, authentication (user/password, GSSAPI), request and reply.
// spec: RFC 1928, RFC 1929, RFC 1961; Tor's socks-extensions (RESOLVE, RESOLVE_PTR)
#pragma once

#include "handshake/handshake.hpp"

namespace proxytunnel {

// Each parses one message at the start of `bytes`. Outcomes: ok with the bytes it took; need_more; malformed as soon as
// a version, address type or length cannot be.

/// The client's greeting: `methods` has one byte for each (RFC 1928 section 3).
[[nodiscard]] Parsed<Message> parse_socks5_greeting(Bytes bytes) noexcept;
/// The proxy's choice: `methods` and reply_code hold it; 255 is "none" (RFC 1928 section 3).
[[nodiscard]] Parsed<Message> parse_socks5_method(Bytes bytes) noexcept;
/// User name and password, either may be empty (RFC 1929 section 2). Clients and proxies are known to write the version
/// of SOCKS, 5, or 0 where 1 belongs; that is an anomaly, here and in the reply.
[[nodiscard]] Parsed<Message> parse_socks5_auth_request(Bytes bytes) noexcept;
/// reply_code is STATUS; 0 is success (RFC 1929 section 2).
[[nodiscard]] Parsed<Message> parse_socks5_auth_reply(Bytes bytes) noexcept;
/// A GSSAPI message of either side; reply_code is its MTYP: 1 token, 2 protection level, 255 failure. A wrapped message
/// (MTYP 3) is malformed here: it is no handshake any more (RFC 1961 sections 3 to 5).
[[nodiscard]] Parsed<Message> parse_socks5_gssapi(Bytes bytes) noexcept;
/// Command (none if unknown) and target; no target if the name is empty (RFC 1928 section 4).
[[nodiscard]] Parsed<Message> parse_socks5_request(Bytes bytes) noexcept;
/// reply_code is REP, `bound` BND.ADDR and BND.PORT of any address type (RFC 1928 section 6).
[[nodiscard]] Parsed<Message> parse_socks5_reply(Bytes bytes) noexcept;

/// What a client that offered `methods` says behind its greeting while nobody can tell what the proxy answered: a
/// request, credentials, or a GSSAPI message.
[[nodiscard]] Parsed<Message> parse_socks5_behind_greeting(Bytes bytes, std::string_view methods) noexcept;

// The numbers of the protocol that more than one file needs.
namespace socks5 {
constexpr std::uint8_t version = 5, auth_version = 1;  // RFC 1929 and RFC 1961 have the same
constexpr std::uint8_t method_none = 0, method_gssapi = 1, method_password = 2, method_rejected = 255;
constexpr int gssapi_protection_level = 2, gssapi_wrapped = 3, gssapi_failure = 255;
[[nodiscard]] inline bool offers(std::string_view methods, std::uint8_t method) noexcept {
  return methods.find(static_cast<char>(method)) != std::string_view::npos;
}
}  // namespace socks5

class Socks5Handshake final : public Handshake {
 public:
  [[nodiscard]] std::unique_ptr<Handshake> clone() const override { return std::make_unique<Socks5Handshake>(*this); }
  [[nodiscard]] Step next(const Untaken& untaken) noexcept override;
  [[nodiscard]] Step conclude(const Untaken& untaken) noexcept override;

  [[nodiscard]] bool opens_unanswered(Bytes client) const noexcept override {
    return awaited_ == Awaited::reply && command_ == Command::connect && has_target_ && !client.empty();
  }

 private:
  enum class Awaited : std::uint8_t {
    greeting,
    method,
    auth_request,
    auth_reply,
    client_token,  ///< a GSSAPI message, or the request behind the last one
    server_token,
    request,  ///< or credentials nobody asked for
    reply,
    second_reply,
    clear_payload,  ///< GSSAPI was negotiated: whether payload is wrapped shows with its first bytes
    open,
    relay,
    rejected,
    over
  };

  Step take_server_token(const Untaken& untaken) noexcept;
  Step take_from_client_alone(Bytes bytes) noexcept;
  Step take_cut_refusal(Bytes bytes) noexcept;
  Step take(Direction direction, Parsed<Message>&& parsed, std::string_view otherwise) noexcept;
  void advance(const Message& message) noexcept;
  void judge_method(std::uint8_t method) noexcept;
  void judge_token(int type) noexcept;
  void judge_reply(const Message& reply) noexcept;
  Step judge_payload(const Untaken& untaken) noexcept;
  void reject(Status status, std::string_view reason) noexcept;

  Awaited awaited_ = Awaited::greeting;
  Command command_ = Command::none;
  bool has_target_ = false;
  bool peer_is_known_ = false;     ///< BIND: the request says who will connect
  bool protection_asked_ = false;  ///< the client has sent its protection level
  unsigned gssapi_messages_ = 0;
  std::string offered_;  ///< methods, at most 255
  Reject rejection_;
};

}  // namespace proxytunnel
