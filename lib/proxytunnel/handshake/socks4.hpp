// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS4 and SOCKS4a: one request, one reply (two for BIND).
// spec: "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee); "SOCKS 4A" (the same)
#pragma once

#include "handshake/handshake.hpp"

namespace proxytunnel {

/// The request at the start of `bytes`: command, target, user id (credentials.username; empty ones are left out).
/// Outcomes: ok, with a target unless a SOCKS4a name is empty; need_more; malformed if the version is not 4, the
/// command unknown, the address one of 0.0.0.0/8 that means nothing, or a text longer than limits::socks4_text.
[[nodiscard]] Parsed<Message> parse_socks4_request(Bytes bytes) noexcept;

/// The reply at the start of `bytes`: reply_code is CD, `bound` the address and port, which some proxies fill with
/// rubbish. Malformed unless VN is 0 (or 4, as some proxies say) and CD 90 to 93. The protocol is left at socks4.
[[nodiscard]] Parsed<Message> parse_socks4_reply(Bytes bytes) noexcept;

class Socks4Handshake final : public Handshake {
 public:
  [[nodiscard]] std::unique_ptr<Handshake> clone() const override { return std::make_unique<Socks4Handshake>(*this); }
  [[nodiscard]] Step next(const Untaken& untaken) noexcept override;
  /// The request, if it was not taken yet, is the only thing that a client says; a refusal may be cut short.
  [[nodiscard]] Step conclude(const Untaken& untaken) noexcept override;

  [[nodiscard]] bool opens_unanswered(Bytes client) const noexcept override {
    return awaited_ == Awaited::reply && command_ == Command::connect && has_target_ && !client.empty();
  }

 private:
  enum class Awaited : std::uint8_t { request, reply, second_reply, open, rejected, over };

  Step take_reply(Bytes bytes) noexcept;
  Step take_cut_refusal(Bytes bytes) noexcept;
  void judge_reply(const Message& reply) noexcept;
  void reject(Status status, std::string_view reason) noexcept;

  Awaited awaited_ = Awaited::request;
  Protocol protocol_ = Protocol::socks4;
  Command command_ = Command::none;
  bool has_target_ = false;
  bool peer_is_known_ = false;  ///< BIND: the request says who will connect
  Reject rejection_;
};

}  // namespace proxytunnel
