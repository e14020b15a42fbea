// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --sequence and --window on the command line, and which options go together with them.
#include "sequence_option.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>

#include "inputs.hpp"
#include "sequence_files.hpp"

namespace unproxy {
namespace {

using Complaint = std::optional<std::string>;

constexpr std::size_t most_files = std::size_t{1} << 24;  // that a frame number tells apart

Complaint check_sequence(const Options& options) {
  if (options.live) return "--sequence is for the files of one capture; -i captures anew";
  // What has a time was looked into before.
  const bool is_all_known = options.first_times.size() == options.inputs.size();
  if (const auto stream = is_all_known ? std::nullopt : first_stream(options)) {
    return "--sequence looks for the first time stamp of each file before it reads them, and " + *stream +
           " cannot be read twice: give files";
  }
  if (options.engine == Engine::tshark || !options.keylog.empty()) {
    return "--sequence cannot decrypt, since tshark reads one file: put the files together with mergecap, and give "
           "that one";
  }
  return std::nullopt;
}

// A number, and nothing else.
std::optional<std::size_t> number_in(std::string_view text) {
  std::size_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// Counted from 1, as people do.
Complaint take_window(const std::string& text, std::size_t files, Window& window) {
  constexpr std::string_view between = "..";
  const std::string complaint = "--window: '" + text + "' ";
  const std::size_t dots = text.find(between);
  if (dots == std::string::npos) return complaint + "is not FIRST..LAST, such as 3..5";
  const auto first = number_in(std::string_view(text).substr(0, dots));
  const auto last = number_in(std::string_view(text).substr(dots + between.size()));
  if (!first || !last) return complaint + "is not FIRST..LAST, such as 3..5";
  if (*first == 0) return complaint + "begins before the first file, which is 1";
  if (*first > *last) return complaint + "ends before it begins";
  if (*last > files) {
    return complaint + "ends behind the last file: the sequence has " + std::to_string(files) +
           (files == 1 ? " file" : " files");
  }
  window.first = *first - 1;
  window.last = *last - 1;
  return std::nullopt;
}

Complaint check_window(const Options& options) {
  if (options.mode == Mode::replace) {
    return "--mode replace writes packets of all connections, and those of a window go on in others: it needs the "
           "whole "
           "--sequence";
  }
  if (options.correlate || !options.wan.empty()) {
    return "--correlate and --wan compare all tunnels with all legs: they need the whole --sequence";
  }
  return std::nullopt;
}

}  // namespace

void define_sequence(CLI::App& app, SequenceWords& words, Options& options) {
  app.add_flag("--sequence", options.sequence,
               "the inputs are one capture that was cut into files, as a ring buffer leaves it");
  app.add_option("--files-from", words.files_from, "of a sequence, the files are those that FILE names, one in a line")
      ->type_name("FILE");
  app.add_flag("--list-files", options.list_files,
               "the files of a sequence in their order, for --window, and as a list for --files-from; nothing else is "
               "done");
  app.add_option("--window", words.window,
                 "of a sequence, only what began in these files of it, counted from 1; others are read as far as that "
                 "needs them")
      ->type_name("FIRST..LAST");
  const auto add_look = [&app](const char* name, std::optional<std::size_t>& files, const char* what) {
    app.add_option(name, files, what)->check(CLI::Range(std::size_t{0}, most_files).description(""))->type_name("N");
  };
  add_look("--look-back", words.look_back, "so many files before the window are read (all)");
  add_look("--look-ahead", words.look_ahead, "and at most so many behind it (until all that began in it is over)");
}

std::optional<std::string> take_listed_files(const SequenceWords& words, Options& options) {
  if (words.files_from.empty()) return std::nullopt;
  if (!options.sequence) return "--files-from is for --sequence";
  return take_files_list(words.files_from, options);
}

std::optional<std::string> take_sequence(const SequenceWords& words, Options& options) {
  if (!words.window && (words.look_back || words.look_ahead)) {
    return "--look-back and --look-ahead are for --window FIRST..LAST";
  }
  if (words.window && !options.sequence) return "--window is for --sequence";
  if (options.list_files && !options.sequence) return "--list-files is for --sequence";
  if (!options.sequence) return std::nullopt;
  if (auto complaint = check_sequence(options)) return complaint;
  if (!words.window) return std::nullopt;
  Window& window = options.window.emplace();
  if (auto complaint = take_window(*words.window, options.inputs.size(), window)) return complaint;
  window.look_back = words.look_back;
  window.look_ahead = words.look_ahead;
  return check_window(options);
}

}  // namespace unproxy
