// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which proxy protocol the first bytes of a connection are. The only file that knows the list.
#include <array>
#include <type_traits>

#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "handshake/http_proxy.hpp"
#include "handshake/proxy_protocol.hpp"
#include "handshake/rehearsal.hpp"
#include "handshake/socks4.hpp"
#include "handshake/socks5.hpp"

namespace proxytunnel {
namespace {

using Maker = std::unique_ptr<Handshake> (*)(const Disabled&) noexcept;
using Question = Verdict (*)(const First&, const Disabled&) noexcept;

template <class T>
std::unique_ptr<Handshake> make(const Disabled& disabled) noexcept {
  if constexpr (std::is_constructible_v<T, const Disabled&>) {
    return std::make_unique<T>(disabled);
  } else {
    return std::make_unique<T>();
  }
}

template <Verdict (*looks)(const First&) noexcept>
Verdict whatever_is_disabled(const First& first, const Disabled&) noexcept {
  return looks(first);
}

// Text or a signature is proof at once, so there is nothing left to decide at the end.
bool proves_nothing_alone(const First&) noexcept {
  return false;
}

/// A protocol, as detection sees it.
struct Candidate {
  bool disabled;
  bool by_opener_only;  ///< who opens the connection speaks it, nobody else
  Question looks;
  bool (*proves_alone)(const First&) noexcept;
  Maker handshake;
};

std::array<Candidate, 4> candidates(const Disabled& disabled) noexcept {
  return {
      {{disabled.socks4, false, whatever_is_disabled<looks_like_socks4>, proves_socks4_alone, make<Socks4Handshake>},
       {disabled.socks5, false, whatever_is_disabled<looks_like_socks5>, proves_socks5_alone, make<Socks5Handshake>},
       {disabled.http_connect && disabled.http_forward, false, looks_like_http_proxy, proves_nothing_alone,
        make<HttpProxyHandshake>},
       {disabled.proxy_protocol, true, whatever_is_disabled<looks_like_proxy_protocol>, proves_nothing_alone,
        make<ProxyProtocolHandshake>}}};
}

// What a server that opened the connection said behind its preamble answers the client.
Verdict look_behind(std::size_t preamble, const Candidate& candidate, First first, const Disabled& disabled) noexcept {
  if (candidate.by_opener_only || preamble > limits::preamble) return Verdict::no;
  Bytes& server = first.untaken[Direction::from_server];
  server = server.subspan(preamble);
  first.unheard[Direction::from_server] = 0;
  const Verdict verdict = candidate.looks(first, disabled);
  if (verdict != Verdict::yes || preamble == 0) return verdict;
  return rehearse(*candidate.handshake(disabled), first.untaken);
}

}  // namespace

Detection detect(const First& first, const Disabled& disabled) noexcept {
  const bool may_have_preamble = first.opener == Opener::server;
  const std::size_t preamble = may_have_preamble ? first.unheard[Direction::from_server] : 0;
  Detection undecided;
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled) continue;
    const Verdict verdict =
        may_have_preamble ? look_behind(preamble, candidate, first, disabled) : candidate.looks(first, disabled);
    if (verdict == Verdict::need_more) undecided.verdict = Verdict::need_more;
    if (verdict == Verdict::yes) return {Verdict::yes, candidate.handshake(disabled), preamble};
  }
  return undecided;
}

Detection detect_at_end(const First& first, const Disabled& disabled) noexcept {
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled) continue;
    const Verdict verdict = candidate.looks(first, disabled);
    const bool is_proof = verdict == Verdict::yes || (verdict == Verdict::need_more && candidate.proves_alone(first));
    if (is_proof) return {Verdict::yes, candidate.handshake(disabled), 0};
  }
  return {};
}

}  // namespace proxytunnel
