// SPDX-License-Identifier: GPL-2.0-or-later
// summary: who asks an HTTP proxy: the user of a Proxy-Authorization.
// spec: RFC 7617 (Basic), RFC 7616 (Digest), [MS-NLMP] (NTLM, also within Negotiate)
#include "handshake/http_credentials.hpp"

#include <algorithm>

#include "handshake/http_text.hpp"

namespace proxytunnel {
namespace {

std::uint16_t get16le(const std::uint8_t* at) noexcept {
  return static_cast<std::uint16_t>(at[1] << 8 | at[0]);
}
std::uint32_t get32le(const std::uint8_t* at) noexcept {
  return static_cast<std::uint32_t>(get16le(at + 2)) << 16 | get16le(at);
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(static_cast<std::uint8_t>(byte)); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      add(0xe0 | point >> 12);
    } else {
      add(0xf0 | point >> 18);
      add(0x80 | (point >> 12 & 0x3f));
    }
    add(0x80 | (point >> 6 & 0x3f));
  }
  add(0x80 | (point & 0x3f));
}

// Halves of surrogate pairs without the other half become U+FFFD.
std::string utf8_of_utf16le(Bytes bytes) {
  constexpr std::uint32_t replacement = 0xfffd;
  std::string text;
  std::uint32_t high = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const std::uint32_t unit = get16le(&bytes[i]);
    const bool is_high = unit >= 0xd800 && unit < 0xdc00, is_low = unit >= 0xdc00 && unit < 0xe000;
    if (high != 0 && !is_low) append_utf8(text, replacement);
    if (is_low) {
      append_utf8(text, high == 0 ? replacement : 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
    } else if (!is_high) {
      append_utf8(text, unit);
    }
    high = is_high ? unit : 0;
  }
  if (high != 0) append_utf8(text, replacement);
  return text;
}

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// RFC 4648 section 4; padding may be missing. nullopt for anything else.
std::optional<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string decoded;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded += static_cast<char>(static_cast<std::uint8_t>(bits >> count));
  }
  return decoded;
}

// scheme SP base64 (RFC 9110 section 11.4: token68)
std::optional<std::string> token_of(std::string_view value, std::string_view scheme) {
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !same_word(value.substr(0, blank), scheme)) return std::nullopt;
  return decode_base64(value.substr(std::min(value.find_first_not_of(' ', blank), value.size())));
}

// "Basic" SP base64(user ":" password)
Credentials parse_basic(std::string_view value) {
  const auto decoded = token_of(value, "Basic");
  if (!decoded) return {};
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return {*decoded, std::nullopt};
  return {decoded->substr(0, colon), decoded->substr(colon + 1)};
}

// "Digest" SP parameters, one of them username="..." (RFC 7616 section 3.4). No password is in it.
Credentials parse_digest(std::string_view value) {
  constexpr std::string_view scheme = "Digest ", name = "username=\"";
  if (!same_word(value.substr(0, scheme.size()), scheme)) return {};
  for (std::size_t at = scheme.size(); at + name.size() <= value.size(); ++at) {
    const bool begins = value[at - 1] == ' ' || value[at - 1] == ',';
    if (!begins || !same_word(value.substr(at, name.size()), name)) continue;
    std::string user;
    for (std::size_t i = at + name.size(); i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      user += value[i];
    }
    return {user, std::nullopt};
  }
  return {};
}

// A text of a message of NTLM: where it is stands in 8 bytes at `field`.
std::string ntlm_text(Bytes message, std::size_t field, bool is_utf16) {
  const std::size_t size = get16le(&message[field]);
  const std::uint32_t at = get32le(&message[field + 4]);
  if (at > message.size() || size > message.size() - at) return {};
  const Bytes text = message.subspan(at, size);
  return is_utf16 ? utf8_of_utf16le(text) : std::string(text_of(text));
}

// "NTLM" or "Negotiate" SP base64; the third message of the exchange names the user ([MS-NLMP] section 2.2.1.3): at 28
// the domain, at 36 the user, at 60 the flags. No password is in it.
Credentials parse_ntlm(std::string_view value) {
  constexpr std::string_view signature{"NTLMSSP\0\3\0\0\0", 12};
  constexpr std::size_t user_field = 36, flags_field = 60, fixed_part = 64, unicode = 1;
  auto token = token_of(value, "NTLM");
  if (!token) token = token_of(value, "Negotiate");
  const std::size_t begin = token ? token->find(signature) : std::string::npos;  // SPNEGO wraps it
  if (begin == std::string::npos || token->size() - begin < fixed_part) return {};
  const Bytes message = bytes_of(std::string_view(*token).substr(begin));
  const std::string user = ntlm_text(message, user_field, (message[flags_field] & unicode) != 0);
  return user.empty() ? Credentials{} : Credentials{user, std::nullopt};
}

}  // namespace

ProxyFields read_proxy_fields(const HttpFields& fields) {
  ProxyFields found;
  bool has_credentials = false;
  for (const auto& [name, field] : fields) {
    const bool authorizes = name == HttpFieldName::proxy_authorization;
    found.speaks_to_proxy |= authorizes || name == HttpFieldName::proxy;
    if (has_credentials || !authorizes) continue;
    found.credentials = parse_basic(field.value());
    if (!found.credentials.username) found.credentials = parse_digest(field.value());
    if (!found.credentials.username) found.credentials = parse_ntlm(field.value());
    has_credentials = true;
  }
  return found;
}

}  // namespace proxytunnel
