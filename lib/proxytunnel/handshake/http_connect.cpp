// SPDX-License-Identifier: GPL-2.0-or-later
// summary: HTTP CONNECT, among the other requests that one client connection brings a proxy.
// spec: RFC 9110 section 9.3.6, RFC 9112 sections 3.2 and 6, RFC 7617 (Basic)
#include "handshake/http_connect.hpp"

#include <charconv>

namespace proxytunnel {
namespace {

constexpr std::string_view connect = "CONNECT";

bool is_interim(int status) noexcept {
  return status < 200 && status != 101;
}
bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// uri-host ":" port (RFC 9112 section 3.2.3). Words behind it are not part of it: some clients send "host:443 /".
std::optional<Target> parse_authority(std::string_view text) {
  text = text.substr(0, text.find_first_of(" \t"));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  // A URI, a user or an address without brackets: where such a host ends is anyone's guess.
  if (!port || host.find_first_of(bracketed ? "/?#@\\" : "/?#@\\[]:") != std::string_view::npos) return std::nullopt;
  return Target::named(host, *port);
}

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// RFC 4648 section 4; padding may be missing. nullopt for anything else.
std::optional<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string decoded;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded += static_cast<char>(static_cast<std::uint8_t>(bits >> count));
  }
  return decoded;
}

// "Basic" SP base64(user ":" password); other schemes leave the credentials empty.
Credentials parse_basic(std::string_view value) {
  constexpr std::string_view scheme = "Basic";
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !same_word(value.substr(0, blank), scheme)) return {};
  value.remove_prefix(std::min(value.find_first_not_of(' ', blank), value.size()));
  const auto decoded = decode_base64(value);
  if (!decoded) return {};
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return {*decoded, std::nullopt};
  return {decoded->substr(0, colon), decoded->substr(colon + 1)};
}

Message message_of(MessageKind kind) {
  Message message;
  message.kind = kind;
  message.protocol = Protocol::http_connect;
  return message;
}

Took took_other(Direction direction, std::size_t size) {
  return {direction, size, message_of(MessageKind::http_other)};
}

}  // namespace

Parsed<Message> parse_http_connect(Bytes bytes) noexcept {
  const auto head = parse_http_request_head(bytes);
  if (!head.is_ok()) return {head.result, {}, 0};
  if (head.value.line.method != connect) return Parsed<Message>::malformed();
  Message message = message_of(MessageKind::http_connect_request);
  message.command = Command::connect;
  message.target = parse_authority(head.value.line.target);
  message.target_text = head.value.line.target;
  std::string_view fields = head.value.fields;
  while (const auto field = take_field(fields)) {
    if (!same_word(field->name, "Proxy-Authorization")) continue;
    message.credentials = parse_basic(field->value);
    break;
  }
  return Parsed<Message>::ok(std::move(message), head.size);
}

Verdict looks_like_http_connect(const Untaken& first) noexcept {
  switch (parse_http_request_line(first[Direction::from_client]).result) {
    case ParseResult::ok:
      return Verdict::yes;
    case ParseResult::need_more:
      return Verdict::need_more;
    case ParseResult::malformed:
      break;
  }
  return Verdict::no;
}

Step HttpConnectHandshake::next(const Untaken& untaken) noexcept {
  switch (awaited_) {
    case Awaited::request:
      return take_request(untaken[Direction::from_client]);
    case Awaited::request_body:
      return take_body(Direction::from_client, untaken);
    case Awaited::response:
      return take_response(untaken[Direction::from_server]);
    case Awaited::response_body:
      return take_body(Direction::from_server, untaken);
    case Awaited::open:
      awaited_ = Awaited::over;
      return Open{};
    case Awaited::rejected:
      awaited_ = rejection_.another_may_follow ? Awaited::response_body : Awaited::over;
      return rejection_;
    case Awaited::over:
      break;
  }
  return leave();
}

// Behind a CONNECT the client's bytes may be anything, also another proxy's CONNECT in the tunnel, so nothing about
// them can be proved. Behind a proxied request comes the next request, whatever the answer is.
Step HttpConnectHandshake::conclude(const Untaken& untaken) noexcept {
  while (true) {
    const bool is_proxied = request_ == Request::head || request_ == Request::other;
    const bool is_answer = awaited_ == Awaited::response || awaited_ == Awaited::response_body;
    if (is_answer && is_proxied) awaited_ = Awaited::request;
    const Awaited before = awaited_;
    if (before != Awaited::request && before != Awaited::request_body) return Wait{Direction::from_server};
    Step step = next(untaken);
    if (std::holds_alternative<Took>(step)) return step;
    if (before == Awaited::request && awaited_ == Awaited::request) {
      return take_unfinished_request(untaken[Direction::from_client]);
    }
    const bool body_ended = before == Awaited::request_body && awaited_ == Awaited::response;
    if (!body_ended) return Wait{Direction::from_client};
  }
}

Step HttpConnectHandshake::take_request(Bytes bytes) noexcept {
  if (!search_.is_worth_parsing(bytes)) return Wait{Direction::from_client};
  const auto line = parse_http_request_line(bytes);
  if (line.result == ParseResult::malformed) return leave();
  if (line.is_ok() && line.value.method != connect) return take_proxied_request(bytes);
  auto request = parse_http_connect(bytes);
  search_.parsed(bytes, request.result);
  if (request.result == ParseResult::malformed) return leave();
  if (!request.is_ok()) return Wait{Direction::from_client};
  request_ = request.value.target ? Request::connect : Request::connect_without_target;
  awaited_ = Awaited::response;
  return Took{Direction::from_client, request.size, std::move(request.value)};
}

// A head that the capture cuts, by the snapshot length say: its whole lines say what they say.
Step HttpConnectHandshake::take_unfinished_request(Bytes bytes) noexcept {
  const std::string_view text = text_of(bytes);
  const std::size_t line_end = text.rfind('\n');
  if (line_end == std::string_view::npos) return Wait{Direction::from_client};
  auto request = parse_http_connect(bytes_of(std::string(text.substr(0, line_end + 1)) + "\r\n"));
  if (!request.is_ok()) return Wait{Direction::from_client};
  search_ = HeadSearch();
  awaited_ = Awaited::response;
  return Took{Direction::from_client, bytes.size(), std::move(request.value)};
}

Step HttpConnectHandshake::take_proxied_request(Bytes bytes) noexcept {
  const auto head = parse_http_request_head(bytes);
  search_.parsed(bytes, head.result);
  if (head.result == ParseResult::malformed) return leave();
  if (!head.is_ok()) return Wait{Direction::from_client};
  request_ = head.value.line.method == "HEAD" ? Request::head : Request::other;
  framing_.emplace(head.value);
  awaited_ = Awaited::request_body;
  return took_other(Direction::from_client, head.size);
}

Step HttpConnectHandshake::take_response(Bytes bytes) noexcept {
  const bool is_attempt = request_ == Request::connect || request_ == Request::connect_without_target;
  if (!search_.is_worth_parsing(bytes)) return Wait{Direction::from_server};
  const auto head = parse_http_response_head(bytes);
  search_.parsed(bytes, head.result);
  if (head.result == ParseResult::need_more) return Wait{Direction::from_server};
  if (!is_attempt) return head.is_ok() ? take_proxied_response(head.value, head.size) : leave();
  if (!head.is_ok()) {
    awaited_ = Awaited::over;
    return Reject{Status::malformed, "the answer is no http response", false};
  }
  if (!is_interim(head.value.status)) judge_response(head.value);
  Message message = message_of(MessageKind::http_response_head);
  message.reply_code = head.value.status;
  message.reason = head.value.reason;
  return Took{Direction::from_server, head.size, std::move(message)};
}

Step HttpConnectHandshake::take_proxied_response(const HttpResponseHead& head, std::size_t size) noexcept {
  // Behind 101 both sides speak another protocol.
  if (head.status == 101) return leave();
  if (!is_interim(head.status)) {
    using AnswerTo = HttpFraming::AnswerTo;
    framing_.emplace(head, request_ == Request::head ? AnswerTo::head : AnswerTo::other_method);
    awaited_ = Awaited::response_body;
  }
  return took_other(Direction::from_server, size);
}

Step HttpConnectHandshake::take_body(Direction direction, const Untaken& untaken) noexcept {
  const std::size_t size = framing_->feed(untaken[direction]);
  if (size > 0 && framing_->state() != HttpFraming::State::until_close) return took_other(direction, size);
  switch (framing_->state()) {
    case HttpFraming::State::more:
      return Wait{direction};
    case HttpFraming::State::complete:
      break;
    case HttpFraming::State::until_close:
    case HttpFraming::State::failed:
      return leave();
  }
  framing_.reset();
  awaited_ = direction == Direction::from_client ? Awaited::response : Awaited::request;
  return next(untaken);
}

void HttpConnectHandshake::judge_response(const HttpResponseHead& head) noexcept {
  awaited_ = Awaited::rejected;
  if (is_success(head.status)) {
    rejection_ = {Status::invalid_target, "the request names no host and port", false};
    if (request_ == Request::connect) awaited_ = Awaited::open;
    return;
  }
  if (head.status == 101) {
    rejection_ = {Status::refused, "the proxy switched protocols", false};
    return;
  }
  framing_.emplace(head, HttpFraming::AnswerTo::other_method);
  const bool ends = framing_->state() == HttpFraming::State::more || framing_->state() == HttpFraming::State::complete;
  rejection_ = {head.status == 407 ? Status::auth_failed : Status::refused, {}, ends};
}

Step HttpConnectHandshake::leave() noexcept {
  awaited_ = Awaited::over;
  return Leave{};
}

}  // namespace proxytunnel
