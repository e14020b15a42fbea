// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where the body of an HTTP/1.x message ends. llhttp does the counting.
// spec: RFC 9112 sections 6 and 7
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "handshake/http_head.hpp"

namespace proxytunnel {

/// Follows one body. The head was read leniently by us; llhttp is given a clean one with the same framing, so that both
/// never disagree about where the head ends.
class HttpFraming {
 public:
  enum class State : std::uint8_t {
    more,         ///< the body goes on
    complete,     ///< the next byte belongs to the next message
    until_close,  ///< every further byte of this direction is body
    failed        ///< nobody can tell where the body ends
  };
  /// What the answer is to: an answer to HEAD has no body, whatever its head says (RFC 9112 section 6.3).
  enum class AnswerTo : std::uint8_t { head, other_method };

  explicit HttpFraming(const HttpRequestHead& head) noexcept;
  HttpFraming(const HttpResponseHead& head, AnswerTo answer_to) noexcept;
  ~HttpFraming();
  HttpFraming(const HttpFraming&);
  HttpFraming(HttpFraming&&) noexcept;
  HttpFraming& operator=(HttpFraming&&) noexcept;

  /// Reads on in the body; returns how many of the bytes belong to it: all, unless it is complete or has failed at the
  /// byte behind them.
  std::size_t feed(Bytes bytes) noexcept;
  [[nodiscard]] State state() const noexcept;
  /// Before the first feed(): the length of the body, where its head says so. At most `longest`; more is `failed`.
  [[nodiscard]] std::optional<std::size_t> known_length() const noexcept;
  static constexpr std::size_t longest = std::size_t{1} << 60;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace proxytunnel
