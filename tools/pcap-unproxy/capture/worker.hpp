// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a thread for work that needs nobody else: reading ahead, writing behind.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace unproxy {

/// Cores that this process may run on, at least 1.
unsigned cores() noexcept;

/// Whether there is a core for a worker.
bool may_start_workers() noexcept;

/// Before any is started: this process is one of as many as there are cores.
void start_no_workers() noexcept;

/// A thread, and what it shares with who has it: a lock, and word of changes. The last member of its owner: it goes
/// first, and what it works on outlives it.
class Worker {
 public:
  using Lock = std::unique_lock<std::mutex>;

  Worker() = default;
  /// Tells the work to stop, and waits until it has.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Starts `work` on a core of its own. It does not where this process has one core only, or the system no more
  /// threads: then all is to be done when it is needed. Signals stay with who starts it, as they are to interrupt what
  /// that waits for.
  void start(std::function<void()> work);
  [[nodiscard]] bool is_started() const noexcept { return thread_.has_value(); }

  /// For what both touch.
  [[nodiscard]] Lock lock() { return Lock(mutex_); }
  /// Something changed that the other one may wait for.
  void tell() noexcept { changed_.notify_all(); }
  template <class IsSo>
  void wait(Lock& lock, IsSo is_so) {
    changed_.wait(lock, is_so);
  }
  /// For the work itself. False if it is to stop, whether it is so or not.
  template <class IsSo>
  [[nodiscard]] bool wait_or_stop(Lock& lock, IsSo is_so) {
    changed_.wait(lock, [&] { return stops_ || is_so(); });
    return !stops_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stops_ = false;
  std::optional<std::thread> thread_;
};

}  // namespace unproxy
