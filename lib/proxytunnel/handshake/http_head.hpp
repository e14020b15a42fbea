// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the head of an HTTP/1.x message, read leniently: what real clients and proxies get away with is accepted.
// spec: RFC 9112 sections 2 to 5
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace proxytunnel {

/// All views are into the bytes that were parsed and live as long as they do.
struct HttpRequestLine {
  std::string_view method;
  std::string_view target;  ///< all between method and version, without the blanks around it; it may hold blanks
};
struct HttpRequestHead {
  HttpRequestLine line;
  std::string_view fields;  ///< the field lines with their line ends, without the empty line
};
struct HttpResponseHead {
  int status = 0;           ///< 100 to 999
  std::string_view reason;  ///< often empty
  std::string_view fields;
};

// Outcomes of all three: ok with the bytes taken (of a head: with its empty line); need_more; malformed as soon as the
// bytes cannot become one, or are longer than limits::http_head.

/// Which requests are read: those that only proxies are sent, which is CONNECT with any target and every method with a
/// target in absolute-form ("scheme://...", RFC 9112 section 3.2.2), or all. Others are malformed.
enum class Requests : std::uint8_t { to_proxies, all };
/// Empty lines before it are skipped (section 2.2), up to 16. The method CONNECT may be in any letter case: methods are
/// case-sensitive (RFC 9110 section 9.1), but proxies open the tunnel.
[[nodiscard]] Parsed<HttpRequestLine> parse_http_request_line(Bytes bytes, Requests which) noexcept;
[[nodiscard]] Parsed<HttpRequestHead> parse_http_request_head(Bytes bytes, Requests which) noexcept;
/// With what parse_http_request_line() said of the same bytes.
[[nodiscard]] Parsed<HttpRequestHead> parse_http_request_head(Bytes bytes,
                                                              const Parsed<HttpRequestLine>& line) noexcept;
[[nodiscard]] Parsed<HttpResponseHead> parse_http_response_head(Bytes bytes) noexcept;

/// Status and reason of a response whose first line is there, the fields perhaps not (`fields` is empty). nullopt for
/// anything else.
[[nodiscard]] std::optional<HttpResponseHead> parse_status_line(Bytes bytes) noexcept;

/// "CONNECT", in any letter case.
[[nodiscard]] bool is_connect(std::string_view method) noexcept;
/// True if the bytes are the start of a CONNECT, perhaps behind empty lines, with its whole method.
[[nodiscard]] bool begins_connect(Bytes bytes) noexcept;

/// Finds the next status line in a stream whose bytes before it have no known length.
class StatusLineSearch {
 public:
  struct Found {
    std::size_t before;  ///< bytes that are in no status line
    bool is_found;       ///< and behind them one stands, whole
  };
  /// The bytes behind those that were said to be in no status line.
  [[nodiscard]] Found find(Bytes bytes) noexcept;

 private:
  bool is_inside_line_ = false;
};

/// Tells when a head that was incomplete is worth reading again, so that one that comes byte by byte is not read from
/// its beginning each time: once its first line is known to be good, only an empty line or the limit can change the
/// outcome.
class HeadSearch {
 public:
  [[nodiscard]] bool is_worth_parsing(Bytes bytes) const noexcept;
  /// These bytes were parsed: need_more, or anything else (then the next head may begin).
  void parsed(Bytes bytes, ParseResult result) noexcept { seen_ = result == ParseResult::need_more ? bytes.size() : 0; }

 private:
  std::size_t seen_ = 0;  ///< bytes of the head that are no whole one
};

}  // namespace proxytunnel
