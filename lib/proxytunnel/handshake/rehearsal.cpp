// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether the first bytes of a connection are a whole handshake: proof where its first messages are none.
#include "handshake/rehearsal.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

// An answer of two bytes (no acceptable method, a SOCKS4 refusal whose other bytes mean nothing, a refusal to
// authenticate of another version) or of none at all (malformed, encapsulated) may be anything.
bool is_weak(const Reject& rejected, Protocol protocol, bool is_odd) noexcept {
  if (rejected.status == Status::auth_failed) return is_odd;
  if (rejected.status == Status::refused) return family_of(protocol) == Family::socks4;
  return rejected.status != Status::established && rejected.status != Status::invalid_target;
}

}  // namespace

Verdict rehearse(Handshake& handshake, Untaken untaken) noexcept {
  Protocol protocol = Protocol::socks5;
  bool is_odd = false;
  while (true) {
    const Step step = handshake.next(untaken);
    if (std::holds_alternative<Wait>(step)) return Verdict::need_more;
    if (std::holds_alternative<Open>(step) || std::holds_alternative<Relay>(step)) return Verdict::yes;
    if (std::holds_alternative<Leave>(step) || std::holds_alternative<Again>(step)) return Verdict::no;
    if (const auto* rejected = std::get_if<Reject>(&step))
      return is_weak(*rejected, protocol, is_odd) ? Verdict::no : Verdict::yes;
    const auto& took = std::get<Took>(step);
    protocol = took.message.protocol;
    is_odd = took.message.kind == MessageKind::socks5_auth_reply && !took.message.anomaly.empty();
    Bytes& bytes = untaken[took.direction];
    bytes = bytes.subspan(std::min(took.size, bytes.size()));
  }
}

}  // namespace proxytunnel
