// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which proxy protocol the first bytes of a connection are. The only file that knows the list.
#include <array>

#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "handshake/http_connect.hpp"
#include "handshake/socks4.hpp"
#include "handshake/socks5.hpp"

namespace proxytunnel {
namespace {

template <class T>
std::unique_ptr<Handshake> make() noexcept {
  return std::make_unique<T>();
}

// The text of a request line is proof at once, so there is nothing left to decide at the end.
bool proves_http_alone(const Untaken&) noexcept {
  return false;
}

/// A protocol, as detection sees it.
struct Candidate {
  bool disabled;
  Verdict (*looks)(const Untaken&) noexcept;
  bool (*proves_alone)(const Untaken&) noexcept;
  std::unique_ptr<Handshake> (*handshake)() noexcept;
};

std::array<Candidate, 3> candidates(const Disabled& disabled) noexcept {
  return {{{disabled.socks4, looks_like_socks4, proves_socks4_alone, make<Socks4Handshake>},
           {disabled.socks5, looks_like_socks5, proves_socks5_alone, make<Socks5Handshake>},
           {disabled.http_connect, looks_like_http_connect, proves_http_alone, make<HttpConnectHandshake>}}};
}

void take(Untaken& untaken, const Took& took) noexcept {
  untaken[took.direction] = untaken[took.direction].subspan(took.size);
}

// Whether a whole handshake lies at the start of both streams. An answer that takes two bytes (no acceptable method) or
// none at all (malformed) is not evidence enough among bytes that were not expected to be an answer.
Verdict rehearse(Handshake& handshake, Untaken untaken) noexcept {
  while (true) {
    const Step step = handshake.next(untaken);
    if (std::holds_alternative<Wait>(step)) return Verdict::need_more;
    if (std::holds_alternative<Open>(step)) return Verdict::yes;
    if (std::holds_alternative<Leave>(step)) return Verdict::no;
    if (const auto* rejected = std::get_if<Reject>(&step)) {
      const bool is_weak = rejected->status == Status::malformed || rejected->status == Status::method_rejected;
      return is_weak ? Verdict::no : Verdict::yes;
    }
    take(untaken, std::get<Took>(step));
  }
}

Detection behind_preamble(const Candidate& candidate, const Untaken& first) noexcept {
  const Bytes server = first[Direction::from_server];
  for (std::size_t preamble = 1; preamble <= limits::preamble; ++preamble) {
    if (preamble > server.size()) return {Verdict::need_more, nullptr, 0};
    const auto handshake = candidate.handshake();
    const Verdict verdict = rehearse(*handshake, {first[Direction::from_client], server.subspan(preamble)});
    // A smaller preamble that is undecided would be preferred, so a larger one cannot be decided on yet.
    if (verdict == Verdict::need_more) return {Verdict::need_more, nullptr, 0};
    if (verdict == Verdict::yes) return {Verdict::yes, candidate.handshake(), preamble};
  }
  return {};
}

}  // namespace

Detection detect(const Untaken& first, bool allow_preamble, const Disabled& disabled) noexcept {
  const Untaken client_alone{first[Direction::from_client], {}};
  Detection undecided;
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled) continue;
    Detection found{candidate.looks(first), nullptr, 0};
    // The first byte of the client fits one protocol only, so the others cannot be behind a preamble either.
    if (found.verdict == Verdict::no && allow_preamble && candidate.looks(client_alone) != Verdict::no) {
      found = behind_preamble(candidate, first);
    }
    if (found.verdict == Verdict::need_more) undecided.verdict = Verdict::need_more;
    if (found.verdict != Verdict::yes) continue;
    if (!found.handshake) found.handshake = candidate.handshake();
    return found;
  }
  return undecided;
}

Detection detect_at_end(const Untaken& first, const Disabled& disabled) noexcept {
  for (const Candidate& candidate : candidates(disabled)) {
    if (candidate.disabled) continue;
    const Verdict verdict = candidate.looks(first);
    const bool is_proof = verdict == Verdict::yes || (verdict == Verdict::need_more && candidate.proves_alone(first));
    if (is_proof) return {Verdict::yes, candidate.handshake(), 0};
  }
  return {};
}

}  // namespace proxytunnel
