// SPDX-License-Identifier: GPL-2.0-or-later
// summary: lines that wait in a temporary file until they are wanted, so that memory does not grow with them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/file_descriptor.hpp"

namespace unproxy {

/// A few lines stay in memory; the file comes into being with the first that do not fit. What goes wrong with it is
/// told when lines are read, not when they are added: by then everything else that the program had to do is done.
class LineSpool {
 public:
  /// The file is in `directory`, or in TMPDIR if there can be none there.
  explicit LineSpool(std::string directory) : directory_(std::move(directory)) {}

  /// Keeps a line, which has no line end in it, and returns its place.
  std::uint64_t add(std::string_view line);
  /// The line at a place that add() returned, valid until the next call; of lines behind one another the next one is at
  /// place + size + 1. Throws OutputError if lines could not be kept, or not be read again.
  [[nodiscard]] std::string_view at(std::uint64_t place);

  /// Where the next line will be.
  [[nodiscard]] std::uint64_t end() const noexcept { return written_ + buffer_.size(); }
  /// Forgets the line at a place, and all behind it.
  void cut(std::uint64_t place);

 private:
  void flush();
  void open();
  void write_out();
  void read_window(std::uint64_t place);
  [[noreturn]] void fail(int error) const;

  std::string directory_;
  FileDescriptor file_;
  std::uint64_t written_ = 0;  ///< bytes in the file; always whole lines
  std::string buffer_;         ///< what comes behind them
  std::string window_;         ///< of the file, for reading
  std::uint64_t window_at_ = 0;
  int error_ = 0;  ///< why lines could not be kept; 0: all were
};

}  // namespace unproxy
