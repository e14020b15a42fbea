// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the first message of either side of a TLS session says in clear.
#include "correlate/tls_hello.hpp"

#include <algorithm>
#include <vector>

namespace proxytunnel {
namespace {

constexpr std::uint8_t handshake_record = 22, client_hello = 1, server_hello = 2;
constexpr std::size_t record_head = 5, message_head = 4;

// The handshake message, which may be in more than one record.
struct Message {
  std::vector<std::uint8_t> bytes;
  bool is_tls = true;
};

Message message_of(Bytes stream) {
  Message message;
  while (!stream.empty()) {
    if (stream[0] != handshake_record || (stream.size() > 1 && stream[1] != 3)) {
      message.is_tls = !message.bytes.empty() && stream[0] != handshake_record;  // another record follows
      return message;
    }
    if (stream.size() < record_head) return message;
    const std::size_t size = std::min<std::size_t>(get16(&stream[3]), stream.size() - record_head);
    const Bytes body = stream.subspan(record_head, size);
    message.bytes.insert(message.bytes.end(), body.begin(), body.end());
    stream = stream.subspan(record_head + size);
  }
  return message;
}

// The host name of a server_name extension's list, in `body`.
std::string host_name(Bytes body) {
  constexpr std::uint8_t host_type = 0;
  Reader list(body);
  list.u16();
  while (list.complete() && !list.rest().empty()) {
    const std::uint8_t type = list.u8();
    const Bytes name = list.take(list.u16());
    if (list.complete() && type == host_type) return std::string(text_of(name));
  }
  return {};
}

std::string sni_of(Reader hello) {
  constexpr std::uint16_t server_name = 0;
  hello.skip(hello.u8());   // legacy_session_id
  hello.skip(hello.u16());  // cipher_suites
  hello.skip(hello.u8());   // legacy_compression_methods
  Reader extensions(hello.take(hello.u16()));
  while (extensions.complete() && !extensions.rest().empty()) {
    const std::uint16_t type = extensions.u16();
    const Bytes body = extensions.take(extensions.u16());
    if (extensions.complete() && type == server_name) return host_name(body);
  }
  return {};
}

}  // namespace

Parsed<TlsHello> parse_tls_hello(Bytes bytes, TlsSide side) {
  const Message message = message_of(bytes);
  const std::uint8_t wanted = side == TlsSide::client ? client_hello : server_hello;
  if (!message.is_tls || (!message.bytes.empty() && message.bytes[0] != wanted)) return Parsed<TlsHello>::malformed();
  if (message.bytes.size() < message_head) return Parsed<TlsHello>::need_more();
  const std::size_t size = message_head + (get32(message.bytes.data()) & 0xffffffU);
  TlsHello hello;
  constexpr std::size_t random_at = message_head + 2;
  if (size < random_at + hello.random.size()) return Parsed<TlsHello>::malformed();
  const std::size_t needed = side == TlsSide::client ? size : random_at + hello.random.size();
  if (message.bytes.size() < needed) return Parsed<TlsHello>::need_more();
  Reader reader(Bytes(message.bytes).first(std::min(size, message.bytes.size())));
  reader.skip(random_at);
  const Bytes random = reader.take(hello.random.size());
  std::copy(random.begin(), random.end(), hello.random.begin());
  if (side == TlsSide::client) hello.sni = sni_of(reader);
  return Parsed<TlsHello>::ok(std::move(hello), needed);
}

}  // namespace proxytunnel
