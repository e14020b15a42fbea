// SPDX-License-Identifier: GPL-2.0-or-later
// summary: memory that runs out ends the program as a full disk does.
#pragma once

namespace unproxy {

/// Says so, leaves nothing half-written and ends the program at once, with the exit code of an output that cannot be
/// written. To be the new handler: the core is noexcept, so an exception could not get out of it. Allocates nothing.
/// tshark, if it runs, ends by the pipe that nobody reads any more.
[[noreturn]] void end_out_of_memory() noexcept;

}  // namespace unproxy
