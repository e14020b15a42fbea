// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes a file on a thread of its own, one buffer behind who fills them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "capture/worker.hpp"

namespace unproxy {

class WriteBehind {
 public:
  using Buffer = std::unique_ptr<std::uint8_t[]>;

  /// Writes to an open file, which is borrowed; buffers are of `buffer_size` bytes.
  WriteBehind(int file, std::size_t buffer_size);

  /// False if there is no thread for it.
  [[nodiscard]] bool is_started() const noexcept { return worker_.is_started(); }
  /// Takes `size` bytes of a buffer, when those before are written, and gives an empty buffer for it.
  Buffer hand(Buffer buffer, std::size_t size);
  /// The system's error number, of what was written so far; 0 if there was none.
  [[nodiscard]] int error();
  /// The same, when all is written.
  [[nodiscard]] int wait();

 private:
  void run();

  int file_;
  Buffer buffer_;         ///< that is written, or empty
  std::size_t size_ = 0;  ///< to be written
  int error_ = 0;
  Worker worker_;
};

/// Writes all of it. The system's error number; 0 if there was none.
int write_all(int file, const std::uint8_t* at, std::size_t size) noexcept;

}  // namespace unproxy
