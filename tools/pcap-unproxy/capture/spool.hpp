// SPDX-License-Identifier: GPL-2.0-or-later
// summary: copies an input that can be read only once to a temporary file.
#pragma once

#include <string>

#include "capture/file_descriptor.hpp"
#include "capture/input_file.hpp"

namespace unproxy {

/// Copies the whole input, from the window's bytes on, to a file in TMPDIR that has no name any more. CaptureError if
/// it cannot be read or there is no room.
FileDescriptor spool(InputWindow& window);

/// An input that is to be read more than once: a regular file as it is, anything else by a copy.
class SpooledInput {
 public:
  /// CaptureError if the input cannot be opened, read or copied.
  SpooledInput(const std::string& path, const StopFlag* stop);

  /// What to open, as often as needed, while this object lives.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// True if bytes were copied: they are all there now.
  [[nodiscard]] bool is_copy() const noexcept { return copied_ > 0; }

 private:
  std::string path_;
  FileDescriptor file_;
  std::uint64_t copied_ = 0;
};

}  // namespace unproxy
