// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the requests of an HTTP/1.x connection, one after the other.
#include "correlate/http_requests.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "handshake/http_forwarded.hpp"
#include "handshake/http_target.hpp"
#include "handshake/http_text.hpp"
#include "names/canonical_name.hpp"

namespace proxytunnel {
namespace {

constexpr std::string_view authority_end = "/?#";

// "/path?query" of an absolute URI, or the target as it is.
std::string_view path_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t path = target.find_first_of(authority_end, scheme + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

// Host, as a URI so that it is read as one.
std::optional<Target> host_of(const HttpRequestHead& head) {
  std::string_view fields = head.fields;
  while (const auto field = take_field(fields)) {
    if (same_word(field->name, "Host")) return parse_absolute_form("http://" + std::string(field->value()));
  }
  return std::nullopt;
}

void note_claims(const HttpFields& fields, HttpRequest& request) {
  const ForwardedClaims claims = read_forwarded(fields);
  const auto& nodes = claims.list().nodes;
  request.forwarded_nodes = nodes.size();
  if (!nodes.empty() && nodes.back().end) request.forwarded_for = nodes.back().end->address.unmapped();
}

}  // namespace

std::uint64_t HttpRequestReader::asked_by(const HttpRequestHead& head) const {
  std::optional<Target> target = parse_absolute_form(head.line.target);
  if (!target) target = host_of(head);
  std::string words(head.line.method);
  words += '\n';
  if (target) words += canonical_name(target->host) + ':' + std::to_string(target->port);
  words += '\n';
  words += path_of(head.line.target);
  return siphash(key_, bytes_of(words));
}

bool HttpRequestReader::add(Bytes bytes, Stamp stamp, std::vector<HttpRequest>& requests) {
  while (!bytes.empty()) {
    if (body_) {
      const std::size_t taken = body_->feed(bytes);
      at_ += static_cast<Offset>(taken);
      bytes = bytes.subspan(taken);
      const HttpFraming::State state = body_->state();
      if (state == HttpFraming::State::more) continue;
      if (state != HttpFraming::State::complete) return false;
      body_.reset();
      continue;
    }
    if (requests.size() >= limits::requests_per_leg) return false;
    const std::size_t before = head_.size();
    head_.insert(head_.end(), bytes.begin(), bytes.end());
    if (!search_.is_worth_parsing(head_)) return head_.size() <= limits::http_head;
    const auto head = parse_http_request_head(head_, Requests::all);
    search_.parsed(head_, head.result);
    if (head.result == ParseResult::need_more) return true;
    if (!head.is_ok() || is_connect(head.value.line.method)) return false;
    HttpRequest& request = requests.emplace_back();
    request.asked = asked_by(head.value);
    request.stamp = stamp;
    request.begin = at_;
    const HttpFields fields(head.value.fields);
    note_claims(fields, request);
    body_.emplace(fields);
    if (body_->state() == HttpFraming::State::complete) body_.reset();
    at_ += static_cast<Offset>(head.size);
    bytes = bytes.subspan(head.size - before);
    head_.clear();
  }
  return true;
}

}  // namespace proxytunnel
