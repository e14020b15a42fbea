// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the bytes of an input, from a file or a pipe, hashed as they are read, and a window that slides over them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "capture/capture.hpp"
#include "capture/digest.hpp"
#include "capture/file_descriptor.hpp"
#include "capture/read_ahead.hpp"

namespace unproxy {

/// A file that is read from front to back.
class InputFile {
 public:
  /// `path` "-" is standard input. `hash` (may be null) gets every byte that is read, `stop` (may be null) ends reading
  /// when it is set: at once of a file, of a pipe when nothing comes any more, or after a second; both are borrowed for
  /// the life of this object. CaptureError if the file cannot be opened.
  InputFile(const std::string& path, InputHash* hash, const StopFlag* stop);

  /// Up to `room` bytes, as soon as there are any; 0 at the end, when stopped and after an error.
  std::size_t read(std::uint8_t* at, std::size_t room);

  /// Called before it waits for a pipe in which nothing is, with what it waited so far since something came; and again
  /// from time to time.
  void when_idle(const std::function<void(std::chrono::nanoseconds)>& idle) { idle_ = idle; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_regular() const noexcept { return regular_; }
  [[nodiscard]] bool is_hashed() const noexcept { return hash_ != nullptr; }
  [[nodiscard]] bool is_stopped() const noexcept { return stop_ != nullptr && stop_->load(); }
  /// The system's error number of a read that failed; 0 if none did.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  [[nodiscard]] bool wait_until_readable();
  [[nodiscard]] bool is_over() noexcept;

  std::string name_;
  FileDescriptor file_;
  bool regular_ = false;
  InputHash* hash_;
  const StopFlag* stop_;
  int error_ = 0;
  std::function<void(std::chrono::nanoseconds)> idle_;
  std::optional<std::chrono::steady_clock::time_point> last_moment_;  ///< to read from a pipe that was stopped
};

/// A window on an InputFile: records are views into one large buffer, which moves on when it is used up. Of a file that
/// is larger than the first window, what comes next is read ahead.
class InputWindow {
 public:
  static constexpr std::size_t default_size = std::size_t{1} << 18;

  InputWindow(std::unique_ptr<InputFile> file, std::size_t size);

  /// The next `count` bytes, not yet consumed; fewer only where the input ends. Earlier views become invalid. Memory
  /// grows beyond the window's size only as bytes for it arrive.
  Bytes peek(std::size_t count) {
    if (filled_ - begin_ < count) fill(count);
    return {&buffer_[begin_], filled_ - begin_ < count ? filled_ - begin_ : count};
  }
  /// Goes on by `count` bytes, which peek() returned. Views stay valid.
  void consume(std::size_t count) noexcept {
    begin_ += count;
    offset_ += count;
  }
  /// Goes on by `count` bytes without keeping them; false if the input ends before.
  bool skip(std::uint64_t count);
  /// Reads what is left if it is to be hashed.
  void drain();

  /// Bytes of the input before the window.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] const InputFile& file() const noexcept { return *file_; }
  [[nodiscard]] InputFile& file() noexcept { return *file_; }

 private:
  void fill(std::size_t count);
  void make_room(std::size_t count);
  void grow(std::size_t size);
  [[nodiscard]] bool take_block(std::size_t count);

  std::unique_ptr<InputFile> file_;
  std::unique_ptr<ReadAhead> ahead_;  ///< as soon as it is of use
  std::size_t size_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  bool is_block_ = false;  ///< the buffer is one of those that are read ahead
  std::size_t begin_ = 0, filled_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace unproxy
