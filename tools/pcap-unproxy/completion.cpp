// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a shell reads to complete the command line, made of the options as they are defined.
#include "completion.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace unproxy {
namespace {

/// How each shell completes a value that is none of some choices.
struct Completer {
  std::string_view value, bash, zsh, fish;
};

constexpr std::array completers = {
    Completer{"FILE", "return", "_files", "-rF"},
    Completer{"DIR", "compopt +o default -o dirnames; return", "_files -/", "-xa '(__fish_complete_directories)'"},
    Completer{"CMD", R"(COMPREPLY=($(compgen -c -- "$word")); return)", "_command_names -e",
              "-xa '(__fish_complete_command)'"},
};
constexpr Completer nothing{"", "compopt +o default; return", " ", "-x"};

const Completer& completer_of(const CompletedOption& option) {
  const auto* found = std::find_if(completers.begin(), completers.end(),
                                   [&](const Completer& completer) { return completer.value == option.value; });
  return found == completers.end() ? nothing : *found;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

bool is_long(const std::string& name) {
  return name.starts_with("--");
}

// ------------------------------------------------------------------------------------------------ bash

// Where nothing was found, and "default" was not taken away, readline completes a file.
constexpr const char* bash_begin = R"(# bash completion of pcap-unproxy, made by pcap-unproxy --completion bash
_pcap_unproxy() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words='' taken=''
  # To bash, --option=value is three words.
  if [[ $word == "=" ]]; then word='' before+='='
  elif [[ $before == "=" ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}=; fi
  case $before in
)";
constexpr const char* bash_end = R"(  esac
  compopt +o default
  COMPREPLY=($(compgen -P "$taken" -W "$words" -- "${word#"$taken"}"))
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -o default -F _pcap_unproxy pcap-unproxy
)";

/// What stands before a value.
std::string bash_pattern(const CompletedOption& option) {
  std::vector<std::string> words;
  if (!option.has_default) words = option.names;
  for (const std::string& name : option.names) {
    if (is_long(name)) words.push_back(name + "=");
  }
  return joined(words, " | ");
}

std::string bash_value(const CompletedOption& option) {
  if (option.choices.empty()) return std::string(completer_of(option).bash);
  return "words='" + joined(option.choices, " ") + (option.is_list ? R"(' taken=${word%"${word##*,}"})" : "'");
}

std::string bash(const std::vector<CompletedOption>& options) {
  std::string text = bash_begin;
  std::vector<std::string> names;
  for (const CompletedOption& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.value.empty()) continue;
    text += "    " + bash_pattern(option) + ") " + bash_value(option) + " ;;\n";
  }
  return text + "    *) [[ $word == -* ]] || return 0; words='" + joined(names, " ") + "' ;;\n" + bash_end;
}

// ------------------------------------------------------------------------------------------------ zsh

/// `hosts=` is a choice with a file behind it.
std::string zsh_list(const CompletedOption& option) {
  std::string text = "_values -s , " + option.value;
  for (const std::string& choice : option.choices) {
    text += " " + (choice.ends_with('=') ? choice.substr(0, choice.size() - 1) + "\\:FILE\\:_files" : choice);
  }
  return text;
}

std::string zsh_value(const CompletedOption& option) {
  if (option.value.empty()) return "";
  const std::string begin = (option.has_default ? "::" : ":") + option.value + ":";
  if (option.choices.empty()) return begin + std::string(completer_of(option).zsh);
  return begin + (option.is_list ? zsh_list(option) : "(" + joined(option.choices, " ") + ")");
}

std::string zsh(const std::vector<CompletedOption>& options) {
  std::string text =
      "#compdef pcap-unproxy\n"
      "# zsh completion of pcap-unproxy, made by pcap-unproxy --completion zsh\n"
      "_arguments -s -S \\\n";
  for (const CompletedOption& option : options) {
    const std::string instead_of = "(" + joined(option.names, " ") + ")";
    const std::string said = "[" + replaced(replaced(option.description, "[", "\\["), "]", "\\]") + "]";
    for (const std::string& name : option.names) {
      std::string spec = instead_of + name;
      if (!option.value.empty()) spec += !is_long(name) ? "+" : option.has_default ? "=-" : "=";
      spec += said + zsh_value(option);
      text += "  '" + replaced(spec, "'", R"('\'')") + "' \\\n";
    }
  }
  return text + "  '*:INPUT:_files'\n";
}

// ------------------------------------------------------------------------------------------------ fish

std::string fish_value(const CompletedOption& option) {
  if (option.value.empty()) return "";
  if (option.choices.empty()) return " " + std::string(completer_of(option).fish);
  const std::string words = joined(option.choices, " ");
  return (option.has_default ? " -fa '" : " -xa '") + (option.is_list ? "(__fish_append , " + words + ")" : words) +
         "'";
}

std::string fish(const std::vector<CompletedOption>& options) {
  std::string text = "# fish completion of pcap-unproxy, made by pcap-unproxy --completion fish\n";
  for (const CompletedOption& option : options) {
    text += "complete -c pcap-unproxy";
    for (const std::string& name : option.names) {
      text += is_long(name) ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    const std::string said = replaced(replaced(option.description, "\\", "\\\\"), "'", "\\'");
    text += fish_value(option) + " -d '" + said + "'\n";
  }
  return text;
}

}  // namespace

std::string completion(Shell shell, const std::vector<CompletedOption>& options) {
  switch (shell) {
    case Shell::bash:
      return bash(options);
    case Shell::zsh:
      return zsh(options);
    case Shell::fish:
      return fish(options);
  }
  return "";
}

}  // namespace unproxy
