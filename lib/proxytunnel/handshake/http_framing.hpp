// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where the body of an HTTP/1.x message ends. llhttp does the counting.
// spec: RFC 9112 sections 6 and 7
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "handshake/http_fields.hpp"

namespace proxytunnel {

/// Follows one body. What one Content-Length says, or no field at all, needs no parser. Else llhttp counts: the head
/// was read leniently by us, and it is given a clean one with the same framing, so that both never disagree about where
/// the head ends.
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

  /// Of a request.
  explicit HttpFraming(const HttpFields& fields) noexcept;
  /// Of an answer.
  HttpFraming(int status, const HttpFields& fields, AnswerTo answer_to) noexcept;
  ~HttpFraming();
  HttpFraming(const HttpFraming&);
  HttpFraming(HttpFraming&&) noexcept;
  HttpFraming& operator=(HttpFraming&&) noexcept;

  /// Reads on in the body; returns how many of the bytes belong to it: all, unless it is complete or has failed at the
  /// byte behind them.
  std::size_t feed(Bytes bytes) noexcept;
  [[nodiscard]] State state() const noexcept { return state_; }
  /// How much of the body is still to come, where its head says so. At most `longest`; more is `failed`.
  [[nodiscard]] std::optional<std::size_t> known_length() const noexcept {
    return state_ == State::more && length_ > 0 ? std::optional(length_) : std::nullopt;
  }
  static constexpr std::size_t longest = std::size_t{1} << 60;

 private:
  struct Parser;
  void follow(const HttpFields& all, bool is_answer);
  void expect(std::size_t length) noexcept;
  void parse(const std::string& fields, bool is_answer);

  State state_ = State::more;
  std::size_t length_ = 0;          ///< where the head says it; bytes that are still to come
  std::unique_ptr<Parser> parser_;  ///< where bytes are to be looked at
};

}  // namespace proxytunnel
