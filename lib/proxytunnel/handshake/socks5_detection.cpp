// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SOCKS5: how to tell it from other traffic.
// spec: RFC 1928 section 3, RFC 1929, RFC 1961
#include <algorithm>

#include "handshake/rehearsal.hpp"
#include "handshake/socks5.hpp"

namespace proxytunnel {
namespace {

using namespace socks5;

// RFC 1928 section 3 and the registry of IANA: 00 to 09 but for 04, and 80 to FE for private use. Others are not known
// to be used, and no client is known to offer more than a few, or one twice: Modbus with transaction 0506 does.
bool is_method(std::uint8_t method) noexcept {
  return (method <= 0x09 && method != 0x04) || (method >= 0x80 && method != method_rejected);
}
bool is_plausible(std::string_view methods) noexcept {
  constexpr std::size_t few = 16;
  if (methods.size() > few) return false;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const bool is_repeated = methods.find(methods[i], i + 1) != std::string_view::npos;
    if (is_repeated || !is_method(static_cast<std::uint8_t>(methods[i]))) return false;
  }
  return true;
}

Verdict verdict_of(ParseResult result) noexcept {
  return result == ParseResult::ok ? Verdict::yes : result == ParseResult::need_more ? Verdict::need_more : Verdict::no;
}

// Whether a client's bytes begin with a request, of an unknown command perhaps, or of an unknown kind of address.
Verdict looks_like_request(Bytes bytes) noexcept {
  if (!bytes.empty() && bytes[0] != socks5::version) return Verdict::no;
  if (bytes.size() < 4) return Verdict::need_more;
  const bool is_known_command = (bytes[1] >= 1 && bytes[1] <= 3) || bytes[1] == 0xf0 || bytes[1] == 0xf1;
  const bool is_known_address = bytes[3] == 1 || bytes[3] == 3 || bytes[3] == 4;
  return is_known_address || (is_known_command && bytes[2] == 0) ? Verdict::yes : Verdict::no;
}

// Whether a client goes on as the method wants it.
Verdict goes_on(Bytes client, std::uint8_t method, std::string_view offered) noexcept {
  if (client.empty()) return Verdict::need_more;
  const bool begins_auth = client[0] == auth_version;
  switch (method) {
    case method_none:
      // Tor's clients authenticate unasked, having offered it.
      if (begins_auth && offers(offered, method_password)) return verdict_of(parse_socks5_auth_request(client).result);
      return looks_like_request(client);
    case method_gssapi:
      if (client.size() < 2 && begins_auth) return Verdict::need_more;
      return begins_auth && (client[1] <= gssapi_wrapped || client[1] == gssapi_failure) ? Verdict::yes : Verdict::no;
    case method_password:
      if (begins_auth) return Verdict::yes;
      // A request is no answer, but a client's.
      return std::max(verdict_of(parse_socks5_auth_request(client).result), looks_like_request(client));
    default:
      return is_method(method) ? Verdict::yes : Verdict::no;
  }
}

// Whether it does so as any method wants it, those that proxies are known to select unoffered too.
bool may_go_on(Bytes client, std::string_view offered) noexcept {
  const auto wants = [&](std::uint8_t method) { return goes_on(client, method, offered) != Verdict::no; };
  return wants(method_none) || (!client.empty() && client[0] == auth_version) ||
         std::any_of(offered.begin(), offered.end(), [&](char c) { return wants(static_cast<std::uint8_t>(c)); });
}

// A greeting that offers a few known methods, an answer that heard it and selects one of them, and a client that goes
// on as the method wants it; or, where methods are many, unknown, or not offered, a whole handshake.
Verdict looks_like_socks5(const First& first, Families) noexcept {
  const Bytes client = first.untaken[Direction::from_client], server = first.untaken[Direction::from_server];
  if (!client.empty() && client[0] != socks5::version) return Verdict::no;
  const auto greeting = parse_socks5_greeting(client);
  if (greeting.result == ParseResult::malformed) return Verdict::no;
  const auto method = parse_socks5_method(server);
  if (method.result == ParseResult::malformed) return Verdict::no;
  if (first.unheard[Direction::from_server] > 0) return Verdict::no;
  if (!greeting.is_ok()) return Verdict::need_more;
  if (!server.empty() && first.heard < greeting.size) return Verdict::no;

  const std::string_view offered = greeting.value.methods;
  const bool is_known = is_plausible(offered);
  const Bytes behind = client.subspan(greeting.size);
  if (is_known && !may_go_on(behind, offered)) return Verdict::no;
  if (!method.is_ok()) return Verdict::need_more;
  const auto chosen = static_cast<std::uint8_t>(method.value.reply_code);
  // Nobody goes on behind FF, so what tells such a client from others is that nothing else comes:
  // proves_socks5_alone().
  if (is_known && chosen == method_rejected) return Verdict::need_more;
  if (is_known && offers(offered, chosen)) return goes_on(behind, chosen, offered);
  Socks5Handshake handshake;
  return chosen <= method_password ? rehearse(handshake, first.untaken) : Verdict::no;
}

// Whether the client's bytes are a SOCKS client's.
bool proves_socks5_alone(const First& first) noexcept {
  const Bytes client = first.untaken[Direction::from_client];
  const auto greeting = parse_socks5_greeting(client);
  if (!greeting.is_ok() || !is_plausible(greeting.value.methods)) return false;
  const std::string_view offered = greeting.value.methods;
  const Bytes rest = client.subspan(greeting.size);
  const bool begins_auth = !rest.empty() && rest[0] == auth_version;
  if (begins_auth && !offers(offered, method_password) && !offers(offered, method_gssapi)) return false;
  const auto behind = parse_socks5_behind_greeting(rest, offered);
  return behind.result != ParseResult::malformed;
}

}  // namespace

const Detector socks5_detector{looks_like_socks5, proves_socks5_alone, make_handshake<Socks5Handshake>};

}  // namespace proxytunnel
