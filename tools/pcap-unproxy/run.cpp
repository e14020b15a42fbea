// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the program does: every input through the core, then the report, the logs and the list.
#include "run.hpp"

#include <algorithm>
#include <optional>

#include "capture/libraries.hpp"
#include "exit_code.hpp"
#include "input_run.hpp"
#include "inside/inspector.hpp"
#include "jobs.hpp"
#include "log/log_files.hpp"
#include "report_spool.hpp"
#include "sequence_files.hpp"
#include "terminal.hpp"

namespace unproxy {
namespace {

using proxytunnel::InputSummary;
using proxytunnel::ReportCounters;
using proxytunnel::TunnelId;

void add_counters(const ReportCounters& from, ReportCounters& to) {
  const auto given = counts_of(from);
  const auto sums = counts_of(to);
  for (std::size_t i = 0; i < sums.size(); ++i) *sums[i] += *given[i];
  for (const auto& [reason, count] : from.files->packets_passed_over) to.files->packets_passed_over[reason] += count;
}

// Those that read captures, and the one that looks at what is inside.
std::map<std::string, std::string> all_libraries() {
  std::map<std::string, std::string> all = libraries();
  if (const std::string version = Inspector::version(); !version.empty()) all.emplace("nDPI", version);
  return all;
}

/// Takes the lines of one input after another.
class Run final : public LineSink {
 public:
  Run(const Options& options, const StopFlag& stop) : options_(options), stop_(stop), report_(options) {}

  int operator()() {
    // Where a log cannot be written, that is known before a terabyte was read.
    if (!guarded([this] { logs_.emplace(options_); })) return exit_code_;
    guarded([this] { take_inputs(); });
    was_interrupted_ = stop_ && !options_.live;  // which ends in no other way
    if (was_interrupted_) {
      complain("interrupted: what was read until then is complete");
      raise_exit_code(exit_code::damaged);
    }
    guarded([this] { write_report_file(); });
    guarded([this] { finish_logs(); });
    guarded([this] { write_list_to_standard_output(); });
    return exit_code_;
  }

  void begin(proxytunnel::Time first_packet) override { logs_->begin(first_packet); }

  void add(const Line& line) override {
    const TunnelId id = line.id == proxytunnel::no_tunnel ? line.id : base_ + line.id;
    const std::string_view text = renumbered(line, options_, inputs_.size(), base_, room_);
    report_.add(line.table, id, text);
    logs_->add(line.table, text);
  }

 private:
  void raise_exit_code(int code) { exit_code_ = std::max(exit_code_, code); }

  /// False if the action failed; why was told.
  template <class Action>
  bool guarded(Action action) {
    try {
      action();
      return true;
    } catch (const OutputError& error) {
      complain(error.what());
      raise_exit_code(exit_code::unwritable_output);
    }
    return false;
  }

  void take_inputs() {
    const std::size_t count = options_.sequence ? 1 : options_.inputs.size();
    // Names of split files depend on those of inputs before them.
    if (options_.jobs > 1 && count > 1 && !options_.split.is_on()) {
      Jobs jobs(options_, stop_);
      for (std::size_t i = 0; i < count && jobs.has(i); ++i) take_input(i, jobs);
    } else {
      InputRun one(options_, stop_);
      for (std::size_t i = 0; i < count && !stop_; ++i) take_input(i, one);
    }
  }

  template <class Work>
  void take_input(std::size_t index, Work& work) {
    report_.begin_input();
    logs_->begin_input();
    const InputResult result = work(index, *this);
    raise_exit_code(result.exit_code);
    if (result.is_done) {
      add_counters(result.counters, counters_);
      base_ += result.attempts;
    } else {  // what it gave before its output failed is not half reported: its ids are given again
      report_.forget_input();
      logs_->forget_input();
    }
    inputs_.insert(inputs_.end(), result.inputs.begin(), result.inputs.end());
    window_ = result.window;
  }

  void write_report_file() {
    if (options_.report.empty()) return;
    OutputFile file(options_.report);
    const auto put = [&file](std::string_view text) { file.write(proxytunnel::bytes_of(text)); };
    proxytunnel::ReportWriter writer(
        {{"pcap-unproxy", version, options_.command, all_libraries()}, was_interrupted_, window_}, put);
    for (const InputSummary& input : inputs_) writer.input(input);
    report_.write_entries(writer);
    writer.finish(counters_);
    file.finish();
  }

  void finish_logs() {
    proxytunnel::Time last = 0;
    for (const InputSummary& input : inputs_) last = std::max(last, input.last_time.value_or(last));
    logs_->finish(last);
  }

  void write_list_to_standard_output() {
    if (options_.list == List::none) return;
    OutputFile file("-");
    report_.write_list(list_width(), [&file](std::string_view text) { file.write(proxytunnel::bytes_of(text)); });
    file.finish();
  }

  const Options& options_;
  const StopFlag& stop_;
  std::vector<InputSummary> inputs_;
  std::optional<proxytunnel::WindowSummary> window_;
  ReportCounters counters_;
  ReportSpool report_;
  std::optional<LogFiles> logs_;
  TunnelId base_ = 0;  ///< of the input that gives lines
  std::string room_;
  int exit_code_ = exit_code::done;
  bool was_interrupted_ = false;
};

}  // namespace

int run(const Options& options, const StopFlag& stop) {
  if (options.list_files) return write_files_list(options, &stop);
  return Run(options, stop)();
}

}  // namespace unproxy
