// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS5: the order of its messages.
// spec: RFC 1928, RFC 1929, RFC 1961; Tor's socks-extensions (RESOLVE, RESOLVE_PTR)
#include "handshake/socks5.hpp"

#include <utility>

#include "base/limits.hpp"

namespace proxytunnel {
namespace {

using namespace socks5;

constexpr std::string_view no_request = "the request has another version";
constexpr std::string_view method_not_offered = "method-not-offered";

// The type of a GSSAPI message that may not be whole yet; -1 if not even that is there, or if it is none.
int gssapi_type(Bytes bytes) noexcept {
  return bytes.size() < 2 || bytes[0] != auth_version ? -1 : bytes[1];
}

}  // namespace

Step Socks5Handshake::next(const Untaken& untaken) noexcept {
  const Bytes client = untaken[Direction::from_client];
  const Bytes server = untaken[Direction::from_server];
  switch (awaited_) {
    case Awaited::greeting: {
      auto greeting = parse_socks5_greeting(client);
      if (greeting.result == ParseResult::malformed) break;
      return take(Direction::from_client, std::move(greeting), {});
    }
    case Awaited::method: {
      auto method = parse_socks5_method(server);
      const bool is_strange = method.is_ok() && method.value.reply_code != method_rejected &&
                              !offers(offered_, static_cast<std::uint8_t>(method.value.reply_code));
      if (is_strange) method.value.anomaly = method_not_offered;
      return take(Direction::from_server, std::move(method), "the answer to the greeting is no method");
    }
    case Awaited::auth_request:
      return take(Direction::from_client, parse_socks5_auth_request(client), "the credentials have another format");
    case Awaited::auth_reply:
      return take(Direction::from_server, parse_socks5_auth_reply(server), "the answer to the credentials is none");
    case Awaited::client_token:
    case Awaited::request:
      if (client.empty()) return Wait{Direction::from_client};
      if (client[0] == socks5::version) {
        return take(Direction::from_client, parse_socks5_request(client), "the address type is unknown");
      }
      if (awaited_ == Awaited::request) {
        if (client[0] != auth_version) return take(Direction::from_client, Parsed<Message>::malformed(), no_request);
        return take(Direction::from_client, parse_socks5_auth_request(client), no_request);
      }
      if (gssapi_type(client) == gssapi_wrapped) {
        awaited_ = Awaited::over;
        return Reject{Status::encapsulated, "gssapi wraps every message", false};
      }
      return take(Direction::from_client, parse_socks5_gssapi(client), "the token is no gssapi message");
    case Awaited::server_token:
      return take_server_token(untaken);
    case Awaited::reply:
      return take(Direction::from_server, parse_socks5_reply(server), "the answer is no socks5 reply");
    case Awaited::second_reply: {
      auto reply = parse_socks5_reply(server);
      reply.value.peer = std::exchange(reply.value.bound, std::nullopt);
      return take(Direction::from_server, std::move(reply), "the answer is no socks5 reply");
    }
    case Awaited::clear_payload:
      return judge_payload(untaken);
    case Awaited::open:
      awaited_ = Awaited::over;
      return Open{};
    case Awaited::relay:
      awaited_ = Awaited::over;
      return Relay{};
    case Awaited::rejected:
      awaited_ = Awaited::over;
      return rejection_;
    case Awaited::over:
      break;
  }
  awaited_ = Awaited::over;
  return Leave{};
}

// The proxy need not answer the client's last token (RFC 1961 section 3; the mechanism decides); its answer to
// the protection level then comes next, and tells that the client has more to say first.
Step Socks5Handshake::take_server_token(const Untaken& untaken) noexcept {
  const Bytes server = untaken[Direction::from_server];
  if (gssapi_type(server) == gssapi_protection_level && !protection_asked_) {
    awaited_ = Awaited::client_token;
    return next(untaken);
  }
  if (gssapi_type(server) == gssapi_wrapped) {
    awaited_ = Awaited::over;
    return Reject{Status::encapsulated, "gssapi wraps every message", false};
  }
  return take(Direction::from_server, parse_socks5_gssapi(server), "the token is no gssapi message");
}

Step Socks5Handshake::conclude(const Untaken& untaken) noexcept {
  switch (awaited_) {
    case Awaited::greeting: {
      Step step = next(untaken);
      return std::holds_alternative<Took>(step) ? std::move(step) : Wait{Direction::from_client};
    }
    case Awaited::method:
    case Awaited::auth_request:
    case Awaited::auth_reply:
    case Awaited::client_token:
    case Awaited::server_token:
    case Awaited::request:
      return take_from_client_alone(untaken[Direction::from_client]);
    case Awaited::reply:
    case Awaited::second_reply:
      return take_cut_refusal(untaken[Direction::from_server]);
    case Awaited::rejected:
      return next(untaken);
    default:
      return Wait{Direction::from_server};
  }
}

// VER REP, and less than there should be behind them.
Step Socks5Handshake::take_cut_refusal(Bytes bytes) noexcept {
  if (bytes.size() < 2 || bytes[0] != socks5::version || bytes[1] == 0) return Wait{Direction::from_server};
  Message reply;
  reply.kind = MessageKind::socks5_reply;
  reply.protocol = Protocol::socks5;
  reply.reply_code = bytes[1];
  reject(Status::refused, answer_cut_short);
  return take_step(Direction::from_server, bytes.size(), std::move(reply));
}

Step Socks5Handshake::take_from_client_alone(Bytes bytes) noexcept {
  auto parsed = parse_socks5_behind_greeting(bytes, offered_);
  if (!parsed.is_ok()) return Wait{Direction::from_client};
  if (parsed.value.kind == MessageKind::socks5_request) {
    advance(parsed.value);
  } else {
    awaited_ = Awaited::request;
  }
  return take_step(Direction::from_client, parsed.size, std::move(parsed.value));
}

Step Socks5Handshake::take(Direction direction, Parsed<Message>&& parsed, std::string_view otherwise) noexcept {
  if (parsed.result == ParseResult::need_more) return Wait{direction};
  if (!parsed.is_ok()) {
    awaited_ = Awaited::over;
    return Reject{Status::malformed, otherwise, false};
  }
  advance(parsed.value);
  return take_step(direction, parsed.size, std::move(parsed.value));
}

void Socks5Handshake::advance(const Message& message) noexcept {
  switch (message.kind) {
    case MessageKind::socks5_greeting:
      offered_ = message.methods;
      awaited_ = Awaited::method;
      return;
    case MessageKind::socks5_method:
      return judge_method(static_cast<std::uint8_t>(message.reply_code));
    case MessageKind::socks5_auth_request:
      awaited_ = Awaited::auth_reply;
      return;
    case MessageKind::socks5_auth_reply:
      if (message.reply_code != 0) return reject(Status::auth_failed, {});
      awaited_ = Awaited::request;
      return;
    case MessageKind::socks5_gssapi:
      return judge_token(message.reply_code);
    case MessageKind::socks5_request:
      command_ = message.command;
      has_target_ = message.target.has_value();
      peer_is_known_ = has_target_ && !(message.target->address && message.target->address->is_unspecified());
      awaited_ = Awaited::reply;
      return;
    default:
      return judge_reply(message);
  }
}

void Socks5Handshake::judge_method(std::uint8_t method) noexcept {
  if (method == method_rejected) return reject(Status::method_rejected, {});
  switch (method) {
    case method_none:
      awaited_ = Awaited::request;
      return;
    case method_gssapi:
      awaited_ = Awaited::client_token;
      return;
    case method_password:
      awaited_ = Awaited::auth_request;
      return;
    default:
      return reject(Status::encapsulated, "the authentication method is unknown");
  }
}

void Socks5Handshake::judge_token(int type) noexcept {
  if (type == gssapi_failure) return reject(Status::auth_failed, "gssapi failed");
  if (++gssapi_messages_ > limits::gssapi_messages) return reject(Status::malformed, "too many gssapi messages");
  const bool from_client = awaited_ == Awaited::client_token;
  if (from_client && type == gssapi_protection_level) protection_asked_ = true;
  awaited_ = from_client ? Awaited::server_token : Awaited::client_token;
}

void Socks5Handshake::judge_reply(const Message& reply) noexcept {
  if (reply.reply_code != 0) return reject(Status::refused, {});
  switch (command_) {
    case Command::connect:
      if (!has_target_) return reject(Status::invalid_target, "the request names no host");
      break;
    case Command::bind: {
      if (awaited_ == Awaited::reply) {
        awaited_ = Awaited::second_reply;
        return;
      }
      const bool names_peer = reply.peer && !(reply.peer->address && reply.peer->address->is_unspecified());
      if (!names_peer && !peer_is_known_) return reject(Status::invalid_target, "nobody says who connected");
      break;
    }
    case Command::udp_associate:
      awaited_ = Awaited::relay;
      return;
    case Command::resolve:
    case Command::resolve_ptr:
      return reject(Status::established, "resolve opens no tunnel");
    default:
      return reject(Status::malformed, "the command is unknown");
  }
  awaited_ = gssapi_messages_ > 0 ? Awaited::clear_payload : Awaited::open;
}

// A client that negotiated GSSAPI may have agreed on no protection: then its request came in the clear, and its payload
// does, too. Should payload of either side be wrapped all the same, none is shown as what it is not (RFC 1961 section
// 5): both sides have to show that it is not.
Step Socks5Handshake::judge_payload(const Untaken& untaken) noexcept {
  const Bytes client = untaken[Direction::from_client], server = untaken[Direction::from_server];
  if (gssapi_type(client) == gssapi_wrapped || gssapi_type(server) == gssapi_wrapped) {
    awaited_ = Awaited::over;
    return Reject{Status::encapsulated, "gssapi wraps the payload", false};
  }
  // The first byte may be enough: wrapped payload begins with the version of GSSAPI messages.
  const auto is_undecided = [](Bytes bytes) {
    return bytes.empty() || (bytes.size() == 1 && bytes[0] == auth_version);
  };
  if (is_undecided(client)) return Wait{Direction::from_client, Incomplete::unknown};
  if (is_undecided(server)) return Wait{Direction::from_server, Incomplete::unknown};
  awaited_ = Awaited::over;
  return Open{};
}

void Socks5Handshake::reject(Status status, std::string_view reason) noexcept {
  rejection_ = {status, reason, false};
  awaited_ = Awaited::rejected;
}

}  // namespace proxytunnel
