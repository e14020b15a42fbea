// SPDX-License-Identifier: GPL-2.0-or-later
// summary: -j: inputs side by side, each in a process of its own; what they give comes in the order of inputs.
#include "jobs.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "capture/unnamed_file.hpp"
#include "capture/worker.hpp"
#include "exit_code.hpp"
#include "records.hpp"

namespace unproxy {
namespace {

/// How long a stop, or the end of a process, may go unseen.
constexpr int look_milliseconds = 20;

FileDescriptor waiting_file() {
  FileDescriptor file = unnamed_file(temporary_directory());
  if (!file.is_open()) {
    throw OutputError("cannot keep what -j is to tell in a temporary file in " + temporary_directory() + ": " +
                      std::strerror(errno));
  }
  return file;
}

void copy_words(int file) {
  std::array<char, 4096> words{};
  off_t at = 0;
  for (ssize_t size = 0; (size = ::pread(file, words.data(), words.size(), at)) > 0; at += size) {
    std::fwrite(words.data(), 1, static_cast<std::size_t>(size), stderr);
  }
}

}  // namespace

class Jobs::Job {
 public:
  Job(const Options& options, const StopFlag& stop, std::size_t index)
      : index_(index), lines_(waiting_file()), words_(waiting_file()) {
    std::fflush(nullptr);  // or it is written twice
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) read_input(options, stop, parent);
    if (pid_ < 0) throw OutputError(std::string("cannot start a process for -j: ") + std::strerror(errno));
  }
  ~Job() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// It is to stop reading, and completes what it has. A second signal would end it.
  void stop() {
    if (pid_ > 0 && !is_stopped_) ::kill(pid_, SIGTERM);
    is_stopped_ = true;
  }
  /// Whether it is over.
  [[nodiscard]] bool look() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }
  InputResult take(const Options& options, LineSink& lines) {
    auto result = read_records(lines_.number(), lines);
    copy_words(words_.number());
    if (result) return *result;
    const bool is_signal = WIFSIGNALED(status_);
    InputResult broken;
    proxytunnel::InputSummary& input = broken.inputs.emplace_back();
    input.file = options.inputs[index_];
    input.unreadable =
        "the process that read it ended " + (is_signal ? "by signal " + std::to_string(WTERMSIG(status_))
                                                       : "with exit code " + std::to_string(WEXITSTATUS(status_)));
    broken.exit_code = is_signal ? exit_code::unreadable_input : WEXITSTATUS(status_);
    complain(input.file + ": " + input.unreadable);
    return broken;
  }

 private:
  // A group of its own, so that Ctrl-C reaches us, who hand it on. It does not outlive us.
  [[noreturn]] void read_input(const Options& options, const StopFlag& stop, pid_t parent) const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.jobs >= cores()) start_no_workers();
    Options own = options;
    own.progress = Progress::never;  // it is ours to show
    if (::getppid() != parent || ::dup2(words_.number(), STDERR_FILENO) < 0) ::_exit(exit_code::unreadable_input);
    int code = exit_code::done;
    {
      RecordWriter records(lines_.number());
      const InputResult result = InputRun(own, stop)(index_, records);
      if (!records.finish(result)) {
        complain(std::string("cannot keep what is to be reported in a temporary file: ") + std::strerror(errno));
        code = exit_code::unwritable_output;
      }
    }
    std::fflush(nullptr);
    ::_exit(code);
  }

  std::size_t index_;
  FileDescriptor lines_, words_;
  pid_t pid_ = -1;  ///< 0: it is over
  int status_ = 0;
  bool is_stopped_ = false;
};

Jobs::Jobs(const Options& options, const StopFlag& stop)
    : options_(options), stop_(stop), progress_(options.inputs.size(), options) {}

Jobs::~Jobs() = default;

void Jobs::start_some() {
  std::size_t running = 0;
  for (const auto& job : jobs_) running += job->look() ? 0U : 1U;
  for (; !stop_ && running < options_.jobs && started_ < options_.inputs.size(); ++running) {
    jobs_.push_back(std::make_unique<Job>(options_, stop_, started_));
    ++started_;
  }
  progress_.show(started_ - running, running);
}

bool Jobs::has(std::size_t index) {
  start_some();
  return index < started_;
}

InputResult Jobs::operator()(std::size_t, LineSink& lines) {
  while (!jobs_.front()->look()) {
    start_some();
    if (stop_) {
      for (const auto& job : jobs_) job->stop();
    }
    ::poll(nullptr, 0, look_milliseconds);
  }
  const std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  start_some();
  progress_.clear();
  return job->take(options_, lines);
}

}  // namespace unproxy
