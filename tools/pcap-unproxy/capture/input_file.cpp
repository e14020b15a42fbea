// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reading with large reads, and waiting for a pipe in a way that a signal can end.
#include "capture/input_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "capture/worker.hpp"

namespace unproxy {
namespace {

/// How long a stop may go unseen when its signal arrives just before a read that then waits for the pipe; and how long
/// nothing comes through a pipe that brings no more.
constexpr int poll_milliseconds = 200;
/// Ctrl-C stops the other end of a pipe, too, which then writes what it has left.
constexpr std::chrono::seconds time_for_the_rest{1};

}  // namespace

InputFile::InputFile(const std::string& path, InputHash* hash, const StopFlag* stop)
    : name_(path == "-" ? "standard input" : path), hash_(hash), stop_(stop) {
  file_ = FileDescriptor(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status {};
  if (!file_.is_open() || ::fstat(file_.number(), &status) != 0) {
    throw CaptureError("cannot open " + name_ + ": " + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) throw CaptureError(name_ + " is a directory: name the capture files in it");
  regular_ = S_ISREG(status.st_mode);
  if (regular_) ::posix_fadvise(file_.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

std::size_t InputFile::read(std::uint8_t* at, std::size_t room) {
  while (error_ == 0 && wait_until_readable()) {
    const ssize_t count = ::read(file_.number(), at, room);
    if (count >= 0) {
      const auto taken = static_cast<std::size_t>(count);
      if (hash_ != nullptr) hash_->update({at, taken});
      return taken;
    }
    if (errno != EINTR && errno != EAGAIN) error_ = errno;
  }
  return 0;
}

/// When it was stopped: at once for a file, after a moment for a pipe.
bool InputFile::is_over() noexcept {
  if (!is_stopped()) return false;
  if (regular_) return true;
  const auto now = std::chrono::steady_clock::now();
  if (!last_moment_) last_moment_ = now + time_for_the_rest;
  return now >= *last_moment_;
}

/// False when stopped.
bool InputFile::wait_until_readable() {
  const auto begun = std::chrono::steady_clock::now();
  int patience = idle_ ? 0 : poll_milliseconds;
  while (!is_over()) {
    if (regular_) return true;
    pollfd waiting{file_.number(), POLLIN, 0};
    const bool was_stopped = is_stopped();
    const int count = ::poll(&waiting, 1, patience);
    if (count == 0 && idle_) {
      idle_(std::chrono::steady_clock::now() - begun);
      if (std::exchange(patience, poll_milliseconds) == 0) continue;
    }
    if (count != 0 && (waiting.revents != 0 || errno != EINTR)) return true;
    if (count == 0 && was_stopped) return false;
  }
  return false;
}

InputWindow::InputWindow(std::unique_ptr<InputFile> file, std::size_t size)
    : file_(std::move(file)), size_(std::max<std::size_t>(size, 1)), buffer_(new std::uint8_t[size_]) {}

void InputWindow::fill(std::size_t count) {
  while (filled_ - begin_ < count) {
    if (ahead_ != nullptr) {
      if (!take_block(count)) return;
      continue;
    }
    if (filled_ == size_) {
      make_room(count);
      if (ahead_ != nullptr) continue;
    }
    const std::size_t taken = file_->read(&buffer_[filled_], size_ - filled_);
    if (taken == 0) return;
    filled_ += taken;
  }
}

void InputWindow::make_room(std::size_t count) {
  if (begin_ == 0) return grow(std::min(count, 2 * size_));
  if (file_->is_regular() && size_ == default_size && may_start_workers()) {
    ahead_ = std::make_unique<ReadAhead>(*file_, size_);
    if (ahead_->is_started()) return;
    ahead_.reset();
  }
  const std::size_t kept = filled_ - begin_;
  std::memmove(&buffer_[0], &buffer_[begin_], kept);
  begin_ = 0;
  filled_ = kept;
}

/// Goes on in a larger buffer.
void InputWindow::grow(std::size_t size) {
  std::unique_ptr<std::uint8_t[]> larger(new std::uint8_t[size]);
  const std::size_t kept = filled_ - begin_;
  std::memcpy(&larger[0], &buffer_[begin_], kept);
  std::swap(buffer_, larger);
  if (std::exchange(is_block_, false)) ahead_->give_back(std::move(larger));
  size_ = size;
  begin_ = 0;
  filled_ = kept;
}

/// What is left of the buffer goes in front of the next block, whose room becomes the buffer. A record that is larger
/// than that is put together in one of its own.
bool InputWindow::take_block(std::size_t count) {
  ReadAhead::Block block = ahead_->next();
  if (block.size == 0) return false;
  const std::size_t kept = filled_ - begin_;
  if (kept > ReadAhead::headroom) {
    if (size_ - filled_ < block.size) grow(std::max(std::min(count, 2 * kept), kept + block.size));
    std::memcpy(&buffer_[filled_], &block.room[ReadAhead::headroom], block.size);
    filled_ += block.size;
    ahead_->give_back(std::move(block.room));
    return true;
  }
  begin_ = ReadAhead::headroom - kept;
  std::memcpy(&block.room[begin_], &buffer_[filled_ - kept], kept);
  filled_ = size_ = ReadAhead::headroom + block.size;
  std::swap(buffer_, block.room);
  if (std::exchange(is_block_, true)) ahead_->give_back(std::move(block.room));
  return true;
}

bool InputWindow::skip(std::uint64_t count) {
  while (count > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_));
    const std::size_t taken = peek(step).size();
    if (taken == 0) return false;
    consume(taken);
    count -= taken;
  }
  return true;
}

void InputWindow::drain() {
  if (!file_->is_hashed()) return;
  begin_ = filled_ = 0;
  if (ahead_ == nullptr) {
    while (file_->read(&buffer_[0], size_) > 0) continue;
  }
  for (ReadAhead::Block block; ahead_ != nullptr && (block = ahead_->next()).size > 0;) {
    ahead_->give_back(std::move(block.room));
  }
}

}  // namespace unproxy
