// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how wide terminals are.
#pragma once

#include <cstddef>

namespace unproxy {

/// Columns of the terminal; 80 if it does not say.
[[nodiscard]] std::size_t terminal_width(int file) noexcept;

/// What a table on standard output may be wide: COLUMNS where that is set, else what the terminal has; 0, no limit,
/// where it is no terminal.
[[nodiscard]] std::size_t list_width() noexcept;

}  // namespace unproxy
