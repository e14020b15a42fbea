// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a thread for work that needs nobody else: reading ahead, writing behind.
#include "capture/worker.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

namespace unproxy {
namespace {

bool has_one_core = cores() == 1;

}  // namespace

// Of those that the machine has, a cluster or taskset may leave it fewer, which hardware_concurrency() does not see.
unsigned cores() noexcept {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

bool may_start_workers() noexcept {
  return !has_one_core;
}

void start_no_workers() noexcept {
  has_one_core = true;
}

void Worker::start(std::function<void()> work) {
  if (!may_start_workers()) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_.emplace(std::move(work));
  } catch (const std::system_error&) {
    thread_.reset();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
  if (!thread_) return;
  {
    const Lock own = lock();
    stops_ = true;
  }
  tell();
  thread_->join();
}

}  // namespace unproxy
