// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes a file on a thread of its own, one buffer behind who fills them.
#include "capture/write_behind.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "capture/worker.hpp"

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
  thread_ = start_worker([this] { run(); });
}

WriteBehind::~WriteBehind() {
  if (!thread_) return;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  thread_->join();
}

void WriteBehind::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stops_ || size_ > 0; });
    if (size_ == 0) return;
    const std::size_t size = size_;
    lock.unlock();  // nobody touches the buffer before size_ is 0
    const int error = write_all(file_, buffer_.get(), size);
    lock.lock();
    if (error_ == 0) error_ = error;
    size_ = 0;
    changed_.notify_all();
  }
}

WriteBehind::Buffer WriteBehind::hand(Buffer buffer, std::size_t size) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return size_ == 0; });
  std::swap(buffer_, buffer);
  size_ = size;
  changed_.notify_all();
  return buffer;
}

int WriteBehind::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

int WriteBehind::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return size_ == 0; });
  return error_;
}

}  // namespace unproxy
