// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS5: the messages on the wire.
// spec: RFC 1928 sections 3 to 6, RFC 1929 section 2, RFC 1961 sections 3 and 4
#include "handshake/socks5.hpp"

namespace proxytunnel {
namespace {

using socks5::auth_version, socks5::version;
constexpr std::uint8_t gssapi_version = 1;
constexpr std::string_view auth_version_wrong = "auth-version-wrong";

bool starts_otherwise(Bytes bytes, std::uint8_t expected) noexcept {
  return !bytes.empty() && bytes[0] != expected;
}

bool begins_auth(Bytes bytes) noexcept {
  return bytes.empty() || bytes[0] == auth_version || bytes[0] == version || bytes[0] == 0;
}

// Where only GSSAPI is offered, 01 begins a token; RFC 1929 messages begin with the same byte.
bool speaks_gssapi(std::string_view methods) noexcept {
  return socks5::offers(methods, socks5::method_gssapi) && !socks5::offers(methods, socks5::method_password);
}

Message message_of(MessageKind kind) {
  Message message;
  message.kind = kind;
  message.protocol = Protocol::socks5;
  return message;
}

Parsed<Message> finish(const Reader& reader, Message&& message) {
  if (!reader.complete()) return Parsed<Message>::need_more();
  return Parsed<Message>::ok(std::move(message), reader.position());
}

Command command_of(std::uint8_t code) noexcept {
  switch (code) {
    case 1:
      return Command::connect;
    case 2:
      return Command::bind;
    case 3:
      return Command::udp_associate;
    case 0xf0:
      return Command::resolve;
    case 0xf1:
      return Command::resolve_ptr;
    default:
      return Command::none;
  }
}

// VER(1)=5 code(1) RSV(1) ATYP(1) address port(2), where the address has 4 bytes (ATYP 1), 16 (4), or a length byte and
// that many (3). Requests and replies have the same layout. Replies of some proxies have ATYP 0 and four zeros (Tor's
// refusals, lab capture tor).
struct Body {
  std::uint8_t code = 0;
  std::optional<Target> target;
};
enum class MayLackAddress : std::uint8_t { no, yes };
Parsed<Body> parse_body(Bytes bytes, MayLackAddress may_lack) noexcept {
  constexpr std::uint8_t none = 0, ipv4 = 1, name = 3, ipv6 = 4;
  if (starts_otherwise(bytes, version)) return Parsed<Body>::malformed();
  Reader reader(bytes);
  reader.skip(1);
  Body body;
  body.code = reader.u8();
  reader.skip(1);
  const std::uint8_t type = reader.u8();
  if (!reader.complete()) return Parsed<Body>::need_more();
  const bool lacks = type == none && may_lack == MayLackAddress::yes;
  if (type != ipv4 && type != name && type != ipv6 && !lacks) return Parsed<Body>::malformed();
  const std::size_t length = type == ipv4 || lacks ? 4 : type == ipv6 ? 16 : reader.u8();
  const Bytes host = reader.take(length);
  const std::uint16_t port = reader.u16();
  if (!reader.complete()) return Parsed<Body>::need_more();
  if (lacks) return Parsed<Body>::ok(std::move(body), reader.position());
  if (type != name) {
    body.target = Target::literal(Address::from(host), port);
  } else if (!host.empty()) {
    body.target = Target::named(text_of(host), port);
  }
  return Parsed<Body>::ok(std::move(body), reader.position());
}

}  // namespace

// VER(1)=5 NMETHODS(1) METHODS(1 to 255)
Parsed<Message> parse_socks5_greeting(Bytes bytes) noexcept {
  if (starts_otherwise(bytes, version)) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message = message_of(MessageKind::socks5_greeting);
  reader.skip(1);
  const std::uint8_t count = reader.u8();
  if (reader.complete() && count == 0) return Parsed<Message>::malformed();
  message.methods = text_of(reader.take(count));
  return finish(reader, std::move(message));
}

// VER(1)=5 METHOD(1)
Parsed<Message> parse_socks5_method(Bytes bytes) noexcept {
  if (starts_otherwise(bytes, version)) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message = message_of(MessageKind::socks5_method);
  reader.skip(1);
  message.methods = text_of(reader.take(1));
  if (reader.complete()) message.reply_code = bytes[1];
  return finish(reader, std::move(message));
}

// VER(1)=1 ULEN(1) UNAME PLEN(1) PASSWD
Parsed<Message> parse_socks5_auth_request(Bytes bytes) noexcept {
  if (!begins_auth(bytes)) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message = message_of(MessageKind::socks5_auth_request);
  const bool is_wrong = reader.u8() != auth_version;
  message.credentials.username = text_of(reader.take(reader.u8()));
  message.credentials.password = text_of(reader.take(reader.u8()));
  // A request that comes where credentials belong begins with the same byte, and has a zero where their text begins.
  const bool is_request = is_wrong && bytes.size() > 2 && bytes[2] == 0;
  if (is_request) return Parsed<Message>::malformed();
  if (is_wrong) message.anomaly = auth_version_wrong;
  return finish(reader, std::move(message));
}

// VER(1)=1 STATUS(1)
Parsed<Message> parse_socks5_auth_reply(Bytes bytes) noexcept {
  if (!begins_auth(bytes)) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message = message_of(MessageKind::socks5_auth_reply);
  if (reader.u8() != auth_version) message.anomaly = auth_version_wrong;
  message.reply_code = reader.u8();
  return finish(reader, std::move(message));
}

// VER(1)=1 MTYP(1) LEN(2) TOKEN; where MTYP is 255, nothing follows it
Parsed<Message> parse_socks5_gssapi(Bytes bytes) noexcept {
  constexpr std::uint8_t token = 1, protection_level = 2, failure = 255;
  if (starts_otherwise(bytes, gssapi_version)) return Parsed<Message>::malformed();
  Reader reader(bytes);
  Message message = message_of(MessageKind::socks5_gssapi);
  reader.skip(1);
  const std::uint8_t type = reader.u8();
  message.reply_code = type;
  if (reader.complete() && type == failure) return finish(reader, std::move(message));
  if (reader.complete() && type != token && type != protection_level) return Parsed<Message>::malformed();
  reader.skip(reader.u16());
  return finish(reader, std::move(message));
}

Parsed<Message> parse_socks5_request(Bytes bytes) noexcept {
  auto body = parse_body(bytes, MayLackAddress::no);
  if (!body.is_ok()) return {body.result, {}, 0};
  Message message = message_of(MessageKind::socks5_request);
  message.command = command_of(body.value.code);
  message.target = std::move(body.value.target);
  return Parsed<Message>::ok(std::move(message), body.size);
}

Parsed<Message> parse_socks5_reply(Bytes bytes) noexcept {
  auto body = parse_body(bytes, MayLackAddress::yes);
  if (!body.is_ok()) return {body.result, {}, 0};
  Message message = message_of(MessageKind::socks5_reply);
  message.reply_code = body.value.code;
  message.bound = std::move(body.value.target);
  return Parsed<Message>::ok(std::move(message), body.size);
}

Parsed<Message> parse_socks5_behind_greeting(Bytes bytes, std::string_view methods) noexcept {
  if (bytes.empty()) return Parsed<Message>::need_more();
  if (bytes[0] == version) return parse_socks5_request(bytes);
  if (bytes[0] != auth_version) return Parsed<Message>::malformed();
  return speaks_gssapi(methods) ? parse_socks5_gssapi(bytes) : parse_socks5_auth_request(bytes);
}

}  // namespace proxytunnel
