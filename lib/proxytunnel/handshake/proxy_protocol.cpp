// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the PROXY protocol: a header in front of a relayed connection that names the real client.
// spec: HAProxy, "The PROXY protocol, versions 1 & 2" (2.1: human-readable header, 2.2: binary header)
#include "handshake/proxy_protocol.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

constexpr std::string_view text_signature = "PROXY ";
constexpr std::string_view binary_signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t longest_text_header = 107;  // with its CRLF

Message message_of(Protocol protocol) {
  Message message;
  message.kind = MessageKind::proxy_header;
  message.protocol = protocol;
  return message;
}

void name_ends(const Endpoint& client, const Endpoint& target, Message& message) {
  message.real_client = client;
  message.target = Target::literal(target.address, target.port);
}

// ---------------------------------------------------------------- version 1

// The next word; the blank behind it is dropped. Words are parted by exactly one blank.
std::string_view take_word(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// Of either family, whatever the word before says: nginx writes TCP6 where one end is IPv4.
std::optional<Endpoint> endpoint_of(std::string_view address, std::string_view port) noexcept {
  const auto parsed = Address::parse(address);
  const auto number = parse_port(port);
  if (!parsed || !number) return std::nullopt;
  return Endpoint{*parsed, *number};
}

// "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP source port SP destination port CRLF
// "PROXY UNKNOWN" and anything up to CRLF
Parsed<Message> parse_text_header(std::string_view text) noexcept {
  const std::string_view clipped = text.substr(0, longest_text_header);
  const std::size_t end = clipped.find("\r\n");
  if (end == std::string_view::npos) {
    const bool is_too_long = clipped.size() == longest_text_header;
    const bool has_bare_end = clipped.substr(0, clipped.size() - 1).find_first_of("\r\n") != std::string_view::npos;
    return is_too_long || has_bare_end ? Parsed<Message>::malformed() : Parsed<Message>::need_more();
  }
  std::string_view line = clipped.substr(text_signature.size(), end - text_signature.size());
  Message message = message_of(Protocol::proxy_v1);
  const std::string_view family = take_word(line);
  if (family != "UNKNOWN") {
    if (family != "TCP4" && family != "TCP6") return Parsed<Message>::malformed();
    const std::string_view source = take_word(line), destination = take_word(line), source_port = take_word(line);
    const auto client = endpoint_of(source, source_port);
    const auto target = endpoint_of(destination, line);
    if (!client || !target) return Parsed<Message>::malformed();
    name_ends(*client, *target, message);
  }
  return Parsed<Message>::ok(std::move(message), end + 2);
}

// ---------------------------------------------------------------- version 2

constexpr std::size_t fixed_part = 16;
enum Command2 : std::uint8_t { local = 0, proxy = 1 };
enum Family2 : std::uint8_t { inet = 1, inet6 = 2 };
enum Transport2 : std::uint8_t { unspecified = 0, dgram = 2 };

// CRC-32C (RFC 3720 section 12.1), bit by bit: a header is short. `at` to `at + 4` counts as zeros.
std::uint32_t crc32c(Bytes header, std::size_t at) noexcept {
  constexpr std::uint32_t reversed_polynomial = 0x82f63b78;
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < header.size(); ++i) {
    crc ^= i >= at && i < at + 4 ? 0U : header[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? reversed_polynomial : 0U);
  }
  return ~crc;
}

// type(1) length(2) value, up to the end of the header. True unless one of them is a CRC32C that does not fit.
bool checksum_fits(Bytes header, std::size_t first) noexcept {
  constexpr std::uint8_t type_crc32c = 3;
  for (std::size_t at = first; at + 3 <= header.size();) {
    const std::size_t length = get16(&header[at + 1]);
    if (length > header.size() - at - 3) return true;
    if (header[at] == type_crc32c && length == 4) return get32(&header[at + 3]) == crc32c(header, at + 3);
    at += 3 + length;
  }
  return true;
}

// signature(12) version(4 bits)=2 command(4 bits) family(4 bits) transport(4 bits) length(2), then `length` bytes:
// source address, destination address, source port(2), destination port(2), TLVs
Parsed<Message> parse_binary_header(Bytes bytes) noexcept {
  Reader reader(bytes);
  reader.skip(binary_signature.size());
  const std::uint8_t version_command = reader.u8(), family = reader.u8() >> 4;
  const bool has_command = bytes.size() > binary_signature.size();
  if (has_command && (version_command >> 4 != 2 || (version_command & 15U) > Command2::proxy)) {
    return Parsed<Message>::malformed();
  }
  const std::uint16_t length = reader.u16();
  if (!reader.complete()) return Parsed<Message>::need_more();
  const std::size_t address = family == Family2::inet ? 4 : family == Family2::inet6 ? 16 : 0;
  const bool names_client = (version_command & 15U) == Command2::proxy && address != 0;
  if (names_client && length < 2 * address + 4) return Parsed<Message>::malformed();
  if (bytes.size() < fixed_part + length) return Parsed<Message>::need_more();

  Message message = message_of(Protocol::proxy_v2);
  const Bytes header = bytes.first(fixed_part + length);
  if (names_client) {
    Endpoint client, target;
    client.address = Address::from(reader.take(address));
    target.address = Address::from(reader.take(address));
    client.port = reader.u16();
    target.port = reader.u16();
    name_ends(client, target, message);
    if (!checksum_fits(header, reader.position())) message.anomaly = "proxy-header-checksum-wrong";
  }
  return Parsed<Message>::ok(std::move(message), header.size());
}

bool begins_alike(std::string_view text, std::string_view signature) noexcept {
  const std::size_t known = std::min(text.size(), signature.size());
  return text.substr(0, known) == signature.substr(0, known);
}

}  // namespace

Parsed<Message> parse_proxy_header(Bytes bytes) noexcept {
  const std::string_view text = text_of(bytes);
  if (begins_alike(text, binary_signature)) {
    return text.size() < binary_signature.size() ? Parsed<Message>::need_more() : parse_binary_header(bytes);
  }
  if (!begins_alike(text, text_signature)) return Parsed<Message>::malformed();
  return text.size() < text_signature.size() ? Parsed<Message>::need_more() : parse_text_header(text);
}

Parsed<Message> parse_datagram_header(Bytes bytes) noexcept {
  if (bytes.size() < fixed_part || !text_of(bytes).starts_with(binary_signature)) return Parsed<Message>::malformed();
  const std::uint8_t family_transport = bytes[13], transport = family_transport & 15U;
  const bool names_none = (bytes[12] & 15U) == Command2::local || family_transport >> 4 == 0;
  const bool is_for_datagrams = transport == Transport2::dgram || (transport == Transport2::unspecified && names_none);
  return is_for_datagrams ? parse_binary_header(bytes) : Parsed<Message>::malformed();
}

bool names_somebody(const Message& header, const Endpoint& sender) noexcept {
  return header.real_client && !(header.real_client->port == sender.port &&
                                 header.real_client->address.unmapped() == sender.address.unmapped());
}

namespace {

// A whole header. Nothing else begins so; the receiver's bytes do not matter.
Verdict looks_like_proxy_protocol(const First& first, Families) noexcept {
  switch (parse_proxy_header(first.untaken[Direction::from_client]).result) {
    case ParseResult::ok:
      return Verdict::yes;
    case ParseResult::need_more:
      return Verdict::need_more;
    case ParseResult::malformed:
      break;
  }
  return Verdict::no;
}

}  // namespace

const Detector proxy_protocol_detector{looks_like_proxy_protocol, nullptr, make_handshake<ProxyProtocolHandshake>,
                                       true};

Step ProxyProtocolHandshake::next(const Untaken& untaken) noexcept {
  switch (awaited_) {
    case Awaited::header: {
      auto header = parse_proxy_header(untaken[Direction::from_client]);
      if (header.result == ParseResult::need_more) return Wait{Direction::from_client};
      if (!header.is_ok()) break;
      awaited_ = header.value.real_client ? Awaited::open : Awaited::no_client;
      return take_step(Direction::from_client, header.size, std::move(header.value));
    }
    case Awaited::open:
      awaited_ = Awaited::over;
      return Open{};
    case Awaited::no_client:
      awaited_ = Awaited::over;
      return Again{};
    case Awaited::over:
      break;
  }
  awaited_ = Awaited::over;
  return Leave{};
}

Step ProxyProtocolHandshake::conclude(const Untaken&) noexcept {
  return Wait{Direction::from_client};
}

}  // namespace proxytunnel
