// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is told of a file when it was read.
#pragma once

#include "capture/capture.hpp"
#include "capture/digest.hpp"
#include "capture/file_state.hpp"
#include "report/report.hpp"

namespace unproxy {

/// Its bytes, its hash (null: not asked for; of a file that was not read to its end nobody knows it), its damage, and
/// whether it changed since it was in that state.
void note_file(proxytunnel::InputSummary& file, const CaptureReader& reader, const InputHash* hash, bool is_stopped,
               const FileState& state);

}  // namespace unproxy
