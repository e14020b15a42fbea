// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a connection that may be a proxy session: finds out what it is, follows its handshakes, keeps the attempt.
#include "tunnel/tunnel_connection.hpp"

#include "base/limits.hpp"

namespace proxytunnel {
namespace {

bool begins_attempt(MessageKind kind) noexcept {
  return kind == MessageKind::socks4_request || kind == MessageKind::socks5_greeting ||
         kind == MessageKind::http_connect_request;
}

bool is_request(MessageKind kind) noexcept {
  return kind == MessageKind::socks4_request || kind == MessageKind::socks5_request ||
         kind == MessageKind::http_connect_request;
}

// The answer to the request, as opposed to answers on the way to it: 1xx, methods, authentication.
bool is_reply(const Message& message) noexcept {
  return message.kind == MessageKind::socks4_reply || message.kind == MessageKind::socks5_reply ||
         (message.kind == MessageKind::http_response_head && message.reply_code >= 200);
}

}  // namespace

TunnelConnection::TunnelConnection(PerSide<Endpoint> ends, TunnelParent parent, Stamp first) noexcept
    : ends_(ends), parent_(parent), first_(first) {}

Untaken TunnelConnection::untaken(const Streams& streams) const noexcept {
  return {streams.untaken(client_), streams.untaken(other(client_))};
}

TunnelConnection::State TunnelConnection::advance(Streams& streams, const Disabled& disabled, TunnelId& next_id,
                                                  std::vector<Event>& events) {
  if (state_ == State::undecided) detect_client(streams, disabled, events);
  while (state_ == State::handshake) {
    Step step = handshake_->next(untaken(streams));
    if (const auto* wait = std::get_if<Wait>(&step)) {
      waits_for_ = side_of(wait->direction);
      break;
    }
    if (auto* taken = std::get_if<Took>(&step)) {
      took(*taken, streams, next_id, events);
    } else if (std::holds_alternative<Open>(step)) {
      state_ = attempt_ ? State::open : State::over;
    } else if (const auto* rejected = std::get_if<Reject>(&step)) {
      reject(*rejected, next_id, events);
    } else {
      state_ = State::over;
    }
  }
  if (state_ == State::over) handshake_.reset();
  return state_;
}

void TunnelConnection::detect_client(Streams& streams, const Disabled& disabled, std::vector<Event>& events) {
  while (true) {
    const bool allow_preamble = client_ == Side::acceptor;
    Detection detection = detect(untaken(streams), allow_preamble, disabled);
    if (detection.verdict == Verdict::need_more) return;
    if (detection.verdict == Verdict::yes) {
      begin(std::move(detection), streams, events);
      return;
    }
    if (client_ == Side::acceptor) {
      state_ = State::over;
      return;
    }
    client_ = Side::acceptor;
  }
}

void TunnelConnection::begin(Detection detection, Streams& streams, std::vector<Event>& events) {
  handshake_ = std::move(detection.handshake);
  state_ = State::handshake;
  if (detection.preamble == 0) return;
  const Side server = other(client_);
  Message message;
  message.kind = MessageKind::preamble;
  events.emplace_back(MessageEvent{no_tunnel, ends_[client_], ends_[server], Direction::from_server,
                                   streams.stamp(server, detection.preamble), detection.preamble, std::move(message)});
  streams.take(server, detection.preamble);
}

void TunnelConnection::took(Took& step, Streams& streams, TunnelId& next_id, std::vector<Event>& events) {
  const Side side = side_of(step.direction);
  const Stamp stamp = streams.stamp(side, step.size);
  streams.take(side, step.size);
  record(step.message, stamp, next_id);
  if (step.message.kind == MessageKind::http_other) return;
  events.emplace_back(MessageEvent{attempt_ ? attempt_->id : no_tunnel, ends_[client_], ends_[other(client_)],
                                   step.direction, stamp, step.size, std::move(step.message)});
}

void TunnelConnection::record(const Message& message, Stamp stamp, TunnelId& next_id) {
  if (begins_attempt(message.kind)) {
    attempt_ = std::make_unique<Attempt>();
    attempt_->parent = parent_.tunnel;
    attempt_->layer = parent_.layer;
    attempt_->client = ends_[client_];
    attempt_->proxy = ends_[other(client_)];
    if (parent_.tunnel != no_tunnel) {  // the tunnel outside may show them in their mapped form
      attempt_->client.address = attempt_->client.address.unmapped();
      attempt_->proxy.address = attempt_->proxy.address.unmapped();
    }
    attempt_->first = attempts_++ == 0 ? first_ : stamp;
  }
  if (!attempt_ || message.kind == MessageKind::http_other) return;
  attempt_->protocol = message.protocol;
  attempt_->last = stamp.frame;
  if (message.credentials.username) attempt_->credentials = message.credentials;
  if (is_request(message.kind)) {
    attempt_->id = next_id++;
    attempt_->command = message.command;
    attempt_->target = message.target;
    attempt_->target_text = message.target_text;
    attempt_->request = stamp;
  }
  if (is_reply(message)) {
    attempt_->reply = stamp;
    attempt_->reply_code = message.reply_code;
    attempt_->bound = message.bound;
  }
}

void TunnelConnection::reject(const Reject& step, TunnelId& next_id, std::vector<Event>& events) {
  if (attempt_) {
    attempt_->status = step.status;
    attempt_->reason = step.reason;
    end_attempt(next_id, events);
  }
  const bool more = step.another_may_follow && attempts_ < limits::attempts_per_connection;
  if (!more) state_ = State::over;
}

void TunnelConnection::end_attempt(TunnelId& next_id, std::vector<Event>& events) {
  if (attempt_->id == no_tunnel) attempt_->id = next_id++;
  events.emplace_back(EndedEvent{std::move(*attempt_)});
  attempt_.reset();
}

void TunnelConnection::conclude(Streams& streams, const Disabled& disabled, TunnelId& next_id,
                                std::vector<Event>& events) {
  // Silence proves something, bytes that are missing do not.
  const Side server = other(client_);
  const bool lost_answer = streams.untaken(server).empty() && streams.has_hole(server);
  if (state_ == State::undecided && !lost_answer) {
    Detection detection = detect_at_end(untaken(streams), disabled);
    if (detection.verdict == Verdict::yes) begin(std::move(detection), streams, events);
  }
  while (state_ == State::handshake) {
    Step step = handshake_->conclude(untaken(streams));
    auto* taken = std::get_if<Took>(&step);
    if (taken == nullptr) break;
    took(*taken, streams, next_id, events);
  }
  if (attempt_ && state_ != State::open) end_attempt(next_id, events);
  state_ = State::over;
}

}  // namespace proxytunnel
