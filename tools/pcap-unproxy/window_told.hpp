// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --window: what is told of a window when it was read.
#pragma once

#include <string>
#include <vector>

#include "report/report.hpp"
#include "session.hpp"
#include "window.hpp"

namespace unproxy {

/// Of a window that was read by a session. `goes_on`: reading ended before the sequence did, whether all was over or
/// not.
[[nodiscard]] proxytunnel::WindowSummary summary_of(const Window& window, const Session& session, bool goes_on);

/// What of that a user has to know, in words.
[[nodiscard]] std::vector<std::string> warnings_of(const proxytunnel::WindowSummary& window);

/// What the files outside a window were like tells the job whose window has them: their names stay.
void forget_other_files(const Window& window, std::vector<proxytunnel::InputSummary>& files);

}  // namespace unproxy
