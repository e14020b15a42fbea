// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what one client connection brings an HTTP/1.x proxy: CONNECT, and requests in absolute-form; or what a proxy
//          brings a server: requests that claim a client.
// spec: RFC 9110 sections 7.8 and 9.3.6, RFC 9112 sections 3.2, 6 and 9.3
#pragma once

#include <list>
#include <optional>
#include <string_view>

#include "handshake/handshake.hpp"
#include "handshake/http_framing.hpp"
#include "handshake/http_head.hpp"

namespace proxytunnel {

/// The CONNECT request at the start of `bytes`: target (see parse_connect_target()), target_text without a password,
/// and the credentials of a Proxy-Authorization. Outcomes: ok; need_more; malformed, also for other methods.
[[nodiscard]] Parsed<Message> parse_http_connect(Bytes bytes) noexcept;

/// Both directions are read on their own. The client's stream is request, body, request ..., as far as it is known that
/// the next byte is HTTP: behind a CONNECT or an Upgrade only the answer tells. The proxy's stream is the answers in
/// the same order; `Message::exchange` says which request a message belongs to.
///
/// A CONNECT is an attempt; it is read when everything before it was answered. Requests in absolute-form are payload
/// for their targets, and so are the answers, but for a 407. Requests that name no target, and all of them where
/// `http_forward` is disabled, are followed and taken as http_other. Where nobody can tell where a message ends, all
/// that follows in its direction belongs to it; but behind a refusal the next status line is the next answer. A request
/// that is neither ends the client's part.
///
/// On a connection to a server (`http_forwarded`) there is no CONNECT, and no answer is a proxy's own: requests of
/// whatever form whose fields claim a client are payload, and so are the answers. Whose they are is for others to say.
class HttpProxyHandshake final : public Handshake {
 public:
  /// `followed`: http_forward or http_forwarded.
  explicit HttpProxyHandshake(Families disabled, Protocol followed = Protocol::http_forward) noexcept;

  [[nodiscard]] std::unique_ptr<Handshake> clone() const override {
    return std::make_unique<HttpProxyHandshake>(*this);
  }
  [[nodiscard]] Step next(const Untaken& untaken) noexcept override;
  [[nodiscard]] Step conclude(const Untaken& untaken) noexcept override;
  [[nodiscard]] bool opens_unanswered(Bytes client) const noexcept override;

 private:
  enum class Request : std::uint8_t { connect, connect_without_target, forward, other };
  /// A request without a whole answer so far.
  struct Asked {
    Request request = Request::other;
    bool is_head = false;
    bool may_switch = false;  ///< what follows it may be no HTTP: only the answer tells
    std::uint32_t exchange = 0;
  };
  /// The body that one direction is in the middle of.
  struct Body {
    HttpFraming framing;
    MessageKind kind;
    std::uint32_t exchange;
  };

  [[nodiscard]] bool may_read_request() const noexcept;
  [[nodiscard]] bool is_all_answered() const noexcept;
  [[nodiscard]] bool awaits_connect_answer() const noexcept;
  [[nodiscard]] bool serves_proxies() const noexcept { return followed_ == Protocol::http_forwarded; }
  void read_request(const HttpRequestLine& line, const HttpFields& fields, Message& message) const;
  [[nodiscard]] Took took(Direction direction, std::size_t size, MessageKind kind,
                          std::uint32_t exchange) const noexcept;
  std::optional<Step> take_client(Bytes bytes) noexcept;
  std::optional<Step> take_server(Bytes bytes) noexcept;
  std::optional<Step> end_requests(std::string_view why) noexcept;
  [[nodiscard]] Took lost_rest(Direction direction, std::uint32_t exchange) const noexcept;
  std::optional<Step> take_connect(Bytes bytes) noexcept;
  std::optional<Step> take_proxied_request(Bytes bytes, const Parsed<HttpRequestLine>& line) noexcept;
  std::optional<Step> take_answer_to_connect(Bytes bytes) noexcept;
  std::optional<Step> take_proxied_answer(Bytes bytes) noexcept;
  std::optional<Step> tell_lost_answers() noexcept;
  [[nodiscard]] bool is_proxys_own(int status) const noexcept { return status == 407 && !serves_proxies(); }
  [[nodiscard]] bool is_origins(Bytes bytes) const noexcept;
  std::optional<Step> take_body(Direction direction, Bytes bytes) noexcept;
  std::optional<Took> take_cut_refusal(Bytes bytes) noexcept;
  Took take_unfinished_request(Bytes bytes, Message message) noexcept;
  void begin_body(Direction direction, HttpFraming framing, MessageKind kind, std::uint32_t exchange) noexcept;
  void begin_unframed() noexcept;
  void body_ended(Direction direction, std::uint32_t exchange) noexcept;
  void judge(const HttpResponseHead& head) noexcept;

  Families disabled_;
  Protocol followed_;
  std::list<Asked> asked_;  ///< most connections ask nothing: an empty deque has half a kilobyte
  std::uint32_t exchanges_ = 0;
  std::optional<std::uint32_t> forwarded_;  ///< the latest request that is payload
  std::optional<std::uint32_t> answered_;   ///< the latest of these that has a whole answer
  bool is_rest_untold_ = false;             ///< the proxy's rest is no answer, and belongs to nobody so far
  bool is_lost_ = false;                    ///< nobody can tell where the client's next request begins
  PerDirection<std::optional<Body>> body_;
  PerDirection<HeadSearch> search_;
  PerDirection<bool> over_{false, false};  ///< nothing of this direction can be told any more
  /// Behind an answer of the proxy itself whose head does not say where it ends: clients go on all the same.
  std::optional<StatusLineSearch> next_answer_;
  bool is_unframed_ = false;        ///< there was such an answer
  std::string begun_;               ///< of an answer's head: what was taken already
  std::string_view skipped_{};      ///< why nothing more can be told, where that must be said
  bool switched_ = false;           ///< 101: what the client says belongs to the last exchange
  std::optional<Step> last_words_;  ///< to be said next: Open, or Reject
};

}  // namespace proxytunnel
