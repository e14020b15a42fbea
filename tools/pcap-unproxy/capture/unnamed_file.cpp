// SPDX-License-Identifier: GPL-2.0-or-later
// summary: temporary files that nobody has to remove.
#include "capture/unnamed_file.hpp"

#include <fcntl.h>

#include <cstdlib>

namespace unproxy {

std::string temporary_directory() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

FileDescriptor unnamed_file(const std::string& directory) {
  FileDescriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600));
  if (file.is_open()) return file;
  // A file system that knows no such files (NFS, say).
  std::string pattern = directory + "/pcap-unproxy.XXXXXX";
  file = FileDescriptor(::mkostemp(pattern.data(), O_CLOEXEC));
  if (file.is_open() && ::unlink(pattern.c_str()) != 0) return FileDescriptor();
  return file;
}

}  // namespace unproxy
