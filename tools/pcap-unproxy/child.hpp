// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a program that runs beside us and whose standard output we read; it does not outlive us, and waiting for it
//          ends when we are stopped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "capture/file_descriptor.hpp"

namespace unproxy {

class Child {
 public:
  /// Starts `command` (a shell's business, with words of its own perhaps) with more words behind. Its standard input is
  /// empty. It has a process group of its own, so that all that it starts ends with it. `stop` ends waiting when it is
  /// set; it is borrowed and may be null. Throws std::system_error.
  Child(const std::string& command, const std::vector<std::string>& words, const StopFlag* stop);
  /// Ends it if it still runs: by SIGTERM, and if that does not help by SIGKILL.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Fills `size` bytes from its standard output; waits as long as needed. False if it ends or we are stopped before.
  bool read(std::uint8_t* at, std::size_t size);
  /// Its exit code once it has ended by itself (128 and more: by a signal, as in a shell). A child that is waited for
  /// when we are stopped is ended.
  int wait();
  /// Whether we are to wait no more.
  [[nodiscard]] bool is_stopped() const { return stop_ != nullptr && stop_->load(); }
  /// The first line that it said on standard error, if there is one and it is over.
  [[nodiscard]] std::string first_words() const;

 private:
  [[nodiscard]] bool wait_until_readable() const;
  [[nodiscard]] bool is_over() const;
  void end();

  const StopFlag* stop_;
  FileDescriptor output_;
  std::FILE* words_ = nullptr;  ///< what it says on standard error
  pid_t pid_ = -1;              ///< and its process group's number; -1: it is over
  int status_ = 0;              ///< as waitpid(2) tells it
  bool closed_ = false;         ///< nothing more comes
};

}  // namespace unproxy
