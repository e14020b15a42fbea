// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a connection that may be a proxy session: finds out what it is, follows its handshakes, keeps the attempt.
#include "tunnel/tunnel_connection.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "handshake/http_forwarded.hpp"
#include "handshake/proxy_protocol.hpp"

namespace proxytunnel {
namespace {

bool is_forwarded(const Message& message) noexcept {
  return is_of_requests(message.protocol);
}

// Bodies are no news, unless something about them is odd.
bool is_told(const Message& message) noexcept {
  return (traits_of(message.kind) & PT_UNTOLD) == 0 || !message.anomaly.empty();
}

// The answer to the request, as opposed to answers on the way to it: 1xx, methods, authentication; and to the second
// one of BIND.
bool is_reply(const Message& message) noexcept {
  return (traits_of(message.kind) & PT_ANSWERS) != 0 && !message.is_interim && !message.peer;
}

// Targets are the same whatever the letter case of their names.
std::string key_of(const Target& target) {
  std::string key = target.text();
  std::transform(key.begin(), key.end(), key.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return key;
}

}  // namespace

TunnelConnection::TunnelConnection(PerSide<Endpoint> ends, TunnelParent parent, Stamp first) noexcept
    : ends_(ends), parent_(std::move(parent)), first_(first) {}

Untaken TunnelConnection::untaken(const Streams& streams) const noexcept {
  return {streams.untaken(client_), streams.untaken(other(client_))};
}

First TunnelConnection::first(const Streams& streams, const TunnelContext& context) const noexcept {
  const Side server = other(client_);
  First first{untaken(streams), {streams.unheard(client_), streams.unheard(server)}, 0, Opener::client};
  if (client_ == Side::acceptor) first.opener = Opener::server;
  first.is_believed = context.trusted.contains(ends_[client_].address);
  const std::size_t unheard = first.unheard[Direction::from_server];
  if (first.untaken[Direction::from_server].size() > unheard) first.heard = streams.heard(server, unheard + 1);
  return first;
}

TunnelConnection::State TunnelConnection::advance(Streams& streams, const TunnelContext& context) {
  const bool was_refused = is_refused_;
  const Side client = client_;
  if (state_ == State::undecided) detect_client(streams, context);
  while (state_ == State::handshake) {
    Step step = handshake_->next(untaken(streams));
    if (const auto* wait = std::get_if<Wait>(&step)) {
      wait_ = *wait;
      break;
    }
    if (auto* taken = std::get_if<Took>(&step)) {
      took(*taken, streams, context);
    } else if (const auto* opened = std::get_if<Open>(&step)) {
      if (attempt_) attempt_->note(opened->anomaly);
      // Behind a header that names nobody the connection is like any other.
      const bool is_tunnel = static_cast<bool>(attempt_);
      state_ = is_tunnel ? State::open : State::undecided;
      if (!is_tunnel) detect_client(streams, context);
    } else if (std::holds_alternative<Relay>(step)) {
      state_ = attempt_ ? State::relay : State::over;
    } else if (const auto* rejected = std::get_if<Reject>(&step)) {
      reject(*rejected, context);
    } else if (std::holds_alternative<Again>(step)) {
      state_ = State::undecided;
      detect_client(streams, context);
    } else {
      const std::string_view skipped = std::get<Leave>(step).skipped;
      if (!skipped.empty()) {
        context.events.emplace_back(skipped_event(client_, skipped));
      }
      state_ = State::over;
    }
  }
  if (state_ != State::over) return state_;
  handshake_.reset();
  if (was_refused && is_refused_ && !streams.untaken(client).empty()) {
    context.events.emplace_back(skipped_event(client, payload_after_refusal));
    is_refused_ = false;
  }
  return state_;
}

void TunnelConnection::detect_client(Streams& streams, const TunnelContext& context) {
  while (true) {
    Detection detection = detect(first(streams, context), context.disabled);
    if (detection.verdict == Verdict::need_more) return;
    if (detection.verdict == Verdict::yes) {
      begin(std::move(detection), streams, context);
      return;
    }
    if (client_ == Side::acceptor) {
      state_ = State::over;
      return;
    }
    client_ = Side::acceptor;
  }
}

void TunnelConnection::begin(Detection detection, Streams& streams, const TunnelContext& context) {
  handshake_ = std::move(detection.handshake);
  state_ = State::handshake;
  if (detection.preamble == 0) return;
  const Side server = other(client_);
  Message message;
  message.kind = MessageKind::preamble;
  context.events.emplace_back(std::in_place_type<MessageEvent>, no_tunnel, Ends{ends_[client_], ends_[server]},
                              Direction::from_server, streams.stamp(server, detection.preamble), detection.preamble,
                              std::move(message));
  streams.take(server, detection.preamble);
}

void TunnelConnection::took(Took& step, Streams& streams, const TunnelContext& context) {
  const Side side = side_of(step.direction);
  const PerSide<Offset> before{streams.taken(Side::initiator), streams.taken(Side::acceptor)};
  const Stamp stamp = streams.stamp(side, step.size);
  TunnelId tunnel = no_tunnel;
  if (is_forwarded(step.message)) {
    if ((traits_of(step.message.kind) & PT_ASKS) != 0) forward(step.message, stamp, before, context);
    tunnel = owner_of(step, stamp, before, context);
    if (tunnel != no_tunnel && (traits_of(step.message.kind) & PT_PAYLOAD) != 0) {
      claims_.push_back({side, {before[side], before[side] + static_cast<Offset>(step.size)}, tunnel});
    }
  } else if (step.message.kind == MessageKind::proxy_header && !names_somebody(step.message, ends_[client_])) {
    streams.take(side, step.size);
    context.events.emplace_back(skipped_event(client_, "the proxy header names no client"));
    return;
  } else {
    record(step.message, stamp, context);
    if (attempt_) tunnel = attempt_->id;
  }
  streams.take(side, step.size);
  const bool is_anybodys = !is_forwarded(step.message) || tunnel != no_tunnel;
  if (!is_anybodys || !is_told(step.message)) return;
  context.events.emplace_back(std::in_place_type<MessageEvent>, tunnel, Ends{ends_[client_], ends_[other(client_)]},
                              step.direction, stamp, step.size, std::move(step.message));
}

SkippedEvent TunnelConnection::skipped_event(Side client, std::string_view reason) const noexcept {
  return {ends_[client], ends_[other(client)], reason, parent_.tunnel, first_.frame};
}

void TunnelConnection::begin_attempt(Attempt& attempt, Stamp stamp) const {
  attempt.parent = parent_.tunnel;
  attempt.layer = parent_.layer;
  attempt.inside_tls = parent_.inside_tls;
  attempt.encapsulation = parent_.encapsulation;
  attempt.carrier_first = first_;
  attempt.carrier = {ends_[Side::initiator], ends_[Side::acceptor]};
  attempt.client = ends_[client_];
  attempt.proxy = ends_[other(client_)];
  if (parent_.client && client_ == Side::initiator) attempt.client = *parent_.client;
  if (parent_.tunnel != no_tunnel) {  // the tunnel outside may show them in their mapped form
    attempt.client.address = attempt.client.address.unmapped();
    attempt.proxy.address = attempt.proxy.address.unmapped();
  }
  attempt.first = attempts_ == 0 ? first_ : stamp;
  attempt.ordinal = attempts_;
}

void TunnelConnection::record(const Message& message, Stamp stamp, const TunnelContext& context) {
  const unsigned traits = traits_of(message.kind);
  if ((traits & PT_BEGINS) != 0) {
    begin_attempt(attempt_.emplace(), stamp);
    is_refused_ = false;
    ++attempts_;
  }
  if (!attempt_ || message.kind == MessageKind::http_other) return;
  attempt_->protocol = message.protocol;
  if (!protocol_) protocol_ = message.protocol;
  attempt_->last = stamp.frame;
  attempt_->note(message.anomaly);
  attempt_->log_in(message.credentials);
  attempt_->claim(message.claims);
  if (message.real_client) {
    // Here it is the client's end that stands for somebody else; the other one is the origin.
    attempt_->origin = Origin{attempt_->proxy, Provenance::carrier, {}};
    attempt_->proxy = attempt_->client;
    attempt_->client = *message.real_client;
  }
  if ((traits & PT_ASKS) != 0) {
    attempt_->id = context.next_id++;
    attempt_->command = message.command;
    attempt_->target = message.target;
    attempt_->target_text = message.target_text;
    attempt_->request = stamp;
    context.events.emplace_back(RequestedEvent{*attempt_});
  }
  if (is_reply(message)) {
    attempt_->reply = stamp;
    attempt_->reply_code = message.reply_code;
    attempt_->bound = message.bound;
  }
  if (message.peer) {
    attempt_->peer = message.peer;
    attempt_->reply_code = message.reply_code;
  }
}

// An ordinary server may be sent an absolute URI, too (RFC 9112 section 3.2.2): then the URI names the server. That it
// leads elsewhere, a field that only proxies are sent, and what else is known of the server tell a proxy.
bool TunnelConnection::is_proxied(const Message& message, const TunnelContext& context) noexcept {
  const Endpoint& server = ends_[other(client_)];
  const Leads leads = context.surroundings.where_leads(*message.target, server);
  if (leads != Leads::nobody_knows) return leads == Leads::elsewhere;
  const bool is_proved = message.speaks_to_proxy || attempts_ > 0 || context.surroundings.is_known_proxy(server);
  if (is_proved || context.forward_without_proof) return true;
  doubt("an absolute uri, and nothing proves a proxy", context);
  return false;
}

// Whether the fields of a request name somebody whom we believe. The message knows then who it is. The sender itself is
// nobody else: so it is in the conversation that the same request opened, where its client is believed, too.
bool TunnelConnection::is_claimed(Message& message, const TunnelContext& context) noexcept {
  const BelievedClient client = believed_client(message.claims, context.trusted);
  if (!client.end) {
    doubt(client.doubt, context);
    return false;
  }
  const Endpoint sender = parent_.client && client_ == Side::initiator ? *parent_.client : ends_[client_];
  const bool is_sender =
      client.end->address == sender.address.unmapped() && (client.end->port == 0 || client.end->port == sender.port);
  if (!is_sender) message.real_client = client.end;
  return !is_sender;
}

void TunnelConnection::doubt(std::string_view reason, const TunnelContext& context) {
  if (std::exchange(is_doubted_, true)) return;
  context.events.emplace_back(skipped_event(client_, reason));
}

void TunnelConnection::forward(Message& message, Stamp stamp, PerSide<Offset> base, const TunnelContext& context) {
  const bool is_anybodys =
      message.protocol == Protocol::http_forwarded ? is_claimed(message, context) : is_proxied(message, context);
  if (!is_anybodys) return;
  Forwarding& forwarding = forwarding_ ? *forwarding_ : forwarding_.emplace();
  const TunnelId tunnel = tunnel_for(message, stamp, base, context);
  forwarding.owners.resize(message.exchange - forwarding.first_owner, no_tunnel);  // others between are nobody's
  forwarding.owners.push_back(tunnel);
  forwarding.latest = tunnel;
}

// The conversation with the origin of a request. Where there is none, one begins.
TunnelId TunnelConnection::tunnel_for(const Message& message, Stamp stamp, PerSide<Offset> base,
                                      const TunnelContext& context) {
  if (message.protocol == Protocol::http_forwarded) return tunnel_of_client(message, stamp, base, context);
  Forwarding& forwarding = *forwarding_;
  const std::string key = key_of(*message.target);
  const auto named = forwarding.names.find(key);
  if (named != forwarding.names.end()) {
    const auto open = forwarding.tunnels.find(named->second.endpoint);
    if (open != forwarding.tunnels.end()) return open->second;
  }
  Attempt attempt = attempt_of(message, stamp);
  attempt.command = Command::forward;
  if (named != forwarding.names.end()) {
    attempt.origin = named->second;
  } else {
    context.surroundings.find_origin(attempt);
    if (forwarding.names.size() < limits::names_per_connection) forwarding.names.emplace(key, *attempt.origin);
  }
  const auto [known, is_new] = forwarding.tunnels.try_emplace(attempt.origin->endpoint, context.next_id);
  if (is_new) begin_forwarded(std::move(attempt), base, context);
  return known->second;
}

// The conversation of the client that a request claims, with the server. As with the PROXY protocol it is the client's
// end that stands for somebody else.
TunnelId TunnelConnection::tunnel_of_client(const Message& message, Stamp stamp, PerSide<Offset> base,
                                            const TunnelContext& context) {
  const auto [known, is_new] = forwarding_->tunnels.try_emplace(*message.real_client, context.next_id);
  if (!is_new) return known->second;
  Attempt attempt = attempt_of(message, stamp);
  attempt.origin = Origin{attempt.proxy, Provenance::carrier, {}};
  attempt.target = Target::literal(attempt.proxy.address, attempt.proxy.port);
  attempt.proxy = attempt.client;
  attempt.client = *message.real_client;
  begin_forwarded(std::move(attempt), base, context);
  return known->second;
}

Attempt TunnelConnection::attempt_of(const Message& message, Stamp stamp) const {
  Attempt attempt;
  begin_attempt(attempt, stamp);
  attempt.protocol = message.protocol;
  attempt.target = message.target;
  attempt.target_text = message.target_text;
  attempt.log_in(message.credentials);
  attempt.claim(message.claims);
  attempt.request = stamp;
  attempt.last = stamp.frame;
  attempt.status = Status::established;
  return attempt;
}

void TunnelConnection::begin_forwarded(Attempt attempt, PerSide<Offset> base, const TunnelContext& context) {
  attempt.id = context.next_id++;
  ++attempts_;
  if (!protocol_) protocol_ = attempt.protocol;
  forwarded_.push_back({std::move(attempt), base});
}

void TunnelConnection::forget(const Attempt& attempt) {
  Forwarding& forwarding = *forwarding_;
  const TunnelId tunnel = attempt.id;
  std::erase_if(forwarding.tunnels, [tunnel](const auto& entry) { return entry.second == tunnel; });
  const auto& owners = forwarding.owners;
  const bool is_asked = std::find(owners.begin(), owners.end(), tunnel) != owners.end();
  if (!is_asked) return;
  // Those whose answers never came leave first.
  auto& gone = forwarding.forgotten;
  if (gone.size() >= limits::unanswered_requests) gone.erase(gone.begin());
  const bool has_claimed_client = attempt.protocol == Protocol::http_forwarded;
  const Endpoint& client = attempt.client;
  const Target& whose = has_claimed_client ? Target::literal(client.address, client.port) : *attempt.target;
  gone.insert(forwarding.forgotten_from(tunnel), {tunnel, whose.port, whose.host});
}

std::vector<TunnelConnection::Gone>::iterator TunnelConnection::Forwarding::forgotten_from(TunnelId tunnel) noexcept {
  return std::lower_bound(forgotten.begin(), forgotten.end(), tunnel,
                          [](const Gone& gone, TunnelId id) { return gone.tunnel < id; });
}

// Whose a message of forwarding is. The answer to a request whose conversation was let go begins another one.
TunnelId TunnelConnection::owner_of(const Took& step, Stamp stamp, PerSide<Offset> base, const TunnelContext& context) {
  if (!forwarding_) return no_tunnel;
  Forwarding& forwarding = *forwarding_;
  if (step.direction == Direction::from_server) forwarding.forget_owners(step.message.exchange);
  const TunnelId owner = forwarding.owner_of(step.message.exchange);
  const auto gone = forwarding.forgotten_from(owner);
  if (gone == forwarding.forgotten.end() || gone->tunnel != owner) return owner;
  Message again = step.message;
  again.target = Target::named(gone->host, gone->port);
  if (again.target->address) again.real_client = Endpoint{*again.target->address, gone->port};
  forwarding.forgotten.erase(gone);
  const TunnelId next = tunnel_for(again, stamp, base, context);
  std::replace(forwarding.owners.begin(), forwarding.owners.end(), owner, next);
  if (forwarding.latest == owner) forwarding.latest = next;
  return next;
}

// What is asked of an exchange that was answered is whose the bytes are that follow it for want of anything better.
TunnelId TunnelConnection::Forwarding::owner_of(std::uint32_t exchange) const noexcept {
  if (exchange < first_owner) return latest;
  return exchange - first_owner < owners.size() ? owners[exchange - first_owner] : no_tunnel;
}

// The proxy answers in order, and nothing of a request comes behind an answer to a later one.
void TunnelConnection::Forwarding::forget_owners(std::uint32_t before) noexcept {
  for (; first_owner < before && !owners.empty(); ++first_owner) owners.pop_front();
  first_owner = std::max(first_owner, before);
}

void TunnelConnection::reject(const Reject& step, const TunnelContext& context) {
  if (attempt_) {
    attempt_->status = step.status;
    attempt_->reason = step.reason;
    is_refused_ =
        step.status == Status::refused || step.status == Status::auth_failed || step.status == Status::method_rejected;
    end_attempt(context);
  }
  if (!step.another_may_follow) state_ = State::over;
}

void TunnelConnection::end_attempt(const TunnelContext& context) {
  if (attempt_->id == no_tunnel) attempt_->id = context.next_id++;
  context.events.emplace_back(EndedEvent{std::move(*attempt_.take())});
}

bool TunnelConnection::open_unanswered(Streams& streams, const Hole& hole, const TunnelContext& context) {
  const Side server = other(client_);
  const Bytes client = streams.untaken(client_);
  const bool went_on =
      !client.empty() && streams.taken(server) + static_cast<Offset>(streams.heard(client_, client.size())) >= hole.end;
  if (!went_on || !streams.untaken(server).empty()) return false;
  // With the answers before it the request may wait to be understood, or the greeting for its first answer.
  Detection detection;
  if (state_ == State::undecided) detection = detect_at_end(first(streams, context), context.disabled);
  HandshakePointer trial = handshake_;
  if (detection.handshake) trial = detection.handshake->clone();
  if (!trial || (state_ == State::handshake && !attempt_)) return false;
  std::vector<Took> messages;
  Untaken rest{client, {}};
  while (true) {
    Step step = trial->conclude(rest);
    auto* taken = std::get_if<Took>(&step);
    if (taken == nullptr) break;
    rest[Direction::from_client] = rest[Direction::from_client].subspan(taken->size);
    messages.push_back(std::move(*taken));
  }
  const auto understood = static_cast<Offset>(client.size() - rest[Direction::from_client].size());
  const bool is_payload_heard = hole.heard_behind > streams.taken(client_) + understood;
  if (!is_payload_heard || !trial->opens_unanswered(rest[Direction::from_client])) return false;

  if (detection.handshake) begin(std::move(detection), streams, context);
  for (Took& message : messages) took(message, streams, context);
  streams.take(server, static_cast<std::size_t>(hole.end - streams.taken(server)));
  attempt_->note("gap-in-handshake");
  // Of several answers the last one may be there.
  Step step = trial->next(untaken(streams));
  auto* answer = std::get_if<Took>(&step);
  if (answer != nullptr && answer->message.bound) {
    took(*answer, streams, context);
  } else {
    attempt_->note("reply-not-captured");
  }
  state_ = State::open;
  handshake_.reset();
  return true;
}

void TunnelConnection::conclude(Streams& streams, const TunnelContext& context) {
  // Silence proves something, bytes that are missing do not.
  const Side server = other(client_);
  const bool lost_answer = streams.untaken(server).empty() && streams.has_hole(server);
  if (state_ == State::undecided && !lost_answer) {
    Detection detection = detect_at_end(first(streams, context), context.disabled);
    if (detection.verdict == Verdict::yes) {
      begin(std::move(detection), streams, context);
      advance(streams, context);
    }
  }
  while (state_ == State::handshake) {
    Step step = handshake_->conclude(untaken(streams));
    if (auto* taken = std::get_if<Took>(&step)) {
      took(*taken, streams, context);
    } else if (const auto* rejected = std::get_if<Reject>(&step)) {
      reject(*rejected, context);
      break;
    } else {
      break;
    }
  }
  if (attempt_ && state_ != State::open) end_attempt(context);
  state_ = State::over;
}

}  // namespace proxytunnel
