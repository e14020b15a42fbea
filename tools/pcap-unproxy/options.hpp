// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the command line asks for.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "capture/capture_files.hpp"
#include "capture/live_reader.hpp"
#include "capture/split_files.hpp"
#include "select/expression.hpp"
#include "tracker/tracker.hpp"
#include "window.hpp"

namespace unproxy {

enum class Mode { virtual_packets, replace };
enum class Handshakes { keep, drop };
enum class Layers { all, leaf };
enum class Engine { automatic, native, tshark };
enum class List { none, table, csv };
enum class Log { zeek, csv, ndjson };
enum class Progress { automatic, always, never };
enum class View { lan, wan };
enum class Verbosity { quiet, normal, verbose };

/// Where names may come from, besides the requests themselves.
struct NameSources {
  bool capture = true;
  bool live = false;
  std::vector<std::string> hosts_files;
};

struct Options {
  std::vector<std::string> inputs;             ///< no directories, but those without captures
  std::map<std::string, std::string> folders;  ///< of inputs that were found below a directory: where, seen from there
  std::optional<LiveSource> live;              ///< the only input is an interface
  std::string write;                           ///< empty: none
  std::string output_dir;                      ///< empty: none
  std::string report;                          ///< empty: none
  List list = List::none;
  std::set<Log> logs;
  std::string log_dir;    ///< where they are
  bool log_json = false;  ///< Zeek's logs as JSON
  bool hash = false;
  bool show_credentials = false;
  unsigned jobs = 1;                                     ///< inputs at once, at least 1
  bool sequence = false;                                 ///< the inputs are one capture
  std::optional<Window> window;                          ///< of it; absent: all of it
  std::map<std::string, proxytunnel::Time> first_times;  ///< of its files, where they are known
  bool list_files = false;                               ///< of it, in their order, and nothing else
  Mode mode = Mode::virtual_packets;
  Handshakes handshakes = Handshakes::keep;
  Layers layers = Layers::all;
  Format format = Format::pcapng;
  Link link = Link::keep;
  Ring ring;                                      ///< of `write`
  Split split;                                    ///< in `output_dir`
  std::optional<proxytunnel::Expression> select;  ///< absent: every tunnel
  NameSources names;
  View view = View::lan;                  ///< which side of proxies is exported
  bool correlate = false;                 ///< other legs are looked for in the same input
  std::vector<std::string> wan;           ///< and in these captures
  std::optional<proxytunnel::Time> skew;  ///< how far clocks may be apart; absent: any distance
  std::string filter;                     ///< empty: every packet
  Engine engine = Engine::automatic;
  std::string keylog;  ///< a TLS key log; empty: none
  std::string tshark = "tshark";
  Progress progress = Progress::automatic;
  Verbosity verbosity = Verbosity::normal;
  std::vector<std::string> command;  ///< how the program was called (command_line.hpp)
  proxytunnel::TrackerOptions tracker;
};

/// What the program is to do instead: print words and leave with an exit code (--help, --version, usage errors).
struct Leave {
  int exit_code;
  std::string words;  ///< to standard output if the code is 0, else to standard error
};

/// Reads the command line; checks everything that can be known before an input is opened: that there is something to
/// do, that no two outputs have one name, that no output is an input.
std::variant<Options, Leave> parse_options(int argc, const char* const* argv);

/// The file for one input with --output-dir: DIR/NAME.unproxied.pcapng, where NAME is the input's file name without
/// the endings that captures have; what was found below a directory lies in the same folders below DIR.
std::string output_name(const Options& options, const std::string& input);
/// Whether a file name ends as those of captures do.
bool is_named_as_capture(std::string_view name) noexcept;

extern const char* const version;

}  // namespace unproxy
