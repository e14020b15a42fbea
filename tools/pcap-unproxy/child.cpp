// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a program that runs beside us and whose standard output we read; it does not outlive us, and waiting for it
//          ends when we are stopped.
#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace unproxy {
namespace {

/// How long a stop may go unseen when its signal arrives just before we wait.
constexpr int poll_milliseconds = 200;
/// How often a child is looked at that has nothing more to say.
constexpr int reap_milliseconds = 10;
/// How long a child may take to end when it is asked to.
constexpr int grace_milliseconds = 2000;

[[noreturn]] void cannot_start() {
  throw std::system_error(errno, std::generic_category());
}

void pause_for(int milliseconds) {
  ::poll(nullptr, 0, milliseconds);
}

struct Descriptors {
  int input, output, errors;
};

// Between fork and exec: nothing here may allocate memory. The child that we start is not to outlive us, even if we are
// killed; whoever changes its user loses that (prctl(2)) and meets a closed pipe.
[[noreturn]] void become(const char* const* argv, const Descriptors& streams, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) _exit(127);
  const bool ready = ::dup2(streams.input, STDIN_FILENO) >= 0 && ::dup2(streams.output, STDOUT_FILENO) >= 0 &&
                     ::dup2(streams.errors, STDERR_FILENO) >= 0;
  std::signal(SIGPIPE, SIG_DFL);
  if (ready) ::execv(argv[0], const_cast<char* const*>(argv));
  _exit(127);
}

}  // namespace

Child::Child(const std::string& command, const std::vector<std::string>& words, const StopFlag* stop) : stop_(stop) {
  const std::string script = "exec " + command + " \"$@\"";
  std::vector<const char*> argv = {"/bin/sh", "-c", script.c_str(), "sh"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);

  const FileDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (!nothing.is_open() || ::pipe2(ends.data(), O_CLOEXEC) != 0) cannot_start();
  output_ = FileDescriptor(ends[0]);
  const FileDescriptor sink(ends[1]);
  words_ = std::tmpfile();
  if (words_ == nullptr) cannot_start();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(argv.data(), {nothing.number(), sink.number(), ::fileno(words_)}, parent);
  if (pid_ < 0) {
    std::fclose(words_);
    cannot_start();
  }
  ::setpgid(pid_, pid_);  // here, too: whoever comes first
}

Child::~Child() {
  end();
  std::fclose(words_);
}

bool Child::read(std::uint8_t* at, std::size_t size) {
  while (size > 0 && !closed_ && wait_until_readable()) {
    const ssize_t got = ::read(output_.number(), at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      closed_ = true;
      break;
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return size == 0;
}

/// False when stopped.
bool Child::wait_until_readable() const {
  while (!is_stopped()) {
    pollfd waiting{output_.number(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, poll_milliseconds);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
  return false;
}

int Child::wait() {
  while (pid_ > 0 && !is_stopped() && !is_over()) pause_for(reap_milliseconds);
  end();
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

bool Child::is_over() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
}

// While the child was not waited for, nothing else can have the number of its group.
void Child::end() {
  if (pid_ <= 0) return;
  if (!is_over()) ::kill(-pid_, SIGTERM);
  for (int waited = 0; waited < grace_milliseconds && !is_over(); waited += reap_milliseconds) {
    pause_for(reap_milliseconds);
  }
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
}

std::string Child::first_words() const {
  std::rewind(words_);
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), words_) != nullptr) {
    std::string text(line.data());
    text.erase(text.find_last_not_of("\r\n ") + 1);
    if (text.empty() || text.starts_with("Running as user")) continue;
    return text;
  }
  return {};
}

}  // namespace unproxy
