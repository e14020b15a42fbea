// SPDX-License-Identifier: GPL-2.0-or-later
// summary: HTTP CONNECT, among the other requests that one client connection brings a proxy.
// spec: RFC 9110 section 9.3.6, RFC 9112 sections 3.2 and 6, RFC 7617 (Basic)
#pragma once

#include <optional>

#include "handshake/handshake.hpp"
#include "handshake/http_framing.hpp"
#include "handshake/http_head.hpp"

namespace proxytunnel {

/// The CONNECT request at the start of `bytes`: target (absent unless it is host:port, with digits as the port, since
/// no port may be made up), target_text, and the credentials of a Proxy-Authorization: Basic. Outcomes: ok; need_more;
/// malformed, also for other methods.
[[nodiscard]] Parsed<Message> parse_http_connect(Bytes bytes) noexcept;

/// detect()'s question: "yes" with the request line of a CONNECT, or of a request in absolute-form. The proxy's bytes
/// do not matter: the text is proof enough.
[[nodiscard]] Verdict looks_like_http_connect(const Untaken& first) noexcept;

/// Reads strictly request, response(s), next request: so pipelining needs no queue. Requests in absolute-form and their
/// answers, and the bodies of refusals, are followed with full framing and taken as http_other; each CONNECT is an
/// attempt. Where the framing is lost, or a request is neither, it leaves.
class HttpConnectHandshake final : public Handshake {
 public:
  [[nodiscard]] Step next(const Untaken& untaken) noexcept override;
  [[nodiscard]] Step conclude(const Untaken& untaken) noexcept override;

 private:
  enum class Awaited : std::uint8_t { request, request_body, response, response_body, open, rejected, over };
  enum class Request : std::uint8_t { connect, connect_without_target, head, other };

  Step take_request(Bytes bytes) noexcept;
  Step take_unfinished_request(Bytes bytes) noexcept;
  Step take_proxied_request(Bytes bytes) noexcept;
  Step take_response(Bytes bytes) noexcept;
  Step take_proxied_response(const HttpResponseHead& head, std::size_t size) noexcept;
  Step take_body(Direction direction, const Untaken& untaken) noexcept;
  void judge_response(const HttpResponseHead& head) noexcept;
  Step leave() noexcept;

  Awaited awaited_ = Awaited::request;
  Request request_ = Request::connect;
  HeadSearch search_;
  std::optional<HttpFraming> framing_;
  Reject rejection_;
};

}  // namespace proxytunnel
