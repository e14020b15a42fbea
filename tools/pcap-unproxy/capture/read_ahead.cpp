// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads a file on a thread of its own, so that it is there when it is asked for.
#include "capture/read_ahead.hpp"

#include <utility>

#include "capture/input_file.hpp"
#include "capture/worker.hpp"

namespace unproxy {

ReadAhead::ReadAhead(InputFile& file, std::size_t block_size) : file_(file), block_size_(block_size) {
  for (std::size_t i = 0; i < blocks; ++i) free_.emplace_back(new std::uint8_t[headroom + block_size_]);
  thread_ = start_worker([this] { run(); });
}

ReadAhead::~ReadAhead() {
  if (!thread_) return;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  thread_->join();
}

void ReadAhead::run() {
  for (;;) {
    Block block;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stops_ || !free_.empty(); });
      if (stops_) return;
      block.room = std::move(free_.back());
      free_.pop_back();
    }
    while (block.size < block_size_) {
      const std::size_t taken = file_.read(&block.room[headroom + block.size], block_size_ - block.size);
      if (taken == 0) break;
      block.size += taken;
    }
    const std::lock_guard lock(mutex_);
    is_over_ = block.size < block_size_;
    read_.push_back(std::move(block));
    changed_.notify_all();
    if (is_over_) return;
  }
}

ReadAhead::Block ReadAhead::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_over_ || !read_.empty(); });
  if (read_.empty()) return {};
  Block block = std::move(read_.front());
  read_.erase(read_.begin());
  return block;
}

void ReadAhead::give_back(std::unique_ptr<std::uint8_t[]> room) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(room));
  }
  changed_.notify_all();
}

}  // namespace unproxy
