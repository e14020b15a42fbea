// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whom an HTTP request names: the target of a CONNECT or of an absolute URI.
#include "handshake/http_target.hpp"

#include <algorithm>
#include <array>

#include "handshake/http_text.hpp"

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

bool has_word(std::string_view text, std::string_view word) noexcept {
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
    if (same_word(text.substr(at, word.size()), word)) return true;
  }
  return false;
}

}  // namespace

ConnectTarget parse_connect_target(std::string_view text) {
  text = text.substr(0, text.find_first_of(" \t"));  // some clients send "host:443 /"
  if (text.find("://") != std::string_view::npos) return {parse_absolute_form(text), true};
  std::string_view authority = text.substr(0, text.find_first_of("/?#\\"));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return {};
  const auto port = parse_port(authority.substr(colon + 1));
  const std::string_view host = authority.substr(0, colon);
  const auto address = Address::parse(host);
  const bool is_bare_ipv6 = address && !address->is_v4();
  if (!port || (!is_host(host) && !is_bare_ipv6)) return {};
  return {Target::named(host, *port), authority != text || is_bare_ipv6};
}

std::string without_password(std::string_view target) {
  const std::size_t at = target.rfind('@');
  if (at == std::string_view::npos) return std::string(target);
  const std::size_t scheme = target.substr(0, at).find("://");
  const std::size_t user = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t colon = target.substr(0, at).find(':', user);
  if (colon == std::string_view::npos) return std::string(target);
  return std::string(target.substr(0, colon)) + ":***" + std::string(target.substr(at));
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

bool may_be_from_proxy(int status, const HttpFields& fields) {
  if (status >= 502 && status <= 504) return true;
  return std::any_of(fields.begin(), fields.end(), [](const HttpFields::Named& each) {
    switch (each.name) {
      case HttpFieldName::age:
      case HttpFieldName::x_squid_error:
        return true;
      case HttpFieldName::x_cache:
        return !has_word(each.field.value(), "MISS");
      case HttpFieldName::cache_status:
        return has_word(each.field.value(), "hit");
      default:
        return false;
    }
  });
}

}  // namespace proxytunnel
