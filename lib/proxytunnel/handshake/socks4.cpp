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
constexpr std::string_view text_too_long = "a text in a socks4 request is longer than 8 KiB";
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

bool is_text(const Message& request) noexcept {
  return !has_control_characters(request.credentials.username.value_or("")) &&
         (!request.target || !has_control_characters(request.target->host));
}

// A request whose user id or name goes on for longer than anybody reads, and is text.
bool has_long_text(Bytes bytes) noexcept {
  constexpr std::size_t fixed_part = 8;
  if (bytes.size() <= fixed_part + limits::socks4_text) return false;
  const auto request = parse_socks4_request(bytes.first(fixed_part + limits::socks4_text));
  if (request.result != ParseResult::need_more) return false;
  const std::string_view text = text_of(bytes.subspan(fixed_part, limits::socks4_text));
  return !has_control_characters(text.substr(text.find('\0') + 1));
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

  const bool is_4a = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0;
  const bool is_unspecified = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] == 0;
  if (address[0] == 0 && !is_4a && !is_unspecified) return Parsed<Message>::malformed();

  const auto user = parse_text(reader.rest());
  if (!user.is_ok()) return {user.result, {}, 0};
  reader.skip(user.size);
  if (!user.value.empty()) message.credentials.username = user.value;

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

namespace {

// A whole request of plain text and the first two bytes of a reply that heard it, or all eight where it says no or the
// request's texts are none.
Verdict looks_like_socks4(const First& first, Families) noexcept {
  const Bytes client = first.untaken[Direction::from_client], server = first.untaken[Direction::from_server];
  if (!client.empty() && client[0] != version) return Verdict::no;
  const auto request = parse_socks4_request(client);
  const bool is_malformed = request.result == ParseResult::malformed;
  if (is_malformed && !has_long_text(client)) return Verdict::no;
  const auto reply = parse_socks4_reply(server);
  if (reply.result == ParseResult::malformed || first.unheard[Direction::from_server] > 0) return Verdict::no;
  if (is_malformed) return server.size() < 2 ? Verdict::need_more : server[1] == granted ? Verdict::yes : Verdict::no;
  if (!request.is_ok()) return Verdict::need_more;
  if (!server.empty() && first.heard < request.size) return Verdict::no;
  const bool is_strong = server.size() >= 2 && server[1] == granted && is_text(request.value);
  return is_strong || reply.is_ok() ? Verdict::yes : Verdict::need_more;
}

// Without an answer the texts are all that tells a request from other binary traffic; and a client that does not wait
// for the answer says more.
bool proves_socks4_alone(const First& first) noexcept {
  const auto request = parse_socks4_request(first.untaken[Direction::from_client]);
  return request.is_ok() && is_text(request.value) && first.unheard[Direction::from_client] == request.size;
}

}  // namespace

const Detector socks4_detector{looks_like_socks4, proves_socks4_alone, make_handshake<Socks4Handshake>};

Step Socks4Handshake::next(const Untaken& untaken) noexcept {
  switch (awaited_) {
    case Awaited::request: {
      auto request = parse_socks4_request(untaken[Direction::from_client]);
      if (request.result == ParseResult::need_more) return Wait{Direction::from_client};
      if (!request.is_ok()) {
        awaited_ = Awaited::over;
        return Leave{text_too_long};
      }
      protocol_ = request.value.protocol;
      command_ = request.value.command;
      has_target_ = request.value.target.has_value();
      peer_is_known_ =
          has_target_ && !(request.value.target->address && request.value.target->address->is_unspecified());
      awaited_ = Awaited::reply;
      return take_step(Direction::from_client, request.size, std::move(request.value));
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
  if (awaited_ == Awaited::rejected) return next(untaken);
  if (awaited_ != Awaited::request) return take_cut_refusal(untaken[Direction::from_server]);
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
  return take_step(Direction::from_server, reply.size, std::move(reply.value));
}

// VN CD, and less than there should be behind them.
Step Socks4Handshake::take_cut_refusal(Bytes bytes) noexcept {
  const bool is_awaited = awaited_ == Awaited::reply || awaited_ == Awaited::second_reply;
  const bool is_refusal =
      bytes.size() >= 2 && is_reply_version(bytes[0]) && is_reply_code(bytes[1]) && bytes[1] != granted;
  if (!is_awaited || !is_refusal) return Wait{Direction::from_server};
  Message reply;
  reply.kind = MessageKind::socks4_reply;
  reply.protocol = protocol_;
  reply.reply_code = bytes[1];
  reject(Status::refused, answer_cut_short);
  return take_step(Direction::from_server, bytes.size(), std::move(reply));
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
