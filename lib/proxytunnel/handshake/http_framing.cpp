// SPDX-License-Identifier: GPL-2.0-or-later
// summary: where the body of an HTTP/1.x message ends. llhttp does the counting.
// spec: RFC 9112 sections 6 and 7
#include "handshake/http_framing.hpp"

#include <llhttp.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace proxytunnel {
namespace {

// What decides the framing. Lengths that say the same count once. Transfer-Encoding overrides Content-Length (RFC 9112
// section 6.3), which llhttp would call an error.
struct Fields {
  explicit Fields(const HttpFields& all) {
    for (const auto& [name, field] : all) {
      if (name == HttpFieldName::transfer_encoding) encodings.push_back(field.value());
      const bool is_new = lengths.empty() || lengths.back() != field.value();
      if (name == HttpFieldName::content_length && is_new) lengths.push_back(field.value());
    }
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const std::string_view value : encodings) text.append("Transfer-Encoding: ").append(value).append("\r\n");
    if (!encodings.empty()) return text + "\r\n";
    for (const std::string_view value : lengths) text.append("Content-Length: ").append(value).append("\r\n");
    return text + "\r\n";
  }

  std::vector<std::string_view> encodings, lengths;
};

// Digits and nothing else, and few enough of them.
std::optional<std::size_t> plain_number(std::string_view text) noexcept {
  constexpr std::size_t most_digits = 18;
  const bool is_plain = !text.empty() && text.size() <= most_digits &&
                        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_plain) return std::nullopt;
  std::size_t number = 0;
  for (const char digit : text) number = number * 10 + static_cast<std::size_t>(digit - '0');
  return number;
}

bool never_has_body(int status, HttpFraming::AnswerTo answer_to) noexcept {
  return answer_to == HttpFraming::AnswerTo::head || status < 200 || status == 204 || status == 304;
}

}  // namespace

struct HttpFraming::Parser {
  explicit Parser(llhttp_type_t type) {
    llhttp_settings_init(&settings);
    settings.on_message_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
    llhttp_init(&llhttp, type, &settings);
  }
  Parser(const Parser& from) : llhttp(from.llhttp), settings(from.settings) { llhttp.settings = &settings; }

  // How many of the bytes it took.
  std::size_t feed(Bytes bytes, State& state) noexcept {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const llhttp_errno_t error = llhttp_execute(&llhttp, text, bytes.size());
    if (error == HPE_OK) return bytes.size();
    state = error == HPE_PAUSED ? State::complete : State::failed;
    return static_cast<std::size_t>(llhttp_get_error_pos(&llhttp) - text);
  }

  llhttp_t llhttp{};
  llhttp_settings_t settings{};
};

HttpFraming::HttpFraming(const HttpFields& fields) noexcept {
  follow(fields, false);
}

HttpFraming::HttpFraming(int status, const HttpFields& fields, AnswerTo answer_to) noexcept {
  if (never_has_body(status, answer_to)) {
    state_ = State::complete;
  } else {
    follow(fields, true);
  }
}

void HttpFraming::follow(const HttpFields& all, bool is_answer) {
  const Fields fields(all);
  const bool says_nothing = fields.encodings.empty() && fields.lengths.empty();
  const auto plain =
      fields.encodings.empty() && fields.lengths.size() == 1 ? plain_number(fields.lengths[0]) : std::nullopt;
  if (says_nothing) {
    state_ = is_answer ? State::until_close : State::complete;
  } else if (plain) {
    expect(*plain);
  } else {
    parse(fields.text(), is_answer);
  }
}

void HttpFraming::expect(std::size_t length) noexcept {
  length_ = length;
  state_ = length == 0 ? State::complete : length > longest ? State::failed : State::more;
}

void HttpFraming::parse(const std::string& fields, bool is_answer) {
  const std::string head = (is_answer ? "HTTP/1.1 200 OK\r\n" : "POST / HTTP/1.1\r\n") + fields;
  parser_ = std::make_unique<Parser>(is_answer ? HTTP_RESPONSE : HTTP_REQUEST);
  parser_->feed(bytes_of(head), state_);
  if (state_ != State::more) return;
  const llhttp_t& found = parser_->llhttp;
  if (llhttp_message_needs_eof(&found) != 0) {
    state_ = State::until_close;
  } else if ((found.flags & F_CHUNKED) == 0) {
    expect(static_cast<std::size_t>(found.content_length));
    parser_.reset();
  }
}

HttpFraming::~HttpFraming() = default;
HttpFraming::HttpFraming(const HttpFraming& from)
    : state_(from.state_),
      length_(from.length_),
      parser_(from.parser_ ? std::make_unique<Parser>(*from.parser_) : nullptr) {}
HttpFraming::HttpFraming(HttpFraming&&) noexcept = default;
HttpFraming& HttpFraming::operator=(HttpFraming&&) noexcept = default;

std::size_t HttpFraming::feed(Bytes bytes) noexcept {
  if (state_ == State::until_close) return bytes.size();
  if (state_ != State::more || bytes.empty()) return 0;
  if (parser_) return parser_->feed(bytes, state_);
  const std::size_t size = std::min(bytes.size(), length_);
  length_ -= size;
  if (length_ == 0) state_ = State::complete;
  return size;
}

}  // namespace proxytunnel
