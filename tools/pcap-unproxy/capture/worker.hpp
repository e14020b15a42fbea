// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a thread for work that needs nobody else: reading ahead, writing behind.
#pragma once

#include <functional>
#include <optional>
#include <thread>

namespace unproxy {

/// Cores that this process may run on, at least 1.
unsigned cores() noexcept;

/// Whether there is a core for a worker.
bool may_start_workers() noexcept;

/// Starts `work` on a core of its own. None where this process has one core only, or the system no more threads: then
/// it is to be done when it is needed. Signals stay with who starts it, as they are to interrupt what that waits for.
std::optional<std::thread> start_worker(std::function<void()> work);

/// Before any is started: this process is one of as many as there are cores.
void start_no_workers() noexcept;

}  // namespace unproxy
