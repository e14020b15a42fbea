// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether the first bytes of a connection are a whole handshake: proof where its first messages are none.
#pragma once

#include "handshake/handshake.hpp"

namespace proxytunnel {

/// "yes" if a whole handshake lies at the start of both streams, with an answer that opens something or says no in so
/// many words; `handshake` is used up.
[[nodiscard]] Verdict rehearse(Handshake& handshake, Untaken untaken) noexcept;

}  // namespace proxytunnel
