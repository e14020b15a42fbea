// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names: the target of a CONNECT or of an absolute URI, and Basic credentials.
#include "handshake/http_target.hpp"

#include <algorithm>
#include <array>

namespace proxytunnel {
namespace {

// Where a host with one of these ends is anyone's guess.
bool is_host(std::string_view text) noexcept {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return !text.empty() && text.find_first_of(bracketed ? "/?#@\\" : "/?#@\\[]:") == std::string_view::npos;
}

std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept {
  struct Known {
    std::string_view scheme;
    std::uint16_t port;
  };
  constexpr std::array<Known, 5> known{{{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"ftp", 21}}};
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Known& entry) { return same_word(entry.scheme, scheme); });
  return found == known.end() ? std::nullopt : std::optional(found->port);
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

// "Basic" SP base64(user ":" password)
Credentials parse_basic(std::string_view value) {
  constexpr std::string_view scheme = "Basic";
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || !same_word(value.substr(0, blank), scheme)) return {};
  value.remove_prefix(std::min(value.find_first_not_of(' ', blank), value.size()));
  const auto decoded = decode_base64(value);
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

bool has_word(std::string_view text, std::string_view word) noexcept {
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
    if (same_word(text.substr(at, word.size()), word)) return true;
  }
  return false;
}

}  // namespace

std::optional<Target> parse_authority(std::string_view text) {
  text = text.substr(0, text.find_first_of(" \t"));  // some clients send "host:443 /"
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  if (!port || !is_host(host)) return std::nullopt;
  return Target::named(host, *port);
}

std::optional<Target> parse_absolute_form(std::string_view text) {
  const std::size_t separator = text.find("://");
  if (separator == std::string_view::npos) return std::nullopt;
  auto port = default_port(text.substr(0, separator));
  std::string_view authority = text.substr(separator + 3);
  authority = authority.substr(0, authority.find_first_of("/?# \t\\"));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const std::size_t bracket = authority.find(']');  // colons before it are the address's
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
    if (!digits.empty()) port = parse_port(digits);  // an empty port is none (RFC 3986 section 3.2.3)
  }
  if (!port || !is_host(authority)) return std::nullopt;
  return Target::named(authority, *port);
}

ProxyFields read_proxy_fields(std::string_view fields) {
  constexpr std::string_view prefix = "Proxy-";
  ProxyFields found;
  bool has_credentials = false;
  while (const auto field = take_field(fields)) {
    if (!same_word(field->name.substr(0, prefix.size()), prefix)) continue;
    found.speaks_to_proxy = true;
    if (has_credentials || !same_word(field->name, "Proxy-Authorization")) continue;
    found.credentials = parse_basic(field->value);
    if (!found.credentials.username) found.credentials = parse_digest(field->value);
    has_credentials = true;
  }
  return found;
}

bool may_be_from_proxy(const HttpResponseHead& head) {
  if (head.status >= 502 && head.status <= 504) return true;
  std::string_view fields = head.fields;
  while (const auto field = take_field(fields)) {
    if (same_word(field->name, "Age") || same_word(field->name, "X-Squid-Error")) return true;
    if (same_word(field->name, "X-Cache") && !has_word(field->value, "MISS")) return true;
    if (same_word(field->name, "Cache-Status") && has_word(field->value, "hit")) return true;
  }
  return false;
}

}  // namespace proxytunnel
