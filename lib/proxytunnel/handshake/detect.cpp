// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which proxy protocol the first bytes of a connection are.
#include <array>

#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "handshake/rehearsal.hpp"

namespace proxytunnel {
namespace {

/// In the order of the table.
#define PT_ROW(id, option, heuristic, title, hint, reader, detector) &(detector),
constexpr std::array detectors{PT_FAMILIES(PT_ROW)};
#undef PT_ROW

// Asks the detectors of what is switched on, each of them once, until one of them is the answer.
template <class IsAnswer>
const Detector* find_detector(Families disabled, IsAnswer is_answer) {
  const Detector* asked = nullptr;
  for (std::size_t i = 0; i < families.size(); ++i) {
    if (disabled.has(families[i].family) || detectors[i] == asked) continue;
    asked = detectors[i];
    if (is_answer(*asked)) return asked;
  }
  return nullptr;
}

// What a server that opened the connection said behind its preamble answers the client.
Verdict look_behind(std::size_t preamble, const Detector& detector, First first, Families disabled) noexcept {
  if (detector.by_opener_only || preamble > limits::preamble) return Verdict::no;
  Bytes& server = first.untaken[Direction::from_server];
  server = server.subspan(preamble);
  first.unheard[Direction::from_server] = 0;
  if (server.empty() && first.untaken[Direction::from_client].empty()) return Verdict::need_more;
  const Verdict verdict = detector.looks(first, disabled);
  if (verdict != Verdict::yes || preamble == 0) return verdict;
  return rehearse(*detector.handshake(disabled), first.untaken);
}

}  // namespace

Detection detect(const First& first, Families disabled) noexcept {
  const bool may_have_preamble = first.opener == Opener::server;
  const std::size_t preamble = may_have_preamble ? first.unheard[Direction::from_server] : 0;
  Detection undecided;
  const Detector* found = find_detector(disabled, [&](const Detector& detector) {
    const Verdict verdict =
        may_have_preamble ? look_behind(preamble, detector, first, disabled) : detector.looks(first, disabled);
    if (verdict == Verdict::need_more) undecided.verdict = Verdict::need_more;
    return verdict == Verdict::yes;
  });
  if (found == nullptr) return undecided;
  return {Verdict::yes, found->handshake(disabled), preamble};
}

Detection detect_at_end(const First& first, Families disabled) noexcept {
  const Detector* found = find_detector(disabled, [&](const Detector& detector) {
    const Verdict verdict = detector.looks(first, disabled);
    const bool may_prove = verdict == Verdict::need_more && detector.proves_alone != nullptr;
    return verdict == Verdict::yes || (may_prove && detector.proves_alone(first));
  });
  if (found == nullptr) return {};
  return {Verdict::yes, found->handshake(disabled), 0};
}

}  // namespace proxytunnel
