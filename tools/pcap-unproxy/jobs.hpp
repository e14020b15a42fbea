// SPDX-License-Identifier: GPL-2.0-or-later
// summary: -j: inputs side by side, each in a process of its own; what they give comes in the order of inputs.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "input_run.hpp"
#include "progress.hpp"

namespace unproxy {

/// A process each, as the library that reads many formats has globals, and as an input that ends its process ends no
/// other. At most Options::jobs run at once. What an input tells waits in temporary files for its turn.
class Jobs {
 public:
  /// Both are borrowed.
  Jobs(const Options& options, const StopFlag& stop);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  /// Whether an input is being read, or has been: false if we were stopped before. To be asked for one after another.
  [[nodiscard]] bool has(std::size_t index);
  /// Waits for it, and hands on what it gave. Throws OutputError if that cannot be read.
  InputResult operator()(std::size_t index, LineSink& lines);

 private:
  class Job;
  void start_some();

  const Options& options_;
  const StopFlag& stop_;
  std::deque<std::unique_ptr<Job>> jobs_;  ///< from the input that is next
  std::size_t started_ = 0;
  InputsProgress progress_;
};

}  // namespace unproxy
