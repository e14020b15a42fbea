// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where the body of an HTTP/1.x message ends. llhttp does the counting.
// spec: RFC 9112 sections 6 and 7
#include "handshake/http_framing.hpp"

#include <llhttp.h>

#include <string>
#include <string_view>

namespace proxytunnel {
namespace {

// The fields that decide the framing, one of each where they say the same. Transfer-Encoding overrides Content-Length
// (RFC 9112 section 6.3), which llhttp would call an error.
std::string framing_fields(std::string_view fields) {
  std::string lengths, encodings;
  std::string previous;
  while (const auto field = take_field(fields)) {
    if (same_word(field->name, "Transfer-Encoding")) {
      encodings.append("Transfer-Encoding: ").append(field->value()).append("\r\n");
    } else if (same_word(field->name, "Content-Length") && field->value() != previous) {
      lengths.append("Content-Length: ").append(field->value()).append("\r\n");
      previous = field->value();
    }
  }
  return (encodings.empty() ? lengths : encodings) + "\r\n";
}

bool never_has_body(int status, HttpFraming::AnswerTo answer_to) noexcept {
  return answer_to == HttpFraming::AnswerTo::head || status < 200 || status == 204 || status == 304;
}

}  // namespace

struct HttpFraming::Parser {
  Parser(llhttp_type_t type, std::string_view start_line, std::string_view fields) {
    llhttp_settings_init(&settings);
    settings.on_message_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
    llhttp_init(&llhttp, type, &settings);
    const std::string head = std::string(start_line) + framing_fields(fields);
    feed(bytes_of(head));
    if (state == State::more && llhttp_message_needs_eof(&llhttp) != 0) state = State::until_close;
    if (state == State::more && (llhttp.flags & F_CHUNKED) == 0) {
      length = static_cast<std::size_t>(llhttp.content_length);
      if (length > longest) state = State::failed;
    }
  }

  explicit Parser(State known) : state(known) {}
  Parser(const Parser& from) : llhttp(from.llhttp), settings(from.settings), state(from.state), length(from.length) {
    llhttp.settings = &settings;
  }

  std::size_t feed(Bytes bytes) noexcept {
    if (state == State::until_close) return bytes.size();
    if (state != State::more || bytes.empty()) return 0;
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const llhttp_errno_t error = llhttp_execute(&llhttp, text, bytes.size());
    if (error == HPE_OK) return bytes.size();
    state = error == HPE_PAUSED ? State::complete : State::failed;
    return static_cast<std::size_t>(llhttp_get_error_pos(&llhttp) - text);
  }

  llhttp_t llhttp{};
  llhttp_settings_t settings{};
  State state = State::more;
  std::size_t length = 0;  ///< where the head says it
};

HttpFraming::HttpFraming(const HttpRequestHead& head) noexcept
    : parser_(std::make_unique<Parser>(HTTP_REQUEST, "POST / HTTP/1.1\r\n", head.fields)) {}

HttpFraming::HttpFraming(const HttpResponseHead& head, AnswerTo answer_to) noexcept
    : parser_(never_has_body(head.status, answer_to)
                  ? std::make_unique<Parser>(State::complete)
                  : std::make_unique<Parser>(HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n", head.fields)) {}

HttpFraming::~HttpFraming() = default;
HttpFraming::HttpFraming(const HttpFraming& from) : parser_(std::make_unique<Parser>(*from.parser_)) {}
HttpFraming::HttpFraming(HttpFraming&&) noexcept = default;
HttpFraming& HttpFraming::operator=(HttpFraming&&) noexcept = default;

std::size_t HttpFraming::feed(Bytes bytes) noexcept {
  return parser_->feed(bytes);
}
HttpFraming::State HttpFraming::state() const noexcept {
  return parser_->state;
}
std::optional<std::size_t> HttpFraming::known_length() const noexcept {
  const bool is_known = parser_->state == State::more && parser_->length > 0;
  return is_known ? std::optional(parser_->length) : std::nullopt;
}

}  // namespace proxytunnel
