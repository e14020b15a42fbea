// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whatever ends the program, nothing half-written is left; also where files cannot be without a name.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "capture/output_file.hpp"
#include "exit_code.hpp"
#include "out_of_memory.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

using namespace capture_test;
using proxytunnel::bytes_of;
using unproxy::OutputFile;

namespace {

struct Ended {
  int status = 0;
  std::string words;  ///< on standard error
};

/// Runs `action` in a process of its own.
Ended in_child(const std::function<void()>& action) {
  std::array<int, 2> ends{};
  assert_int_equal(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    action();
    ::_exit(0);
  }
  ::close(ends[1]);
  Ended ended;
  std::array<char, 256> piece{};
  for (ssize_t count = 0; (count = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    ended.words.append(piece.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  assert_int_equal(::waitpid(child, &ended.status, 0), child);
  return ended;
}

/// From now on this process has a file system that knows no files without a name, as NFS does.
void refuse_unnamed_files() {
  constexpr auto flags_argument = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));
  std::array<sock_filter, 6> filter = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_argument),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(99);
  }
}

bool knows_unnamed_files(const Directory& directory) {
  const int file = ::open(directory.path("").c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (file >= 0) ::close(file);
  return file >= 0;
}

void run_out_of_memory(const std::string& path) {
  std::set_new_handler(unproxy::end_out_of_memory);
  OutputFile first(path, 4), second(path + ".too", 4);
  first.write(bytes_of("much more than the buffer holds"));
  second.write(bytes_of("likewise"));
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
  std::get_new_handler()();  // its operator new does not do it
#else
  const rlimit little = {std::size_t{256} << 20, std::size_t{256} << 20};
  ::setrlimit(RLIMIT_AS, &little);
  std::vector<std::vector<char> > hoard;
  while (true) hoard.emplace_back(std::size_t{1} << 20, 'x');
#endif
}

void assert_ended_like_a_full_disk(const Ended& ended, const Directory& directory) {
  assert_true(WIFEXITED(ended.status));
  assert_int_equal(WEXITSTATUS(ended.status), unproxy::exit_code::unwritable_output);
  assert_true(ended.words.starts_with("pcap-unproxy: out of memory"));
  assert_int_equal(directory.entries(), 1);
  assert_true(contents_of(directory.path("kept")) == "old");
}

void memory_that_runs_out_ends_like_a_full_disk(void**) {
  const Directory directory;
  const std::string kept = directory.file("kept", "old");
  assert_ended_like_a_full_disk(in_child([&] { run_out_of_memory(kept); }), directory);
}

void temporary_names_go_when_memory_runs_out(void**) {
  const Directory directory;
  const std::string kept = directory.file("kept", "old");
  const Ended ended = in_child([&] {
    refuse_unnamed_files();
    const OutputFile file(kept);
    if (directory.entries() != 2) ::_exit(98);
    run_out_of_memory(kept);
  });
  assert_ended_like_a_full_disk(ended, directory);
}

void temporary_names_are_renamed_or_removed(void**) {
  const Directory directory;
  const std::string kept = directory.file("kept", "old");
  const Ended ended = in_child([&] {
    refuse_unnamed_files();
    const OutputFile unfinished(kept);
    OutputFile file(kept);
    file.write(bytes_of("new"));
    file.finish();
  });
  assert_int_equal(ended.status, 0);
  assert_true(contents_of(kept) == "new");
  assert_int_equal(directory.entries(), 1);
}

void a_killed_program_leaves_nothing(void**) {
  const Directory directory;
  if (!knows_unnamed_files(directory)) return;
  const Ended ended = in_child([&] {
    OutputFile file(directory.path("new"), 4);
    file.write(bytes_of("much more than the buffer holds"));
    ::raise(SIGKILL);
  });
  assert_true(WIFSIGNALED(ended.status));
  assert_int_equal(directory.entries(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(memory_that_runs_out_ends_like_a_full_disk),
      cmocka_unit_test(temporary_names_go_when_memory_runs_out),
      cmocka_unit_test(temporary_names_are_renamed_or_removed),
      cmocka_unit_test(a_killed_program_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
