// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what one client connection brings an HTTP/1.x proxy: CONNECT, and requests in absolute-form; or what a proxy
//          brings a server: requests that claim a client.
#include "handshake/http_proxy.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "handshake/http_credentials.hpp"
#include "handshake/http_forwarded.hpp"
#include "handshake/http_target.hpp"

namespace proxytunnel {
namespace {

constexpr std::string_view framing_lost = "framing-lost";
constexpr std::string_view claims_cut = "claims-cut";
constexpr std::string_view head_too_long = "the head of a request is longer than 64 KiB";

bool is_interim(int status) noexcept {
  return status < 200 && status != 101;
}
bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}

Message message_of(MessageKind kind, Protocol protocol) {
  Message message;
  message.kind = kind;
  message.protocol = protocol;
  return message;
}

void claim(const HttpFields& fields, Message& message) {
  message.claims = read_forwarded(fields);
  if (message.anomaly.empty() && message.claims.is_cut()) message.anomaly = claims_cut;
}

}  // namespace

Parsed<Message> parse_http_connect(Bytes bytes) noexcept {
  const auto head = parse_http_request_head(bytes, Requests::to_proxies);
  if (!head.is_ok()) return {head.result, {}, 0};
  if (!is_connect(head.value.line.method)) return Parsed<Message>::malformed();
  Message message = message_of(MessageKind::http_connect_request, Protocol::http_connect);
  message.command = Command::connect;
  ConnectTarget named = parse_connect_target(head.value.line.target);
  message.target = std::move(named.target);
  message.target_text = without_password(head.value.line.target);
  if (named.is_unusual) message.anomaly = "unusual-target";
  const HttpFields fields(head.value.fields);
  message.credentials = read_proxy_fields(fields).credentials;
  claim(fields, message);
  return Parsed<Message>::ok(std::move(message), head.size);
}

namespace {

// The request line of a CONNECT, or of a request in absolute-form. The proxy's bytes do not matter: the text is proof
// enough; but a proxy that opened the connection must answer with a status line.
Verdict looks_like_http_proxy(const First& first, Families disabled) noexcept {
  const auto line = parse_http_request_line(first.untaken[Direction::from_client], Requests::to_proxies);
  if (line.result == ParseResult::malformed) return Verdict::no;
  const Bytes server = first.untaken[Direction::from_server];
  if (first.opener == Opener::server) {
    if (parse_http_response_head(server).result == ParseResult::malformed) return Verdict::no;
    if (server.empty()) return Verdict::need_more;
  }
  if (!line.is_ok()) return Verdict::need_more;
  return disabled.has(Family::http_connect) && is_connect(line.value.method) ? Verdict::no : Verdict::yes;
}

// Any other request, of a peer that is believed. Whether its fields, or those of later ones, claim a client is seen
// when they are read.
Verdict looks_like_forwarded_http(const First& first, Families) noexcept {
  if (!first.is_believed) return Verdict::no;
  const Bytes client = first.untaken[Direction::from_client];
  const auto line = parse_http_request_line(client, Requests::all);
  if (line.result == ParseResult::malformed || begins_connect(client)) return Verdict::no;
  return line.is_ok() ? Verdict::yes : Verdict::need_more;
}

std::unique_ptr<Handshake> make_forwarded_handshake(Families disabled) noexcept {
  return std::make_unique<HttpProxyHandshake>(disabled, Protocol::http_forwarded);
}

}  // namespace

const Detector http_detector{looks_like_http_proxy, nullptr, make_handshake<HttpProxyHandshake>};
const Detector http_forwarded_detector{looks_like_forwarded_http, nullptr, make_forwarded_handshake, true};

HttpProxyHandshake::HttpProxyHandshake(Families disabled, Protocol followed) noexcept
    : disabled_(disabled), followed_(followed) {
  if (serves_proxies()) disabled_.add(Family::http_connect);
}

bool HttpProxyHandshake::is_all_answered() const noexcept {
  return asked_.empty() && !body_[Direction::from_server] && !next_answer_;
}

bool HttpProxyHandshake::awaits_connect_answer() const noexcept {
  return !asked_.empty() && asked_.front().request <= Request::connect_without_target;
}

bool HttpProxyHandshake::may_read_request() const noexcept {
  const bool waits_for_answer = !asked_.empty() && asked_.back().may_switch;
  return !over_[Direction::from_client] && !waits_for_answer && asked_.size() < limits::unanswered_requests;
}

Took HttpProxyHandshake::took(Direction direction, std::size_t size, MessageKind kind,
                              std::uint32_t exchange) const noexcept {
  Message message = message_of(kind, followed_);
  message.exchange = exchange;
  return {direction, size, std::move(message)};
}

Step HttpProxyHandshake::next(const Untaken& untaken) noexcept {
  if (last_words_) {
    Step words = *std::exchange(last_words_, std::nullopt);
    const auto* rejected = std::get_if<Reject>(&words);
    if (rejected == nullptr || !rejected->another_may_follow) over_ = {true, true};
    return words;
  }
  while (true) {
    const bool had_body = body_[Direction::from_server] || next_answer_, was_over = over_[Direction::from_server];
    if (auto step = take_client(untaken[Direction::from_client])) return std::move(*step);
    if (auto step = take_server(untaken[Direction::from_server])) return std::move(*step);
    // That an answer ends, or that no other follows, is no step of its own, but a request may have waited for it.
    const bool answer_ended = had_body && !body_[Direction::from_server] && !next_answer_;
    const bool answers_ended = !was_over && over_[Direction::from_server];
    if (!answer_ended && !answers_ended) break;
  }
  if (over_[Direction::from_client] && is_all_answered()) over_ = {true, true};
  if (over_[Direction::from_client] && over_[Direction::from_server]) return Leave{skipped_};
  // Between an attempt and its answer every byte is handshake; elsewhere an unfinished head may turn out to be payload.
  const bool awaits_answer = over_[Direction::from_client] || !asked_.empty() || body_[Direction::from_server];
  if (awaits_answer)
    return Wait{Direction::from_server, awaits_connect_answer() ? Incomplete::handshake : Incomplete::unknown};
  const bool is_attempt = begins_connect(untaken[Direction::from_client]);
  return Wait{Direction::from_client, is_attempt ? Incomplete::handshake : Incomplete::unknown};
}

// Behind a CONNECT the client's bytes may be anything, also another proxy's CONNECT in the tunnel, so nothing about
// them can be proved. A head that the capture cuts, by the snapshot length say: its whole lines say what they say.
// Behind a proxied request comes the next one, whatever the answer is.
Step HttpProxyHandshake::conclude(const Untaken& untaken) noexcept {
  if (last_words_) return *std::exchange(last_words_, std::nullopt);
  if (auto refusal = take_cut_refusal(untaken[Direction::from_server])) return *refusal;
  const Bytes client = untaken[Direction::from_client];
  if (!awaits_connect_answer() && !switched_) {
    asked_.clear();
    body_[Direction::from_server].reset();
    next_answer_.reset();
  }
  if (auto step = take_client(client)) {
    if (std::holds_alternative<Took>(*step)) return std::move(*step);
  }
  const std::string_view text = text_of(client);
  const std::size_t line_end = text.rfind('\n');
  if (!asked_.empty() || !may_read_request() || body_[Direction::from_client] || line_end == std::string_view::npos) {
    return Wait{asked_.empty() ? Direction::from_client : Direction::from_server};
  }
  auto request = parse_http_connect(bytes_of(std::string(text.substr(0, line_end + 1)) + "\r\n"));
  if (!request.is_ok() || disabled_.has(Family::http_connect)) return Wait{Direction::from_client};
  return take_unfinished_request(client, std::move(request.value));
}

bool HttpProxyHandshake::opens_unanswered(Bytes client) const noexcept {
  const bool is_asked = !asked_.empty() && asked_.front().request == Request::connect;
  return is_asked && parse_http_request_line(client, Requests::to_proxies).result == ParseResult::malformed;
}

// The answer to a CONNECT that was cut behind its status line. One that grants would have gone on.
std::optional<Took> HttpProxyHandshake::take_cut_refusal(Bytes bytes) noexcept {
  if (!awaits_connect_answer() || body_[Direction::from_server]) return std::nullopt;
  const auto head = parse_status_line(bytes);
  if (!head || is_interim(head->status) || is_success(head->status)) return std::nullopt;
  Message message = message_of(MessageKind::http_response_head, Protocol::http_connect);
  message.exchange = asked_.front().exchange;
  message.reply_code = head->status;
  message.reason = head->reason;
  asked_.pop_front();
  last_words_ = Reject{head->status == 407 ? Status::auth_failed : Status::refused, answer_cut_short, false};
  return Took{Direction::from_server, bytes.size(), std::move(message)};
}

Took HttpProxyHandshake::take_unfinished_request(Bytes bytes, Message message) noexcept {
  search_[Direction::from_client] = HeadSearch();
  asked_.push_back({Request::connect, false, true, exchanges_++});
  return {Direction::from_client, bytes.size(), std::move(message)};
}

// ---------------------------------------------------------------- the client's stream

std::optional<Step> HttpProxyHandshake::take_client(Bytes bytes) noexcept {
  if (auto step = take_body(Direction::from_client, bytes)) return step;
  if (body_[Direction::from_client] || !may_read_request()) return std::nullopt;
  if (!search_[Direction::from_client].is_worth_parsing(bytes)) return std::nullopt;
  // Behind a request that a proxy was sent others may be the proxy's own business.
  const bool reads_all = forwarded_ || serves_proxies();
  const auto line = parse_http_request_line(bytes, reads_all ? Requests::all : Requests::to_proxies);
  if (line.result == ParseResult::need_more) return std::nullopt;
  if (!line.is_ok()) return end_requests({});
  const bool is_attempt = is_connect(line.value.method);
  const bool cannot_open = is_attempt && (disabled_.has(Family::http_connect) || over_[Direction::from_server]);
  if (cannot_open) {
    over_[Direction::from_client] = true;
    return std::nullopt;
  }
  return is_attempt ? take_connect(bytes) : take_proxied_request(bytes, line);
}

// What follows is no request, or none that can be read. Behind forwarded requests it is somebody's payload all the
// same.
std::optional<Step> HttpProxyHandshake::end_requests(std::string_view why) noexcept {
  over_[Direction::from_client] = true;
  if (!forwarded_) {
    skipped_ = why;
    if (!is_unframed_) return std::nullopt;
    // Where the proxy's answer ends is not known: whoever came first, this was nobody's.
    return took(Direction::from_client, whole_rest, MessageKind::http_other, exchanges_);
  }
  is_lost_ = true;
  return lost_rest(Direction::from_client, *forwarded_);
}

Took HttpProxyHandshake::lost_rest(Direction direction, std::uint32_t exchange) const noexcept {
  Took rest = took(direction, whole_rest, MessageKind::http_forward_body, exchange);
  rest.message.anomaly = framing_lost;
  return rest;
}

std::optional<Step> HttpProxyHandshake::take_connect(Bytes bytes) noexcept {
  if (!is_all_answered()) return std::nullopt;  // strictly behind the answers before it
  auto request = parse_http_connect(bytes);
  search_[Direction::from_client].parsed(bytes, request.result);
  if (request.result == ParseResult::malformed) return end_requests(head_too_long);
  if (!request.is_ok()) return std::nullopt;
  const Request kind = request.value.target ? Request::connect : Request::connect_without_target;
  request.value.exchange = exchanges_++;
  asked_.push_back({kind, false, true, request.value.exchange});
  return std::make_optional<Step>(std::in_place_type<Took>, Direction::from_client, request.size,
                                  std::move(request.value));
}

std::optional<Step> HttpProxyHandshake::take_proxied_request(Bytes bytes,
                                                             const Parsed<HttpRequestLine>& line) noexcept {
  const auto head = parse_http_request_head(bytes, line);
  search_[Direction::from_client].parsed(bytes, head.result);
  if (head.result == ParseResult::malformed) return end_requests(head_too_long);
  if (!head.is_ok()) return std::nullopt;
  Message message = message_of(MessageKind::http_other, followed_);
  message.exchange = exchanges_++;
  const HttpFields fields(head.value.fields);
  read_request(head.value.line, fields, message);
  const bool is_forward = message.kind != MessageKind::http_other;
  if (is_forward) forwarded_ = message.exchange;
  asked_.push_back({is_forward ? Request::forward : Request::other, head.value.line.method == "HEAD",
                    fields.has(HttpFieldName::upgrade), message.exchange});
  begin_body(Direction::from_client, HttpFraming(fields),
             is_forward ? MessageKind::http_forward_body : MessageKind::http_other, message.exchange);
  return std::make_optional<Step>(std::in_place_type<Took>, Direction::from_client, head.size, std::move(message));
}

// What makes a request payload: a target, or a claim.
void HttpProxyHandshake::read_request(const HttpRequestLine& line, const HttpFields& fields, Message& message) const {
  if (serves_proxies()) {
    claim(fields, message);
    if (!message.claims.list().nodes.empty()) message.kind = MessageKind::http_forwarded_request;
    return;
  }
  if (!disabled_.has(Family::http_forward)) message.target = parse_absolute_form(line.target);
  if (!message.target) return;
  ProxyFields to_proxy = read_proxy_fields(fields);
  message.kind = MessageKind::http_forward_request;
  message.command = Command::forward;
  message.target_text = without_password(line.target);
  message.credentials = std::move(to_proxy.credentials);
  message.speaks_to_proxy = to_proxy.speaks_to_proxy;
  claim(fields, message);
}

// ---------------------------------------------------------------- the proxy's stream

std::optional<Step> HttpProxyHandshake::take_server(Bytes bytes) noexcept {
  if (auto step = take_body(Direction::from_server, bytes)) return step;
  if (next_answer_) {
    const auto found = next_answer_->find(bytes);
    if (found.is_found) next_answer_.reset();
    const std::uint32_t refused = (asked_.empty() ? exchanges_ : asked_.front().exchange) - 1;
    if (found.before > 0) return took(Direction::from_server, found.before, MessageKind::http_other, refused);
    if (next_answer_) return std::nullopt;
  }
  if (is_rest_untold_) return tell_lost_answers();
  const bool answers_nothing = is_lost_ && asked_.empty() && !body_[Direction::from_server];
  if (answers_nothing && !over_[Direction::from_server]) {
    over_[Direction::from_server] = true;
    return lost_rest(Direction::from_server, *forwarded_);
  }
  const bool is_between = bytes.empty() || body_[Direction::from_server] || asked_.empty();
  if (is_between || over_[Direction::from_server]) return std::nullopt;
  return awaits_connect_answer() ? take_answer_to_connect(bytes) : take_proxied_answer(bytes);
}

std::optional<Step> HttpProxyHandshake::take_answer_to_connect(Bytes bytes) noexcept {
  if (!search_[Direction::from_server].is_worth_parsing(bytes)) return std::nullopt;
  const auto head = parse_http_response_head(bytes);
  search_[Direction::from_server].parsed(bytes, head.result);
  if (head.result == ParseResult::need_more) return std::nullopt;
  if (!head.is_ok()) {
    over_ = {true, true};
    return Reject{Status::malformed, "the answer is no http response", false};
  }
  Message message = message_of(MessageKind::http_response_head, Protocol::http_connect);
  message.exchange = asked_.front().exchange;
  message.reply_code = head.value.status;
  message.is_interim = is_interim(head.value.status);
  message.reason = head.value.reason;
  if (!is_interim(head.value.status)) judge(head.value);
  return std::make_optional<Step>(std::in_place_type<Took>, Direction::from_server, head.size, std::move(message));
}

void HttpProxyHandshake::judge(const HttpResponseHead& head) noexcept {
  const Asked asked = asked_.front();
  asked_.pop_front();
  if (is_success(head.status)) {
    if (asked.request == Request::connect) {
      last_words_ = Open{};
    } else {
      last_words_ = Reject{Status::invalid_target, "the request names no host and port", false};
    }
    return;
  }
  if (head.status == 101) {
    last_words_ = Reject{Status::refused, "the proxy switched protocols", false};
    return;
  }
  HttpFraming framing(head.status, HttpFields(head.fields), HttpFraming::AnswerTo::other_method);
  const bool ends = framing.state() != HttpFraming::State::failed;
  last_words_ = Reject{head.status == 407 ? Status::auth_failed : Status::refused, {}, ends};
  if (framing.state() == HttpFraming::State::until_close) begin_unframed();
  if (framing.state() == HttpFraming::State::more) {
    body_[Direction::from_server] = Body{std::move(framing), MessageKind::http_other, asked.exchange};
  }
}

std::optional<Step> HttpProxyHandshake::take_proxied_answer(Bytes bytes) noexcept {
  const Asked asked = asked_.front();
  const bool is_forward = asked.request == Request::forward;
  const MessageKind body = is_forward ? MessageKind::http_forward_body : MessageKind::http_other;
  const std::size_t before = begun_.size();
  const std::string joined = before > 0 ? begun_ + std::string(text_of(bytes)) : std::string();
  const Bytes all = before > 0 ? bytes_of(joined) : bytes;
  HeadSearch& search = search_[Direction::from_server];
  const auto head =
      search.is_worth_parsing(all) ? parse_http_response_head(all) : Parsed<HttpResponseHead>::need_more();
  search.parsed(all, head.result);
  if (head.result == ParseResult::need_more) {
    const bool is_taken = is_forward && all.size() <= limits::begun_head && (before > 0 || is_origins(bytes));
    if (!is_taken) return std::nullopt;
    begun_ = text_of(all);
    return took(Direction::from_server, bytes.size(), body, asked.exchange);
  }
  begun_.clear();
  if (!head.is_ok()) {
    over_[Direction::from_server] = true;
    is_rest_untold_ = true;
    return tell_lost_answers();
  }
  const bool is_refusal = is_proxys_own(head.value.status);
  // Who did not ask for another protocol goes on in this one, whatever the answer (RFC 9110 section 15.2.2); what it
  // says next may have been read before the answer.
  const bool switches = head.value.status == 101 && asked.may_switch;
  const bool is_on_the_way = head.value.status < 200 && !switches;
  const HttpFields fields(head.value.fields);
  Message message = message_of(MessageKind::http_other, followed_);
  message.exchange = asked.exchange;
  if (is_forward) {
    message.kind = is_refusal ? MessageKind::http_response_head : MessageKind::http_forward_response;
    message.reply_code = head.value.status;
    message.is_interim = is_on_the_way;
    message.reason = head.value.reason;
    if (is_refusal) message.anomaly = "proxy-authentication-required";
    if (!is_refusal && !serves_proxies() && may_be_from_proxy(head.value.status, fields))
      message.anomaly = "maybe-answered-by-proxy";
  }
  if (switches) {
    switched_ = true;
  } else if (!is_on_the_way) {
    using AnswerTo = HttpFraming::AnswerTo;
    HttpFraming framing(head.value.status, fields, asked.is_head ? AnswerTo::head : AnswerTo::other_method);
    if (is_refusal && framing.state() == HttpFraming::State::until_close) {
      body_ended(Direction::from_server, asked.exchange);
      begin_unframed();
    } else {
      begin_body(Direction::from_server, std::move(framing), is_refusal ? MessageKind::http_other : body,
                 asked.exchange);
    }
  }
  return std::make_optional<Step>(std::in_place_type<Took>, Direction::from_server, head.size - before,
                                  std::move(message));
}

// They belong to the request that they should have answered, or to the nearest one in absolute-form: the latest before
// it, else the first behind it, which may come later.
std::optional<Step> HttpProxyHandshake::tell_lost_answers() noexcept {
  const auto is_forward = [](const Asked& asked) { return asked.request == Request::forward; };
  const auto first = std::find_if(asked_.begin(), asked_.end(), is_forward);
  if (first == asked_.end() && !answered_) return std::nullopt;
  is_rest_untold_ = false;
  const bool is_behind = first != asked_.begin() && answered_;
  return lost_rest(Direction::from_server, is_behind ? *answered_ : first->exchange);
}

// Whether an unfinished head is known to be the origin's answer, as the status line tells.
bool HttpProxyHandshake::is_origins(Bytes bytes) const noexcept {
  const auto head = parse_status_line(bytes);
  return head && !is_proxys_own(head->status);
}

// ---------------------------------------------------------------- bodies

void HttpProxyHandshake::begin_body(Direction direction, HttpFraming framing, MessageKind kind,
                                    std::uint32_t exchange) noexcept {
  if (framing.state() == HttpFraming::State::complete) {
    body_ended(direction, exchange);
  } else {
    body_[direction] = Body{std::move(framing), kind, exchange};
  }
}

void HttpProxyHandshake::begin_unframed() noexcept {
  next_answer_.emplace();
  is_unframed_ = true;
}

void HttpProxyHandshake::body_ended(Direction direction, std::uint32_t exchange) noexcept {
  body_[direction].reset();
  const bool is_answer = direction == Direction::from_server && !asked_.empty() && asked_.front().exchange == exchange;
  if (!is_answer) return;
  if (asked_.front().request == Request::forward) answered_ = exchange;
  asked_.pop_front();
}

// nullopt: there is no body (any more), or more of it has to come.
std::optional<Step> HttpProxyHandshake::take_body(Direction direction, Bytes bytes) noexcept {
  if (switched_ && !over_[direction]) {
    over_[direction] = true;
    const bool is_forward = asked_.front().request == Request::forward;
    return took(direction, whole_rest, is_forward ? MessageKind::http_forward_body : MessageKind::http_other,
                asked_.front().exchange);
  }
  if (!body_[direction]) return std::nullopt;
  HttpFraming& framing = body_[direction]->framing;
  const MessageKind kind = body_[direction]->kind;
  const std::uint32_t exchange = body_[direction]->exchange;
  if (const auto length = framing.known_length()) {
    body_ended(direction, exchange);
    return took(direction, *length, kind, exchange);
  }
  const std::size_t size = framing.state() == HttpFraming::State::more ? framing.feed(bytes) : 0;
  if (size > 0) return took(direction, size, kind, exchange);
  switch (framing.state()) {
    case HttpFraming::State::more:
      return std::nullopt;
    case HttpFraming::State::complete:
      body_ended(direction, exchange);
      return std::nullopt;
    case HttpFraming::State::until_close:
    case HttpFraming::State::failed:
      break;
  }
  const bool is_failure = framing.state() == HttpFraming::State::failed;
  body_ended(direction, exchange);
  over_[direction] = true;
  Took rest = took(direction, whole_rest, kind, exchange);
  if (is_failure) rest.message.anomaly = framing_lost;
  return rest;
}

}  // namespace proxytunnel
