// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS4 and SOCKS4a: one request, one reply (two for BIND).
// spec: "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee); "SOCKS 4A" (the same)
#include "handshake/socks4.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace proxytunnel {
namespace {

constexpr std::uint8_t version = 4;
constexpr std::uint8_t granted = 90, last_code = 93;

Command command_of(std::uint8_t code) noexcept {
  switch (code) {
    case 1:
      return Command::connect;
    case 2:
      return Command::bind;
    case 0xf0:
      return Command::resolve;  // Tor's extension
    default:
      return Command::none;
  }
}

// Text up to a NUL, which is counted in `size` but not in `value`.
Parsed<std::string_view> parse_text(Bytes bytes) noexcept {
  const std::string_view text = text_of(bytes.first(std::min(bytes.size(), limits::socks4_text + 1)));
  const std::size_t end = text.find('\0');
  if (end != std::string_view::npos) return Parsed<std::string_view>::ok(text.substr(0, end), end + 1);
  return text.size() > limits::socks4_text ? Parsed<std::string_view>::malformed()
                                           : Parsed<std::string_view>::need_more();
}

bool is_reply_version(std::uint8_t byte) noexcept {
  return byte == 0 || byte == version;
}
bool is_reply_code(std::uint8_t byte) noexcept {
  return byte >= granted && byte <= last_code;
}

bool has_control_characters(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

}  // namespace

// VN(1)=4 CD(1) DSTPORT(2) DSTIP(4) USERID NUL; where DSTIP is 0.0.0.x with x != 0, a name and a NUL follow (4a)
Parsed<Message> parse_socks4_request(Bytes bytes) noexcept {
  Reader reader(bytes);
  if (!bytes.empty() && reader.u8() != version) return Parsed<Message>::malformed();
  Message message;
  message.kind = MessageKind::socks4_request;
  message.command = command_of(reader.u8());
  if (reader.complete() && message.command == Command::none) return Parsed<Message>::malformed();
  const std::uint16_t port = reader.u16();
  const Bytes address = reader.take(4);
  if (!reader.complete()) return Parsed<Message>::need_more();

  const auto user = parse_text(reader.rest());
  if (!user.is_ok()) return {user.result, {}, 0};
  reader.skip(user.size);
  if (!user.value.empty()) message.credentials.username = user.value;

  const bool is_4a = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0;
  message.protocol = is_4a ? Protocol::socks4a : Protocol::socks4;
  if (is_4a) {
    const auto name = parse_text(reader.rest());
    if (!name.is_ok()) return {name.result, {}, 0};
    reader.skip(name.size);
    if (!name.value.empty()) message.target = Target::named(name.value, port);
  } else {
    message.target = Target::literal(Address::from(address), port);
  }
  return Parsed<Message>::ok(std::move(message), reader.position());
}

// VN(1)=0 CD(1) DSTPORT(2) DSTIP(4)
Parsed<Message> parse_socks4_reply(Bytes bytes) noexcept {
  if (!bytes.empty() && !is_reply_version(bytes[0])) return Parsed<Message>::malformed();
  if (bytes.size() > 1 && !is_reply_code(bytes[1])) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message;
  message.kind = MessageKind::socks4_reply;
  message.protocol = Protocol::socks4;
  reader.skip(1);
  message.reply_code = reader.u8();
  const std::uint16_t port = reader.u16();
  const Bytes address = reader.take(4);
  if (!reader.complete()) return Parsed<Message>::need_more();
  message.bound = Target::literal(Address::from(address), port);
  return Parsed<Message>::ok(std::move(message), reader.position());
}

Verdict looks_like_socks4(const Untaken& first) noexcept {
  const Bytes server = first[Direction::from_server];
  const auto request = parse_socks4_request(first[Direction::from_client]).result;
  if (request == ParseResult::malformed) return Verdict::no;
  if (parse_socks4_reply(server).result == ParseResult::malformed) return Verdict::no;
  return request == ParseResult::ok && server.size() >= 2 ? Verdict::yes : Verdict::need_more;
}

bool proves_socks4_alone(const Untaken& first) noexcept {
  const auto request = parse_socks4_request(first[Direction::from_client]);
  if (!request.is_ok()) return false;
  // Without an answer the texts are all that tells a request from other binary traffic.
  const Message& message = request.value;
  return !has_control_characters(message.credentials.username.value_or("")) &&
         (!message.target || !has_control_characters(message.target->host));
}

Step Socks4Handshake::next(const Untaken& untaken) noexcept {
  switch (awaited_) {
    case Awaited::request: {
      auto request = parse_socks4_request(untaken[Direction::from_client]);
      if (request.result == ParseResult::need_more) return Wait{Direction::from_client};
      if (!request.is_ok()) break;
      protocol_ = request.value.protocol;
      command_ = request.value.command;
      has_target_ = request.value.target.has_value();
      peer_is_known_ =
          has_target_ && !(request.value.target->address && request.value.target->address->is_unspecified());
      awaited_ = Awaited::reply;
      return Took{Direction::from_client, request.size, std::move(request.value)};
    }
    case Awaited::reply:
    case Awaited::second_reply:
      return take_reply(untaken[Direction::from_server]);
    case Awaited::open:
      awaited_ = Awaited::over;
      return Open{};
    case Awaited::rejected:
      awaited_ = Awaited::over;
      return rejection_;
    case Awaited::over:
      break;
  }
  awaited_ = Awaited::over;
  return Leave{};
}

Step Socks4Handshake::conclude(const Untaken& untaken) noexcept {
  if (awaited_ != Awaited::request) return Wait{Direction::from_server};
  Step step = next(untaken);
  return std::holds_alternative<Took>(step) ? std::move(step) : Wait{Direction::from_client};
}

Step Socks4Handshake::take_reply(Bytes bytes) noexcept {
  auto reply = parse_socks4_reply(bytes);
  if (reply.result == ParseResult::need_more) return Wait{Direction::from_server};
  if (!reply.is_ok()) {
    awaited_ = Awaited::over;
    return Reject{Status::malformed, "the answer is no socks4 reply", false};
  }
  reply.value.protocol = protocol_;
  if (awaited_ == Awaited::second_reply) reply.value.peer = std::exchange(reply.value.bound, std::nullopt);
  judge_reply(reply.value);
  return Took{Direction::from_server, reply.size, std::move(reply.value)};
}

void Socks4Handshake::judge_reply(const Message& reply) noexcept {
  if (reply.reply_code != granted) return reject(Status::refused, {});
  if (command_ == Command::resolve) return reject(Status::established, "resolve opens no tunnel");
  if (command_ == Command::bind && awaited_ == Awaited::reply) {
    awaited_ = Awaited::second_reply;
    return;
  }
  if (command_ == Command::bind) {
    const bool names_peer = reply.peer && !reply.peer->address->is_unspecified();
    if (!names_peer && !peer_is_known_) return reject(Status::invalid_target, "nobody says who connected");
  } else if (!has_target_) {
    return reject(Status::invalid_target, "the request names no host");
  }
  awaited_ = Awaited::open;
}

void Socks4Handshake::reject(Status status, std::string_view reason) noexcept {
  rejection_ = {status, reason, false};
  awaited_ = Awaited::rejected;
}

}  // namespace proxytunnel
