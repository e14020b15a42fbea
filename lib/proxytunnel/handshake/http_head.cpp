// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the head of an HTTP/1.x message, read leniently: what real clients and proxies get away with is accepted.
// spec: RFC 9112 sections 2 to 5
#include "handshake/http_head.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "handshake/http_text.hpp"

namespace proxytunnel {
namespace {

/// The longest registered method has 17 letters; more is not waited for.
constexpr std::size_t longest_method = 20;
/// Schemes that proxies know have three to five letters.
constexpr std::size_t longest_scheme = 32;

constexpr std::string_view version_pattern = "HTTP/1.1";

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

// RFC 9110 section 5.6.2
bool is_token_character(char c) noexcept {
  return is_digit(c) || is_letter(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// No head may be longer than this, so more is never looked at.
std::string_view clip(Bytes bytes) noexcept {
  return text_of(bytes).substr(0, limits::http_head);
}

// What to say while the end of the head is not among the clipped bytes.
ParseResult unfinished(Bytes bytes) noexcept {
  return bytes.size() < limits::http_head ? ParseResult::need_more : ParseResult::malformed;
}

// A line up to LF or CRLF; the line end is counted in `size` but not in `value`.
Parsed<std::string_view> parse_line(std::string_view text) noexcept {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return Parsed<std::string_view>::need_more();
  const std::size_t length = end > 0 && text[end - 1] == '\r' ? end - 1 : end;
  return Parsed<std::string_view>::ok(text.substr(0, length), end + 1);
}

// Section 2.2 wants one empty line before a request ignored; proxies ignore more.
std::size_t empty_lines_size(std::string_view text) noexcept {
  constexpr unsigned most = 16;
  std::size_t size = 0;
  for (unsigned lines = 0; lines < most; ++lines) {
    const std::string_view rest = text.substr(size);
    const std::size_t line = rest.starts_with("\n") ? 1 : rest.starts_with("\r\n") ? 2 : 0;
    if (line == 0) break;
    size += line;
  }
  return size;
}

// Field lines up to the empty line, which is counted in `size` but not in `value`.
Parsed<std::string_view> parse_fields(std::string_view text) noexcept {
  std::size_t position = 0;
  while (true) {
    const auto line = parse_line(text.substr(position));
    if (!line.is_ok()) return line;
    if (line.value.empty()) return Parsed<std::string_view>::ok(text.substr(0, position), position + line.size);
    position += line.size;
  }
}

// False as soon as `target`, perhaps without its end, cannot be "scheme://...".
bool may_be_absolute_form(std::string_view target) noexcept {
  constexpr std::string_view separator = "://";
  if (!is_letter(target[0])) return false;
  const auto end = std::find_if_not(target.begin(), target.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  const auto scheme_size = static_cast<std::size_t>(end - target.begin());
  return scheme_size <= longest_scheme && separator.starts_with(target.substr(scheme_size, separator.size()));
}

// False as soon as `text`, perhaps without its end, cannot be a request line of that kind.
bool may_be_request_line(std::string_view text, Requests which) noexcept {
  const auto end = std::find_if_not(text.begin(), text.end(), is_token_character);
  const auto method_size = static_cast<std::size_t>(end - text.begin());
  if (method_size > longest_method) return false;
  if (end == text.end()) return true;
  if (method_size == 0 || !is_blank(*end)) return false;
  if (which == Requests::to_proxies && !is_connect(text.substr(0, method_size))) {
    const std::size_t target = text.find_first_not_of(http_blanks, method_size);
    if (target != std::string_view::npos && !may_be_absolute_form(text.substr(target))) return false;
  }
  // Characters above 0x7f do not belong into a target, but clients send them.
  return std::none_of(end, text.end(), [](char c) { return c >= 0 && c < ' ' && c != '\t' && c != '\r'; });
}

// As much of "HTTP/1.x" as there is, with any digits: proxies open tunnels for clients that say HTTP/2.0.
bool may_be_version(std::string_view text) noexcept {
  text = text.substr(0, version_pattern.size());
  return std::equal(text.begin(), text.end(), version_pattern.begin(), [](char c, char expected) {
    return is_digit(expected) ? is_digit(c) : lower(c) == lower(expected);
  });
}
bool is_version(std::string_view word) noexcept {
  return word.size() == version_pattern.size() && may_be_version(word);
}

// The start of a status line: as much of "HTTP/1.x NNN" as there is.
bool may_be_status_line(std::string_view text) noexcept {
  if (!may_be_version(text)) return false;
  text.remove_prefix(std::min(text.size(), version_pattern.size()));
  if (text.empty()) return true;
  if (!is_blank(text[0])) return false;
  text.remove_prefix(std::min(text.find_first_not_of(http_blanks), text.size()));
  const std::string_view code = text.substr(0, 3);
  if (!std::all_of(code.begin(), code.end(), is_digit) || code.starts_with('0')) return false;
  return text.size() < 4 || !is_digit(text[3]);
}

}  // namespace

bool is_connect(std::string_view method) noexcept {
  return same_word(method, "CONNECT");
}

bool begins_connect(Bytes bytes) noexcept {
  std::string_view text = text_of(bytes);
  text.remove_prefix(empty_lines_size(text));
  const std::size_t end = text.find_first_of(http_blanks);
  return end != std::string_view::npos && is_connect(text.substr(0, end));
}

// method SP request-target SP HTTP-version CRLF
Parsed<HttpRequestLine> parse_http_request_line(Bytes bytes, Requests which) noexcept {
  std::string_view text = clip(bytes);
  const std::size_t skipped = empty_lines_size(text);
  text.remove_prefix(skipped);
  if (text == "\r") return Parsed<HttpRequestLine>::need_more();
  const auto line = parse_line(text);
  if (!may_be_request_line(line.is_ok() ? line.value : text, which)) return Parsed<HttpRequestLine>::malformed();
  if (!line.is_ok()) return {unfinished(bytes), {}, 0};

  const std::size_t method_end = line.value.find_first_of(http_blanks);
  if (method_end == std::string_view::npos) return Parsed<HttpRequestLine>::malformed();
  const std::string_view rest = trim(line.value.substr(method_end));
  const std::size_t target_end = rest.find_last_of(http_blanks);
  if (target_end == std::string_view::npos || !is_version(rest.substr(target_end + 1))) {
    return Parsed<HttpRequestLine>::malformed();
  }
  const HttpRequestLine value{line.value.substr(0, method_end), trim(rest.substr(0, target_end))};
  return Parsed<HttpRequestLine>::ok(value, skipped + line.size);
}

Parsed<HttpRequestHead> parse_http_request_head(Bytes bytes, Requests which) noexcept {
  return parse_http_request_head(bytes, parse_http_request_line(bytes, which));
}

Parsed<HttpRequestHead> parse_http_request_head(Bytes bytes, const Parsed<HttpRequestLine>& line) noexcept {
  if (!line.is_ok()) return {line.result, {}, 0};
  const auto fields = parse_fields(clip(bytes).substr(line.size));
  if (!fields.is_ok()) return {unfinished(bytes), {}, 0};
  return Parsed<HttpRequestHead>::ok({line.value, fields.value}, line.size + fields.size);
}

namespace {

// HTTP-version SP status-code SP [ reason-phrase ], of which is known that it may be one.
std::optional<HttpResponseHead> read_status_line(std::string_view line) noexcept {
  const std::string_view behind = trim(line.substr(std::min(line.size(), version_pattern.size())));
  if (behind.size() < 3) return std::nullopt;
  HttpResponseHead head;
  for (const char digit : behind.substr(0, 3)) head.status = head.status * 10 + (digit - '0');
  head.reason = trim(behind.substr(3));
  return head;
}

}  // namespace

std::optional<HttpResponseHead> parse_status_line(Bytes bytes) noexcept {
  const auto line = parse_line(clip(bytes));
  return line.is_ok() && may_be_status_line(line.value) ? read_status_line(line.value) : std::nullopt;
}

Parsed<HttpResponseHead> parse_http_response_head(Bytes bytes) noexcept {
  const std::string_view text = clip(bytes);
  const auto line = parse_line(text);
  if (!may_be_status_line(line.is_ok() ? line.value : text)) return Parsed<HttpResponseHead>::malformed();
  if (!line.is_ok()) return {unfinished(bytes), {}, 0};
  auto head = read_status_line(line.value);
  if (!head) return Parsed<HttpResponseHead>::malformed();
  const auto fields = parse_fields(text.substr(line.size));
  if (!fields.is_ok()) return {unfinished(bytes), {}, 0};
  head->fields = fields.value;
  return Parsed<HttpResponseHead>::ok(*head, line.size + fields.size);
}

StatusLineSearch::Found StatusLineSearch::find(Bytes bytes) noexcept {
  std::string_view text = text_of(bytes);
  std::size_t before = 0;
  while (before < text.size()) {
    const std::string_view line = text.substr(before);
    const std::size_t end = line.find('\n');
    const bool is_whole = end != std::string_view::npos;
    if (!is_inside_line_ && is_whole && parse_status_line(bytes.subspan(before))) return {before, true};
    if (!is_inside_line_ && !is_whole && line.size() < limits::http_head && may_be_status_line(line)) break;
    is_inside_line_ = !is_whole;
    before += is_whole ? end + 1 : line.size();
  }
  return {before, false};
}

bool HeadSearch::is_worth_parsing(Bytes bytes) const noexcept {
  const std::string_view text = text_of(bytes);
  const std::size_t first = empty_lines_size(text);
  const bool is_first_line_known = seen_ > first && text.substr(0, seen_).find('\n', first) != std::string_view::npos;
  if (!is_first_line_known || text.size() < seen_ || text.size() >= limits::http_head) return true;
  const std::string_view fresh = text.substr(seen_ - std::min<std::size_t>(seen_, 3));
  return fresh.find("\n\n") != std::string_view::npos || fresh.find("\n\r\n") != std::string_view::npos;
}

}  // namespace proxytunnel
