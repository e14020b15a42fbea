// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a file that appears under its name when it is complete, or not at all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "capture/file_descriptor.hpp"
#include "capture/write_behind.hpp"

namespace unproxy {

/// A regular file is written to a new file that has no name until finish() renames it; without finish() nothing is
/// left, however the program ends. Where the file system knows no files without a name, it has a temporary one beside
/// the final name, which goes with the object. A symbolic link is followed, not replaced. What exists and is not a
/// regular file (a device, a FIFO) is written directly, and so is standard output, which is the path "-".
///
/// Every function throws CaptureError, with the file's name and the system's reason, when the file cannot be written;
/// nothing more can be written then; of a large file, what went wrong may be told by a later function. The program must
/// ignore SIGPIPE, or a closed pipe ends it.
class OutputFile {
 public:
  static constexpr std::size_t default_size = std::size_t{1} << 18;

  explicit OutputFile(const std::string& path, std::size_t buffer_size = default_size);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(Bytes bytes);
  /// The next `size` bytes of the file, which the caller fills in before anything else is called.
  [[nodiscard]] std::uint8_t* extend(std::size_t size);
  /// Writes out what is buffered.
  void flush();
  /// Writes out what is buffered and closes the file, which has a temporary name from then on, until write() opens it
  /// again: a program may have more of these than open files. What is written directly stays open.
  void suspend();
  /// Forgets what was written behind the first `size` bytes; what was written directly cannot be taken back.
  void cut(std::uint64_t size);
  /// The file is complete: it now has its final name. Nothing may be written any more.
  void finish();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Bytes so far, with those that are buffered.
  [[nodiscard]] std::uint64_t size() const noexcept { return written_ + filled_; }

  /// For a program that ends without destructors: removes the temporary names of all objects. Allocates nothing, and
  /// may be called by a signal's handler: then it leaves them if it came while one changed.
  static void remove_unfinished() noexcept;

 private:
  void open(const std::string& path);
  [[nodiscard]] bool create_unnamed();
  void create_temporary();
  void give_temporary_name();
  void resume();
  void hand_on();
  void settle();
  void write_out(Bytes bytes);
  [[noreturn]] void fail(int error) const;

  std::string name_;       ///< for messages
  std::string target_;     ///< the final name; empty when written directly
  std::string temporary_;  ///< the name so far; empty when there is none
  FileDescriptor file_;
  OutputFile *next_, *previous_ = nullptr;  ///< all objects are in a list
  std::size_t buffer_size_;
  std::size_t size_;                        ///< of the buffer that there is: 0 while it is suspended
  std::unique_ptr<std::uint8_t[]> buffer_;  ///< none while it is suspended
  dev_t device_ = 0;                        ///< while it is suspended: what has its name
  ino_t inode_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t written_ = 0;            ///< or handed on
  std::unique_ptr<WriteBehind> behind_;  ///< of a regular file that has become large, until it is suspended
};

/// Makes a directory, and those above it, unless it is there. Throws OutputError.
void make_directory(const std::string& path);

}  // namespace unproxy
