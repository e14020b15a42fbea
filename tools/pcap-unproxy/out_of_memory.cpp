// SPDX-License-Identifier: GPL-2.0-or-later
// summary: memory that runs out ends the program as a full disk does.
#include "out_of_memory.hpp"

#include <unistd.h>

#include <string_view>

#include "capture/output_file.hpp"
#include "exit_code.hpp"

namespace unproxy {

void end_out_of_memory() noexcept {
  constexpr std::string_view words =
      "pcap-unproxy: out of memory: what was not complete is not written; --max-connections bounds what is kept\n";
  OutputFile::remove_unfinished();
  // Whom could we tell that it cannot be told?
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, words.data(), words.size());
  ::_exit(exit_code::unwritable_output);
}

}  // namespace unproxy
