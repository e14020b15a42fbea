// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which proxy protocol the first bytes of a connection are. The only file that knows the list.
#include <algorithm>
#include <array>
#include <type_traits>

#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "handshake/http_proxy.hpp"
#include "handshake/proxy_protocol.hpp"
#include "handshake/socks4.hpp"
#include "handshake/socks5.hpp"

namespace proxytunnel {
namespace {

using Maker = std::unique_ptr<Handshake> (*)(const Disabled&) noexcept;
using Question = Verdict (*)(const Untaken&, const Disabled&) noexcept;

template <class T>
std::unique_ptr<Handshake> make(const Disabled& disabled) noexcept {
  if constexpr (std::is_constructible_v<T, const Disabled&>) {
    return std::make_unique<T>(disabled);
  } else {
    return std::make_unique<T>();
  }
}

template <Verdict (*looks)(const Untaken&) noexcept>
Verdict whatever_is_disabled(const Untaken& first, const Disabled&) noexcept {
  return looks(first);
}

// Text or a signature is proof at once, so there is nothing left to decide at the end.
bool proves_nothing_alone(const Untaken&) noexcept {
  return false;
}

/// A protocol, as detection sees it.
struct Candidate {
  bool disabled;
  bool by_initiator_only;  ///< who opens the connection speaks it, nobody else
  Question looks;
  bool (*proves_alone)(const Untaken&) noexcept;
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

void take(Untaken& untaken, const Took& took) noexcept {
  Bytes& bytes = untaken[took.direction];
  bytes = bytes.subspan(std::min(took.size, bytes.size()));
}

// Whether a whole handshake lies at the start of both streams. An answer that takes two bytes (no acceptable method) or
// none at all (malformed) is not evidence enough among bytes that were not expected to be an answer.
Verdict rehearse(Handshake& handshake, Untaken untaken) noexcept {
  while (true) {
    const Step step = handshake.next(untaken);
    if (std::holds_alternative<Wait>(step)) return Verdict::need_more;
    if (std::holds_alternative<Open>(step) || std::holds_alternative<Relay>(step)) return Verdict::yes;
    if (std::holds_alternative<Leave>(step) || std::holds_alternative<Again>(step)) return Verdict::no;
    if (const auto* rejected = std::get_if<Reject>(&step)) {
      const bool is_weak = rejected->status == Status::malformed || rejected->status == Status::method_rejected;
      return is_weak ? Verdict::no : Verdict::yes;
    }
    take(untaken, std::get<Took>(step));
  }
}

Detection behind_preamble(const Candidate& candidate, const Untaken& first, const Disabled& disabled) noexcept {
  const Bytes server = first[Direction::from_server];
  for (std::size_t preamble = 1; preamble <= limits::preamble; ++preamble) {
    if (preamble > server.size()) return {Verdict::need_more, nullptr, 0};
    const Untaken behind{first[Direction::from_client], server.subspan(preamble)};
    // Cheap, and enough for nearly all offsets of ordinary traffic.
    if (candidate.looks(behind, disabled) == Verdict::no) continue;
    const Verdict verdict = rehearse(*candidate.handshake(disabled), behind);
    // A smaller preamble that is undecided would be preferred, so a larger one cannot be decided on yet.
    if (verdict == Verdict::need_more) return {Verdict::need_more, nullptr, 0};
    if (verdict == Verdict::yes) return {Verdict::yes, candidate.handshake(disabled), preamble};
  }
  return {};
}

}  // namespace

Detection detect(const Untaken& first, bool allow_preamble, const Disabled& disabled) noexcept {
  const Untaken client_alone{first[Direction::from_client], {}};
  Detection undecided;
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled || (candidate.by_initiator_only && allow_preamble)) continue;
    Detection found{candidate.looks(first, disabled), nullptr, 0};
    // The first byte of the client fits one protocol only, so the others cannot be behind a preamble either.
    if (found.verdict == Verdict::no && allow_preamble && candidate.looks(client_alone, disabled) != Verdict::no) {
      found = behind_preamble(candidate, first, disabled);
    }
    if (found.verdict == Verdict::need_more) undecided.verdict = Verdict::need_more;
    if (found.verdict != Verdict::yes) continue;
    if (!found.handshake) found.handshake = candidate.handshake(disabled);
    return found;
  }
  return undecided;
}

Detection detect_at_end(const Untaken& first, const Disabled& disabled) noexcept {
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled) continue;
    const Verdict verdict = candidate.looks(first, disabled);
    const bool is_proof = verdict == Verdict::yes || (verdict == Verdict::need_more && candidate.proves_alone(first));
    if (is_proof) return {Verdict::yes, candidate.handshake(disabled), 0};
  }
  return {};
}

}  // namespace proxytunnel
