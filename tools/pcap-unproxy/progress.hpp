// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far a long run has come, on standard error.
#pragma once

#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "options.hpp"

namespace unproxy {

/// `reader` itself, or a reader that hands its packets on and shows how far it is: with Progress::always, or with
/// Progress::automatic when standard error is a terminal. `path` is the input's, for its size and name.
std::unique_ptr<CaptureReader> with_progress(std::unique_ptr<CaptureReader> reader, const std::string& path,
                                             Progress progress);

}  // namespace unproxy
