// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how wide terminals are.
#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace unproxy {

std::size_t terminal_width(int file) noexcept {
  winsize size{};
  return ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::size_t list_width() noexcept {
  if (::isatty(STDOUT_FILENO) != 1) return 0;
  const char* const set = std::getenv("COLUMNS");
  const std::string_view text = set == nullptr ? "" : set;
  std::size_t width = 0;
  std::from_chars(text.data(), text.data() + text.size(), width);
  return width != 0 ? width : terminal_width(STDOUT_FILENO);
}

}  // namespace unproxy
