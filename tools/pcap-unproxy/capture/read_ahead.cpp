// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads a file on a thread of its own, so that it is there when it is asked for.
#include "capture/read_ahead.hpp"

#include <utility>

#include "capture/input_file.hpp"

namespace unproxy {

ReadAhead::ReadAhead(InputFile& file, std::size_t block_size) : file_(file), block_size_(block_size) {
  for (std::size_t i = 0; i < blocks; ++i) free_.emplace_back(new std::uint8_t[headroom + block_size_]);
  worker_.start([this] { run(); });
}

void ReadAhead::run() {
  for (;;) {
    Block block;
    {
      auto lock = worker_.lock();
      if (!worker_.wait_or_stop(lock, [this] { return !free_.empty(); })) return;
      block.room = std::move(free_.back());
      free_.pop_back();
    }
    while (block.size < block_size_) {
      const std::size_t taken = file_.read(&block.room[headroom + block.size], block_size_ - block.size);
      if (taken == 0) break;
      block.size += taken;
    }
    const auto lock = worker_.lock();
    is_over_ = block.size < block_size_;
    read_.push_back(std::move(block));
    worker_.tell();
    if (is_over_) return;
  }
}

ReadAhead::Block ReadAhead::next() {
  auto lock = worker_.lock();
  worker_.wait(lock, [this] { return is_over_ || !read_.empty(); });
  if (read_.empty()) return {};
  Block block = std::move(read_.front());
  read_.erase(read_.begin());
  return block;
}

void ReadAhead::give_back(std::unique_ptr<std::uint8_t[]> room) {
  {
    const auto lock = worker_.lock();
    free_.push_back(std::move(room));
  }
  worker_.tell();
}

}  // namespace unproxy
