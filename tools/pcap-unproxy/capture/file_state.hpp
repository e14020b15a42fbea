// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether a file changed while it was read.
#pragma once

#include <string>

namespace unproxy {

/// A regular file as it is now: which one it is, its size, when it was last written.
class FileState {
 public:
  /// `path` "-" is standard input. What is no regular file has no state, and never changes.
  explicit FileState(const std::string& path);

  /// Since this was made, by what the system tells: it was written, or another file has its name. One that was taken
  /// away is as it was for those who have it open.
  [[nodiscard]] bool has_changed() const {
    const FileState now(path_);
    return now.number_ != 0 && now != *this;
  }
  bool operator==(const FileState&) const = default;

 private:
  std::string path_;
  unsigned long long device_ = 0, number_ = 0;
  long long size_ = 0, seconds_ = 0, nanoseconds_ = 0;
};

}  // namespace unproxy
