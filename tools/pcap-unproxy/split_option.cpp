// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --split on the command line.
#include "split_option.hpp"

#include <filesystem>

namespace unproxy {

const std::map<std::string, SplitBy>& split_words() {
  static const std::map<std::string, SplitBy> words = {{"tunnel", SplitBy::tunnel},
                                                       {"client", SplitBy::client},
                                                       {"origin", SplitBy::origin},
                                                       {"proxy", SplitBy::proxy},
                                                       {"target", SplitBy::target}};
  return words;
}

std::optional<std::string> take_split(std::optional<std::size_t> max_open_files, Options& options) {
  Split& split = options.split;
  if (!split.is_on()) {
    if (max_open_files) return "--max-open-files is for --split";
    return std::nullopt;
  }
  if (options.ring.is_on()) return "-b and --split cannot be given together: files are divided by time or by tunnel";
  if (options.output_dir.empty()) return "--split needs -d DIR";
  // Whose name could be that of a group.
  const std::filesystem::path report = std::filesystem::path(options.report).filename();
  for (const char* const ending : {".unproxied.pcapng", ".unproxied.pcap"}) {
    if (report.string().ends_with(ending)) return "with --split no report may be called *" + std::string(ending);
  }
  if (max_open_files) split.max_open_files = *max_open_files;
  if (!options.live) split.inputs = options.inputs;
  split.inputs.insert(split.inputs.end(), options.names.hosts_files.begin(), options.names.hosts_files.end());
  split.inputs.insert(split.inputs.end(), options.wan.begin(), options.wan.end());
  if (!options.keylog.empty()) split.inputs.push_back(options.keylog);
  return std::nullopt;
}

}  // namespace unproxy
