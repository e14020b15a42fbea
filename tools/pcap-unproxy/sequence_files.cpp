// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --files-from and --list-files: the files of a sequence as a list, with what tells their order.
#include "sequence_files.hpp"

#include <fstream>
#include <iostream>
#include <string_view>

#include "base/bytes.hpp"
#include "capture/output_file.hpp"
#include "exit_code.hpp"
#include "input_run.hpp"
#include "report/text.hpp"
#include "select/literal.hpp"

namespace unproxy {
namespace {

constexpr std::string_view head = "first_time\tfile";
/// In the place of a time: the file has no packet, or cannot be read.
constexpr std::string_view no_time = "-";

std::string complaint_about(const std::string& list, std::size_t line, const char* what) {
  return "--files-from: " + list + ", line " + std::to_string(line) + ": " + what;
}

const char* take_name(std::string_view name, Options& options) {
  if (name.empty()) return "names no file";
  if (name == "-") return "is standard input, which is no file";
  options.inputs.emplace_back(name);
  return nullptr;
}

// A line of what --list-files wrote.
const char* take_listed(std::string_view line, Options& options) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return "is not a time, a tab and a file";
  const std::string_view time = line.substr(0, tab);
  if (const char* what = take_name(line.substr(tab + 1), options)) return what;
  if (time == no_time) return nullptr;
  const auto parsed = proxytunnel::parse_time(time);
  if (!parsed) return "does not begin with a time";
  options.first_times[options.inputs.back()] = *parsed;
  return nullptr;
}

std::optional<std::string> take_lines(std::istream& lines, const std::string& list, Options& options) {
  bool has_times = false;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (number == 1 && line == head) {
      has_times = true;
    } else if (const char* what = has_times ? take_listed(line, options) : take_name(line, options)) {
      return complaint_about(list, number, what);
    }
  }
  if (lines.bad()) return "--files-from: " + list + " cannot be read";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> take_files_list(const std::string& list, Options& options) {
  if (list == "-") return take_lines(std::cin, "standard input", options);
  std::ifstream file(list);
  if (!file) return "--files-from: cannot open " + list;
  return take_lines(file, list, options);
}

int write_files_list(const Options& options, const StopFlag* stop) try {
  int code = exit_code::done;
  OutputFile output("-");
  const auto put = [&output](std::string_view text) { output.write(proxytunnel::bytes_of(text)); };
  put(std::string(head) + "\n");
  for (const SequenceFile& file : in_order_of_time(options.inputs, options.first_times, stop)) {
    if (!file.unreadable.empty()) {
      complain(file.unreadable);
      code = exit_code::unreadable_input;
    }
    put((file.first_time ? proxytunnel::rfc3339(*file.first_time) : std::string(no_time)) + "\t" + file.path + "\n");
  }
  output.finish();
  return code;
} catch (const OutputError& error) {
  complain(error.what());
  return exit_code::unwritable_output;
}

}  // namespace unproxy
