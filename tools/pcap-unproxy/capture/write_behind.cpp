// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes a file on a thread of its own, one buffer behind who fills them.
#include "capture/write_behind.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace unproxy {

int write_all(int file, const std::uint8_t* at, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t count = ::write(file, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    const auto done = static_cast<std::size_t>(count);
    at += done;
    size -= done;
  }
  return 0;
}

WriteBehind::WriteBehind(int file, std::size_t buffer_size) : file_(file), buffer_(new std::uint8_t[buffer_size]) {
  worker_.start([this] { run(); });
}

// What was handed over is written, whoever wants to stop.
void WriteBehind::run() {
  auto lock = worker_.lock();
  while (worker_.wait_or_stop(lock, [this] { return size_ > 0; }) || size_ > 0) {
    const std::size_t size = size_;
    lock.unlock();  // nobody touches the buffer before size_ is 0
    const int error = write_all(file_, buffer_.get(), size);
    lock.lock();
    if (error_ == 0) error_ = error;
    size_ = 0;
    worker_.tell();
  }
}

WriteBehind::Buffer WriteBehind::hand(Buffer buffer, std::size_t size) {
  auto lock = worker_.lock();
  worker_.wait(lock, [this] { return size_ == 0; });
  std::swap(buffer_, buffer);
  size_ = size;
  worker_.tell();
  return buffer;
}

int WriteBehind::error() {
  const auto lock = worker_.lock();
  return error_;
}

int WriteBehind::wait() {
  auto lock = worker_.lock();
  worker_.wait(lock, [this] { return size_ == 0; });
  return error_;
}

}  // namespace unproxy
