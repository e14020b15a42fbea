// SPDX-License-Identifier: GPL-2.0-or-later
// summary: pcap-unproxy in Wireshark's list of interfaces: what extcap asks for, as our own options.
#include "extcap.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "capture/file_descriptor.hpp"
#include "capture/interfaces.hpp"
#include "exit_code.hpp"
#include "filter.hpp"
#include "report/text.hpp"

namespace unproxy {
namespace {

/// Before the name of the interface that is captured from.
constexpr std::string_view prefix = "proxytunnel-";

/// What Wireshark may say. The rest of its words are options of ours, which arguments_text() offered.
struct Words {
  bool wants_interfaces = false, wants_dlts = false, wants_arguments = false, captures = false;
  std::string interface, fifo, filter;
  std::vector<std::string> ours;
};

struct Switch {
  std::string_view name;
  bool Words::*said;
};
constexpr Switch switches[] = {{"--extcap-interfaces", &Words::wants_interfaces},
                               {"--extcap-dlts", &Words::wants_dlts},
                               {"--extcap-config", &Words::wants_arguments},
                               {"--capture", &Words::captures}};

struct Value {
  std::string_view name;
  std::string Words::*said;  ///< null: of no concern
};
constexpr Value values[] = {{"--extcap-interface", &Words::interface},
                            {"--fifo", &Words::fifo},
                            {"--extcap-capture-filter", &Words::filter},
                            {"--extcap-version", nullptr},
                            {"--extcap-control-in", nullptr},
                            {"--extcap-control-out", nullptr},
                            {"--extcap-reload-option", nullptr},
                            {"--log-level", nullptr},
                            {"--log-file", nullptr}};

template <class Named, std::size_t count>
const Named* find(const Named (&all)[count], std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(all), std::end(all), [name](const Named& one) { return one.name == name; });
  return found == std::end(all) ? nullptr : found;
}

// --name VALUE or --name=VALUE
Words words_of(int argc, const char* const* argv) {
  Words words;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string_view name = word.substr(0, equals);
    if (const Switch* found = find(switches, word)) {
      words.*found->said = true;
    } else if (const Value* known = find(values, name)) {
      std::string value;
      if (equals < word.size()) {
        value = word.substr(equals + 1);
      } else if (i + 1 < argc) {
        value = argv[++i];
      }
      if (known->said != nullptr) words.*known->said = value;
    } else if (!word.starts_with("--extcap-")) {  // of a later Wireshark
      words.ours.emplace_back(word);
    }
  }
  return words;
}

// Of its language, a brace ends a value, and nothing escapes it.
bool can_be_said(const std::string& text) {
  return proxytunnel::printable(text) == text && text.find_first_of("{}") == std::string::npos;
}

std::string list_text() {
  std::string text = "extcap {version=" + std::string(version) + "}{help=man:pcap-unproxy(1)}\n";
  for (const SystemInterface& interface : system_interfaces()) {
    if (!interface.is_up() || !can_be_said(interface.name)) continue;
    text += "interface {value=" + std::string(prefix) + interface.name + "}{display=Proxy tunnels on " +
            interface.name + "}\n";
  }
  return text;
}

// In the FIFO is pcapng, which says for itself what its link types are.
constexpr const char* dlts_text = "dlt {number=147}{name=USER0}{display=Virtual conversations}\n";

constexpr const char* arguments_text =
    "arg {number=0}{call=--no-promiscuous-mode}{display=Only packets from and to this system}{type=boolflag}"
    "{default=false}{tooltip=No promiscuous mode}\n"
    "arg {number=1}{call=--buffer-size}{display=Buffer of the kernel (MiB)}{type=integer}{range=1,2047}{default=16}"
    "{tooltip=A larger one loses fewer packets}\n"
    "arg {number=2}{call=--forward-without-proof}{display=An absolute URI alone makes a server a proxy}"
    "{type=boolflag}{default=false}\n";

// Before anything can go wrong: whoever reads the FIFO waits until somebody has opened it, and reads on until it is
// closed.
void open_fifo(const std::string& path) {
  const FileDescriptor fifo(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!fifo.is_open() || ::dup2(fifo.number(), STDOUT_FILENO) < 0) {
    throw OutputError("cannot write " + path + ": " + std::strerror(errno));
  }
}

std::variant<Options, Leave> capture(const Words& words) {
  open_fifo(words.fifo);
  std::vector<std::string> ours = {"pcap-unproxy", "--quiet", "--interface", words.interface, "--write", "-"};
  if (!words.filter.empty()) ours.insert(ours.end(), {"--filter", words.filter});
  ours.insert(ours.end(), words.ours.begin(), words.ours.end());
  std::vector<const char*> argv;
  argv.reserve(ours.size());
  for (const std::string& word : ours) argv.push_back(word.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

// Nothing on standard output: it is right.
Leave check_filter(const std::string& filter) {
  try {
    const Filter compiled(filter);
    return {exit_code::done, ""};
  } catch (const UsageError& error) {
    return {exit_code::done, std::string(error.what()) + "\n"};
  }
}

}  // namespace

bool is_extcap(int argc, const char* const* argv) {
  return std::any_of(argv + std::min(argc, 1), argv + argc,
                     [](std::string_view word) { return word.starts_with("--extcap-"); });
}

std::variant<Options, Leave> parse_extcap(int argc, const char* const* argv) try {
  Words words = words_of(argc, argv);
  if (words.wants_interfaces) return Leave{exit_code::done, list_text()};
  if (!words.interface.starts_with(prefix)) {
    return Leave{exit_code::usage, "pcap-unproxy: --extcap-interface wants a name that --extcap-interfaces gave\n"};
  }
  words.interface.erase(0, prefix.size());
  if (words.wants_dlts) return Leave{exit_code::done, dlts_text};
  if (words.wants_arguments) return Leave{exit_code::done, arguments_text};
  if (!words.captures) return check_filter(words.filter);
  if (words.fifo.empty()) return Leave{exit_code::usage, "pcap-unproxy: --capture wants --fifo FILE\n"};
  return capture(words);
} catch (const OutputError& error) {
  return Leave{exit_code::unwritable_output, "pcap-unproxy: " + proxytunnel::printable(error.what()) + "\n"};
} catch (const CaptureError& error) {
  return Leave{exit_code::unreadable_input, "pcap-unproxy: " + proxytunnel::printable(error.what()) + "\n"};
}

}  // namespace unproxy
