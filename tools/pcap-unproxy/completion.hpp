// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a shell reads to complete the command line, made of the options as they are defined.
#pragma once

#include <string>
#include <vector>

namespace unproxy {

enum class Shell { bash, zsh, fish };

/// An option as a shell completes it.
struct CompletedOption {
  std::vector<std::string> names;  ///< with their dashes
  std::string description;
  std::string value;                 ///< the placeholder of its value, such as FILE; empty: it takes none
  std::vector<std::string> choices;  ///< what the value may be; empty: the placeholder says what is completed
  bool has_default = false;          ///< a value may follow behind =, and only there
  bool is_list = false;              ///< several choices, with commas between them
};

/// The completions of pcap-unproxy, in the shell's language. Whatever is no option is a file.
std::string completion(Shell shell, const std::vector<CompletedOption>& options);

}  // namespace unproxy
