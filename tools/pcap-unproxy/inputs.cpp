// SPDX-License-Identifier: GPL-2.0-or-later
// summary: directories among the inputs: the captures below them; and inputs that are streams.
#include "inputs.hpp"

#include <algorithm>
#include <filesystem>

#include "capture/open.hpp"

namespace unproxy {
namespace {

namespace fs = std::filesystem;

// By its name, so that what cannot be read is told; else by what is in it.
bool is_capture(const fs::path& path) {
  if (is_named_as_capture(path.filename().string())) return true;
  try {
    static_cast<void>(open_capture(path.string()));
    return true;
  } catch (const CaptureError&) {
    return false;
  }
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

// Where outputs may lie: what an earlier run wrote there is no input of this one.
bool is_ours(const fs::path& path, const Options& options) {
  std::error_code none;
  return (!options.output_dir.empty() && fs::equivalent(path, options.output_dir, none)) ||
         (!options.log_dir.empty() && fs::equivalent(path, options.log_dir, none));
}

bool is_stream(const std::string& input) {
  std::error_code none;
  const auto status = fs::status(input, none);
  return input == "-" || (fs::exists(status) && !is_regular_file(status) && !is_directory(status));
}

// What cannot be looked into is passed over, as other programs do.
std::vector<fs::path> captures_below(const fs::path& top, const Options& options) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator entries(top, fs::directory_options::skip_permission_denied, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const fs::path path = entries->path();
    std::error_code none;
    const bool is_directory = entries->is_directory(none) && !entries->is_symlink(none);
    if (is_directory && (is_hidden(path) || is_ours(path, options))) entries.disable_recursion_pending();
    if (!is_directory && !is_hidden(path) && entries->is_regular_file(none) && is_capture(path)) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void expand_directories(Options& options) {
  std::vector<std::string> inputs;
  for (const std::string& input : options.inputs) {
    std::error_code none;
    const bool is_directory = input != "-" && fs::is_directory(input, none);
    const auto found = is_directory ? captures_below(input, options) : std::vector<fs::path>();
    if (found.empty()) inputs.push_back(input);  // an empty directory cannot be read, and that is told in its turn
    for (const fs::path& path : found) {
      inputs.push_back(path.string());
      options.folders[inputs.back()] = path.lexically_relative(input).parent_path().string();
    }
  }
  options.inputs = std::move(inputs);
}

std::optional<std::string> first_stream(const Options& options) {
  const auto found = std::find_if(options.inputs.begin(), options.inputs.end(), is_stream);
  if (found == options.inputs.end()) return std::nullopt;
  return *found == "-" ? "standard input" : *found;
}

}  // namespace unproxy
