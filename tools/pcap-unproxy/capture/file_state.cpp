// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether a file changed while it was read.
#include "capture/file_state.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace unproxy {

FileState::FileState(const std::string& path) : path_(path) {
  struct stat status {};
  const int failed = path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status);
  if (failed != 0 || !S_ISREG(status.st_mode)) return;
  device_ = status.st_dev;
  number_ = status.st_ino;
  size_ = status.st_size;
  seconds_ = status.st_mtim.tv_sec;
  nanoseconds_ = status.st_mtim.tv_nsec;
}

}  // namespace unproxy
