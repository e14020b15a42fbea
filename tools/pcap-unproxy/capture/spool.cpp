// SPDX-License-Identifier: GPL-2.0-or-later
// summary: copies an input that can be read only once to a temporary file.
#include "capture/spool.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "capture/unnamed_file.hpp"

namespace unproxy {
namespace {

[[noreturn]] void cannot_spool(const std::string& name, const std::string& directory) {
  throw CaptureError("cannot copy " + name + " to a temporary file in " + directory + ": " + std::strerror(errno) +
                     ". Set TMPDIR to a directory with enough room, or give pcap or pcapng without compression");
}

void write_all(int file, Bytes bytes, const std::string& name, const std::string& directory) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannot_spool(name, directory);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

FileDescriptor spool(InputWindow& window) {
  const std::string name = window.file().name();
  const std::string directory = temporary_directory();
  FileDescriptor file = unnamed_file(directory);
  // tshark opens it by its number.
  if (!file.is_open() || ::fcntl(file.number(), F_SETFD, 0) != 0) cannot_spool(name, directory);
  constexpr std::size_t piece = std::size_t{64} << 10;
  for (Bytes bytes = window.peek(piece); !bytes.empty(); bytes = window.peek(piece)) {
    write_all(file.number(), bytes, name, directory);
    window.consume(bytes.size());
  }
  if (window.file().error() != 0) {
    throw CaptureError("cannot read " + name + ": " + std::strerror(window.file().error()));
  }
  return file;
}

SpooledInput::SpooledInput(const std::string& path, const StopFlag* stop) : path_(path) {
  InputWindow window(std::make_unique<InputFile>(path, nullptr, stop), InputWindow::default_size);
  if (path != "-" && window.file().is_regular()) return;
  file_ = spool(window);
  copied_ = window.offset();
  path_ = "/proc/self/fd/" + std::to_string(file_.number());
}

}  // namespace unproxy
