// SPDX-License-Identifier: GPL-2.0-or-later
// summary: pcap-unproxy: command line and signals.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>

#include "capture/output_file.hpp"
#include "extcap.hpp"
#include "out_of_memory.hpp"
#include "run.hpp"

namespace {

std::atomic<bool> stop{false};

void end(int signal) {
  unproxy::OutputFile::remove_unfinished();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// The first signal ends reading and completes the outputs; the next one ends the program.
void request_stop(int signal) {
  stop.store(true);
  std::signal(signal, end);
}

void install_signal_handlers(bool is_extcap) {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup
  // A closed pipe, and a file that may grow no further, are outputs that cannot be written, and say so. But Wireshark
  // closes its FIFO to end a capture.
  if (!is_extcap) std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(unproxy::end_out_of_memory);
  const bool is_extcap = unproxy::is_extcap(argc, argv);
  auto parsed = is_extcap ? unproxy::parse_extcap(argc, argv) : unproxy::parse_options(argc, argv);
  if (const auto* leave = std::get_if<unproxy::Leave>(&parsed)) {
    std::fputs(leave->words.c_str(), leave->exit_code == 0 ? stdout : stderr);
    return leave->exit_code;
  }
  install_signal_handlers(is_extcap);
  try {
    return unproxy::run(std::get<unproxy::Options>(parsed), stop);
  } catch (const std::bad_alloc&) {  // of a library that allocates in its own way
    unproxy::end_out_of_memory();
  }
}
