// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far a long run has come, on standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "options.hpp"

namespace unproxy {

/// `reader` itself, or a reader that hands its packets on and shows in one line how far it is: with Progress::always,
/// or with Progress::automatic when standard error is a terminal and the program is not to be quiet. The line ends with
/// the input, and does not come for one that is read in no time. `name` is what the user called the input, `size` that
/// of what is read, in bytes; 0: not known.
std::unique_ptr<CaptureReader> with_progress(std::unique_ptr<CaptureReader> reader, const std::string& name,
                                             std::uint64_t size, const Options& options);

/// 0: it is no regular file.
std::uint64_t size_of_file(const std::string& path);

/// The same for inputs that are read side by side: how many are done.
class InputsProgress {
 public:
  InputsProgress(std::size_t inputs, const Options& options);
  ~InputsProgress() { clear(); }
  InputsProgress(const InputsProgress&) = delete;
  InputsProgress& operator=(const InputsProgress&) = delete;

  void show(std::size_t done, std::size_t running);
  /// Before other words: the line is gone.
  void clear();

 private:
  std::size_t inputs_;
  bool is_wanted_;
  std::string line_;  ///< that is shown
};

}  // namespace unproxy
