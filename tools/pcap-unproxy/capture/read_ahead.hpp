// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads a file on a thread of its own, so that it is there when it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "capture/worker.hpp"

namespace unproxy {

class InputFile;

class ReadAhead {
 public:
  /// In front of the bytes of a block: for what is left of the one before.
  static constexpr std::size_t headroom = std::size_t{64} << 10;

  struct Block {
    std::unique_ptr<std::uint8_t[]> room;
    std::size_t size = 0;  ///< bytes behind the headroom
  };

  /// Reads from where the file is. It is borrowed, and nobody else's from now on; what it knows of itself is to be
  /// asked when there are no more blocks.
  ReadAhead(InputFile& file, std::size_t block_size);

  /// False if there is no thread for it.
  [[nodiscard]] bool is_started() const noexcept { return worker_.is_started(); }
  /// The next block, when it is there; one without bytes is the end.
  Block next();
  /// Takes the room of a block back.
  void give_back(std::unique_ptr<std::uint8_t[]> room);

 private:
  void run();

  /// Enough that one can be read while another is used and a third waits.
  static constexpr std::size_t blocks = 3;

  InputFile& file_;
  std::size_t block_size_;
  std::vector<std::unique_ptr<std::uint8_t[]>> free_;
  std::vector<Block> read_;  ///< oldest first
  bool is_over_ = false;
  Worker worker_;
};

}  // namespace unproxy
