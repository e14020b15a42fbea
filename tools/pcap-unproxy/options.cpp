// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the command line asks for. Every option is defined here, once.
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <sstream>

#include "capture/open.hpp"
#include "capture/worker.hpp"
#include "command_line.hpp"
#include "completion.hpp"
#include "correlation/correlate_options.hpp"
#include "exit_code.hpp"
#include "inputs.hpp"
#include "live_options.hpp"
#include "log/log_files.hpp"
#include "names/synthetic_prefixes.hpp"
#include "replace_options.hpp"
#include "report/text.hpp"
#include "select_option.hpp"
#include "sequence_option.hpp"
#include "split_option.hpp"
#include "trust_option.hpp"

namespace unproxy {

const char* const version = UNPROXY_VERSION;

namespace {

constexpr const char* description =
    "Writes the traffic that clients sent through proxies (SOCKS, HTTP, PROXY\n"
    "protocol) as if there had been no proxy: one virtual conversation for each\n"
    "tunnel and origin, between the client and the real origin.";

constexpr const char* footer =
    "Examples:\n"
    "  pcap-unproxy in.pcapng --list\n"
    "  pcap-unproxy in.pcapng -w out.pcapng --report out.json\n"
    "  pcap-unproxy day/*.pcap.gz -d unproxied --layers leaf    (for an IDS)\n"
    "  tcpdump -w - | pcap-unproxy - --mode replace -w - | suricata -r /dev/stdin\n"
    "  pcap-unproxy in.pcapng --keylog sslkeys.log -w out.pcapng\n"
    "  pcap-unproxy -i eth0 -w out.pcapng    (until Ctrl-C)\n"
    "  pcap-unproxy -i eth0 -f \"tcp or port 53\" -w - | tshark -r -\n"
    "  pcap-unproxy -i eth0 -w out.pcapng -b filesize:100000 -b files:10\n"
    "\n"
    "Exit codes: 0 done; 1 done, but an input was damaged, cut short or interrupted;\n"
    "2 usage; 3 an input cannot be read; 4 the output cannot be written, or memory\n"
    "ran out.";

constexpr unsigned most_jobs = 1024;
constexpr std::size_t help_width = 80, help_indent = 27;

std::vector<std::string> protocols() {
  std::vector<std::string> names;
  names.reserve(proxytunnel::families.size());
  for (const auto& family : proxytunnel::families) names.emplace_back(family.option);
  return names;
}

std::string protocols_text() {
  std::string text;
  for (const std::string& name : protocols()) text += (text.empty() ? "protocols not to follow: " : ", ") + name;
  return text;
}

/// What CLI11 fills in before it is checked and turned into Options.
struct Raw {
  std::vector<std::string> disabled;
  std::vector<std::string> names = {"capture"};
  std::string synthetic4, synthetic6;
  std::vector<Log> logs;
  std::optional<std::string> select;
  std::optional<std::size_t> max_open_files;
  bool quiet = false, verbose = false, fix_checksums = false;
  Shell completion = Shell::bash;
  LiveWords live;
  CorrelateWords correlate;
  SequenceWords sequence;
};

// Lines that fit the right column.
std::string wrapped(const std::string& text) {
  std::string lines;
  std::size_t column = 0;
  std::istringstream words(text);
  for (std::string word; words >> word; column += word.size()) {
    if (column + 1 + word.size() > help_width - help_indent) {
      lines += '\n';
      column = 0;
    } else if (column != 0) {
      lines += ' ';
      ++column;
    }
    lines += word;
  }
  return lines;
}

/// A value that may be left out stands behind =.
bool has_default(const CLI::Option& option) {
  return option.get_items_expected_max() == 0 && !option.get_type_name().empty();
}

/// What CLI11 calls --list{table}, other programs call --list[=FORM].
class Formatter : public CLI::Formatter {
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, is_positional);
    return has_default(*option) ? name.substr(0, name.find('{')) + "[=" + option->get_type_name() + "]" : name;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return has_default(*option) ? "" : CLI::Formatter::make_option_opts(option);
  }
};

std::string help(CLI::App& app) {
  app.formatter(std::make_shared<Formatter>());
  app.get_formatter()->column_width(help_indent);
  for (CLI::Option* option : app.get_options()) option->description(wrapped(option->get_description()));
  return app.help();
}

/// CLI11's group of what --help does not show.
constexpr const char* hidden = "";

/// What may stand in a placeholder's place. CLI11 keeps it to itself.
using Choices = std::map<std::string, std::vector<std::string>>;

template <typename Value>
std::vector<std::string> words_of(const std::map<std::string, Value>& values) {
  std::vector<std::string> words;
  words.reserve(values.size());
  for (const auto& [word, value] : values) words.push_back(word);
  return words;
}

std::string none_of(const std::string& word, const std::vector<std::string>& words) {
  std::string text = "'" + word + "' is none of ";
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : ", ") + words[i];
  return text;
}

/// Takes one of the words for its value, and nothing else.
template <typename Value>
CLI::Validator one_of(const std::map<std::string, Value>& values) {
  const auto take = [values](std::string& word) {
    const auto found = values.find(word);
    if (found == values.end()) return none_of(word, words_of(values));
    word = std::to_string(static_cast<int>(found->second));
    return std::string();
  };
  return {take, ""};
}

CLI::Validator is_protocol() {
  const auto check = [](std::string& word) {
    const auto known = protocols();
    const bool is_known = std::find(known.begin(), known.end(), word) != known.end();
    return is_known ? std::string() : none_of(word, known);
  };
  return {check, ""};
}

Choices define(CLI::App& app, Options& options, Raw& raw) {
  const std::map<std::string, Format> formats = {{"pcapng", Format::pcapng}, {"pcap", Format::pcap}};
  const std::map<std::string, Link> links = {{"keep", Link::keep}, {"raw", Link::raw}, {"ethernet", Link::ethernet}};
  const std::map<std::string, Mode> modes = {{"virtual", Mode::virtual_packets}, {"replace", Mode::replace}};
  const std::map<std::string, Handshakes> handshakes = {{"keep", Handshakes::keep}, {"drop", Handshakes::drop}};
  const std::map<std::string, Layers> layers = {{"all", Layers::all}, {"leaf", Layers::leaf}};
  const std::map<std::string, List> lists = {{"table", List::table}, {"csv", List::csv}};
  const std::map<std::string, Log> logs = {{"zeek", Log::zeek}, {"csv", Log::csv}, {"ndjson", Log::ndjson}};
  const std::map<std::string, Engine> engines = {
      {"auto", Engine::automatic}, {"native", Engine::native}, {"tshark", Engine::tshark}};
  const std::map<std::string, Progress> progress = {
      {"auto", Progress::automatic}, {"always", Progress::always}, {"never", Progress::never}};

  app.add_option("INPUT", options.inputs, "capture files, or directories of them; - is standard input")
      ->type_name("FILE");

  app.option_defaults()->group("Output");
  app.add_option("-w,--write", options.write, "all virtual conversations in one file; - is standard output")
      ->type_name("FILE");
  app.add_option("-d,--output-dir", options.output_dir, "one output for each input: NAME.unproxied.pcapng")
      ->type_name("DIR");
  app.add_option("--split", options.split.by, "with -d, a file for each tunnel, client, origin, proxy or target")
      ->transform(one_of(split_words()))
      ->type_name("BY");
  app.add_option("--max-open-files", raw.max_open_files, "of --split, at once (256)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20).description(""))
      ->type_name("N");
  define_ring(app, raw.live);
  app.add_option("--mode", options.mode,
                 "virtual (default): only virtual packets; replace: the whole capture, with proxied payload moved into "
                 "its virtual conversations, as an IDS should read it")
      ->transform(one_of(modes))
      ->type_name("MODE");
  app.add_option("--handshakes", options.handshakes,
                 "with --mode replace: keep (default), or drop what remains of connections with proxies")
      ->transform(one_of(handshakes))
      ->type_name("WHAT");
  app.add_option("-F,--format", options.format, "output format: pcapng (default) or pcap")
      ->transform(one_of(formats))
      ->type_name("FORMAT");
  app.add_option("--link", options.link,
                 "link layer of packets: keep (default), raw (none), or ethernet where the capture has another, "
                 "for programs that cannot read that")
      ->transform(one_of(links))
      ->type_name("LAYER");
  app.add_option("--layers", options.layers, "all (default), or leaf: only tunnels in which no further one opened")
      ->transform(one_of(layers))
      ->type_name("WHICH");
  app.add_option("--view", options.view,
                 "what -w writes: lan (default), virtual conversations; wan, the other legs, as of their true clients")
      ->transform(one_of(view_words()))
      ->type_name("SIDE");
  app.add_option("--select", raw.select,
                 "only tunnels of which this is true, such as 'origin.port == 443 and client.address in 10.0.0.0/8'; "
                 "see pcap-unproxy(1)")
      ->type_name("EXPR");
  app.add_option("--report", options.report, "JSON report; - is standard output")->type_name("FILE");
  app.add_flag("--list{table}", options.list, "tunnels on standard output: table (default) or csv")
      ->transform(one_of(lists))
      ->type_name("FORM");
  app.add_option("--log", raw.logs, "logs of tunnels and their connections, in --log-dir: zeek, csv, ndjson")
      ->delimiter(',')
      ->transform(one_of(logs))
      ->type_name("FORMS");
  app.add_option("--log-dir", options.log_dir, "where logs are written")->type_name("DIR");
  app.add_flag("--log-json", options.log_json, "Zeek's logs as JSON");
  app.add_flag("--hash", options.hash, "SHA-256 of each input and of each direction's payload in the report");
  app.add_flag("--show-credentials", options.show_credentials, "do not redact passwords");
  app.add_flag("--fix-checksums", raw.fix_checksums, "compute every checksum anew");

  app.option_defaults()->group("Input");
  app.add_option("-f,--filter", options.filter, "only packets that match a capture filter")->type_name("BPF");
  app.add_option("--keylog", options.keylog, "TLS key log (SSLKEYLOGFILE) for sessions with proxies inside TLS")
      ->check(CLI::ExistingFile.description(""))
      ->type_name("FILE");
  app.add_option("--engine", options.engine,
                 "what reads TLS: auto (default; tshark where there are keys), native (nothing does) or tshark")
      ->transform(one_of(engines))
      ->type_name("ENGINE");
  app.add_option("--tshark", options.tshark, "command that runs tshark with the proxytunnel plugin (tshark)")
      ->type_name("CMD");

  define_live(app, raw.live);

  app.option_defaults()->group("Origins and their names");
  app.add_option("--names", raw.names, "where names may come from: capture (default), hosts=FILE, live")
      ->delimiter(',')
      ->type_name("SOURCES");
  app.add_option("--synthetic4", raw.synthetic4, "prefix of synthetic IPv4 addresses (198.18.0.0/15)")
      ->type_name("NET");
  app.add_option("--synthetic6", raw.synthetic6, "prefix of synthetic IPv6 addresses (fd70:726f:7879::/48)")
      ->type_name("NET");

  define_correlate(app, raw.correlate, options);

  app.option_defaults()->group("What is followed");
  app.add_option("--disable", raw.disabled, protocols_text())
      ->delimiter(',')
      ->check(is_protocol())
      ->type_name("PROTOCOLS");
  app.add_flag("--forward-without-proof", options.tracker.forward_without_proof,
               "an absolute URI alone makes a server a proxy");
  define_trust(app, options.tracker.trusted);
  app.add_option("--max-connections", options.tracker.connections, "connections tracked at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 31).description(""))
      ->type_name("N");

  app.option_defaults()->group("Many inputs");
  app.add_option("-j,--jobs", options.jobs, "inputs side by side; 0: as many as there are cores")
      ->check(CLI::Range(0U, most_jobs).description(""))
      ->type_name("N");
  define_sequence(app, raw.sequence, options);

  app.option_defaults()->group("Messages");
  app.add_option("--progress", options.progress, "auto (default), always or never")
      ->transform(one_of(progress))
      ->type_name("WHEN");
  app.add_flag("-q,--quiet", raw.quiet, "only errors");
  app.add_flag("-v,--verbose", raw.verbose, "what was passed over, and why");

  const std::map<std::string, Shell> shells = {{"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}};
  const auto leave = [&raw](Shell shell) {
    raw.completion = shell;
    throw CLI::Success();
  };
  // At once, as CLI11 misses the inputs before it calls back from 2.6 on.
  app.add_option_function<Shell>("--completion", leave)->transform(one_of(shells))->group(hidden)->trigger_on_parse();

  return {{"FORMAT", words_of(formats)},   {"MODE", words_of(modes)},
          {"WHAT", words_of(handshakes)},  {"LAYER", words_of(links)},
          {"WHICH", words_of(layers)},     {"FORM", words_of(lists)},
          {"FORMS", words_of(logs)},       {"SOURCES", {"capture", "hosts=", "live"}},
          {"PROTOCOLS", protocols()},      {"ENGINE", words_of(engines)},
          {"WHEN", words_of(progress)},    {"BY", words_of(split_words())},
          {"SIDE", words_of(view_words())}};
}

std::vector<CompletedOption> completed_options(const CLI::App& app, const Choices& choices) {
  std::vector<CompletedOption> completed;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_group() == hidden) continue;
    CompletedOption& to = completed.emplace_back();
    for (const std::string& name : option->get_snames()) to.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) to.names.push_back("--" + name);
    to.description = option->get_description();
    to.has_default = has_default(*option);
    if (to.has_default || option->get_items_expected_max() > 0) to.value = option->get_type_name();
    if (const auto found = choices.find(to.value); found != choices.end()) to.choices = found->second;
    to.is_list = option->get_delimiter() != '\0';
  }
  return completed;
}

using Complaint = std::optional<std::string>;

Complaint take_names(const Raw& raw, NameSources& names) {
  names = NameSources{false, false, {}};
  for (const std::string& source : raw.names) {
    if (source == "capture") {
      names.capture = true;
    } else if (source == "live") {
      names.live = true;
    } else if (source.starts_with("hosts=") && source.size() > 6) {
      names.hosts_files.push_back(source.substr(6));
    } else {
      return "--names: " + none_of(source, {"capture", "hosts=FILE", "live"});
    }
  }
  return std::nullopt;
}

Complaint take_prefix(const char* option, const std::string& text, unsigned version, proxytunnel::Prefix& prefix) {
  if (text.empty()) return std::nullopt;
  const auto parsed = proxytunnel::parse_synthetic_prefix(text, version);
  if (!parsed) {
    return std::string(option) + ": '" + text + "' is no IPv" + std::to_string(version) + " prefix of at most " +
           std::to_string(proxytunnel::longest_synthetic_prefix(version)) + " bits";
  }
  prefix = *parsed;
  return std::nullopt;
}

// Where an output will be, whether it is there or not: the name behind links that lead to nothing yet, too.
std::string final_name(std::filesystem::path path) {
  constexpr int most_links = 40;  // as the system follows
  std::error_code error;
  for (int i = 0; i < most_links && std::filesystem::is_symlink(path, error); ++i) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  }
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path), error).string();
}

Complaint check_outputs(const Options& options) {
  if (options.inputs.empty()) return "INPUT is required, or -i IFACE";
  const bool writes = !options.write.empty() || !options.output_dir.empty();
  if (options.list_files) return std::nullopt;
  if (!writes && options.report.empty() && options.list == List::none && options.logs.empty()) {
    return "nothing to do: give -w FILE, -d DIR, --report FILE, --list or --log FORMS";
  }
  if (!options.logs.empty() && options.log_dir.empty()) return "--log needs --log-dir DIR";
  if (options.logs.empty() && !options.log_dir.empty()) return "--log-dir needs --log FORMS";
  if (options.log_json && !options.logs.contains(Log::zeek)) return "--log-json needs --log zeek";
  if (!options.write.empty() && !options.output_dir.empty()) return "-w and -d cannot be given together";
  if (!options.write.empty() && options.inputs.size() > 1 && !options.sequence) {
    return "several inputs need -d DIR instead of -w FILE, or --sequence if they are one capture";
  }
  if (options.engine == Engine::native && !options.keylog.empty()) return "--keylog is of no use with --engine native";
  if (std::count(options.inputs.begin(), options.inputs.end(), "-") > 1) return "standard input is given twice";
  const int on_stdout = int{options.write == "-"} + int{options.report == "-"} + int{options.list != List::none};
  if (on_stdout > 1) return "two outputs want standard output";

  std::vector<std::string> outputs;
  if (!options.write.empty()) outputs.push_back(options.write);
  if (!options.report.empty()) outputs.push_back(options.report);
  if (!options.output_dir.empty()) {
    for (const auto& input : options.inputs) outputs.push_back(output_name(options, input));
    if (options.sequence) outputs.resize(outputs.size() - options.inputs.size() + 1);
  }
  for (std::string& path : log_paths(options)) outputs.push_back(std::move(path));
  std::vector<std::string> inputs;
  if (!options.live) inputs = options.inputs;
  inputs.insert(inputs.end(), options.names.hosts_files.begin(), options.names.hosts_files.end());
  inputs.insert(inputs.end(), options.wan.begin(), options.wan.end());
  if (!options.keylog.empty()) inputs.push_back(options.keylog);
  std::set<std::string> seen;
  for (const std::string& output : outputs) {
    if (output == "-") continue;
    if (!seen.insert(final_name(output)).second) return "two outputs would be written to " + output;
    std::error_code none;
    if (!std::filesystem::exists(output, none)) continue;
    for (const auto& input : inputs) {
      if (input != "-" && same_file(input, output)) return output + " is an input: it would be overwritten";
    }
  }
  return std::nullopt;
}

void take_disabled(const Raw& raw, proxytunnel::Families& disabled) {
  for (const auto& family : proxytunnel::families) {
    const bool is_named = std::find(raw.disabled.begin(), raw.disabled.end(), family.option) != raw.disabled.end();
    if (is_named) disabled.add(family.family);
  }
}

Complaint finish(const Raw& raw, Options& options) {
  options.verbosity = raw.quiet ? Verbosity::quiet : raw.verbose ? Verbosity::verbose : Verbosity::normal;
  if (raw.fix_checksums) options.tracker.checksums = proxytunnel::Checksums::compute;
  take_disabled(raw, options.tracker.disabled);
  if (options.jobs == 0) options.jobs = cores();
  options.logs.insert(raw.logs.begin(), raw.logs.end());
  options.tracker.accounts = options.logs.contains(Log::zeek);
  if (auto complaint = take_names(raw, options.names)) return complaint;
  options.tracker.names_from_capture = options.names.capture;
  if (auto complaint = take_prefix("--synthetic4", raw.synthetic4, 4, options.tracker.synthetic4)) return complaint;
  if (auto complaint = take_prefix("--synthetic6", raw.synthetic6, 6, options.tracker.synthetic6)) return complaint;
  if (auto complaint = take_live(raw.live, options)) return complaint;
  if (!options.live) expand_directories(options);
  if (auto complaint = take_listed_files(raw.sequence, options)) return complaint;
  if (auto complaint = take_correlate(raw.correlate, options)) return complaint;
  if (auto complaint = take_sequence(raw.sequence, options)) return complaint;
  if (auto complaint = check_replace(options)) return complaint;
  if (auto complaint = check_select(options)) return complaint;
  if (auto complaint = take_split(raw.max_open_files, options)) return complaint;
  return check_outputs(options);
}

constexpr std::array<std::string_view, 3> compressed_endings = {".gz", ".zst", ".lz4"};
constexpr std::array<std::string_view, 3> capture_endings = {".pcapng", ".pcap", ".cap"};

template <class Endings>
std::string_view without_ending(std::string_view name, const Endings& endings) {
  for (const std::string_view ending : endings) {
    if (name.size() > ending.size() && name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  return name;
}

Leave list_interfaces() {
  try {
    return {exit_code::done, interfaces_text()};
  } catch (const CaptureError& error) {
    return {exit_code::unreadable_input, std::string("pcap-unproxy: ") + error.what() + "\n"};
  }
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, const char* const* argv) {
  CLI::App app(description, "pcap-unproxy");
  app.footer(footer);
  app.set_version_flag("--version", std::string("pcap-unproxy ") + version);
  Options options;
  Raw raw;
  const Choices choices = define(app, options, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Leave{exit_code::done, help(app)};
  } catch (const CLI::CallForVersion&) {
    return Leave{exit_code::done, app.version() + "\n"};
  } catch (const CLI::Success&) {
    return Leave{exit_code::done, completion(raw.completion, completed_options(app, choices))};
  } catch (const CLI::ParseError& error) {
    return Leave{exit_code::usage, std::string("pcap-unproxy: ") + error.what() + "; see --help\n"};
  }
  if (raw.live.list_interfaces) return list_interfaces();
  if (const auto complaint = take_select(raw.select, options)) return Leave{exit_code::usage, *complaint};
  if (const auto complaint = finish(raw, options)) {
    return Leave{exit_code::usage, "pcap-unproxy: " + proxytunnel::printable(*complaint) + "; see --help\n"};
  }
  options.command = deciding_words(argc, argv);
  return options;
}

bool is_named_as_capture(std::string_view name) noexcept {
  const std::string_view stem = without_ending(name, compressed_endings);
  return without_ending(stem, capture_endings) != stem;
}

std::string output_name(const Options& options, const std::string& input) {
  const std::string name = input == "-" ? "stdin" : std::filesystem::path(input).filename().string();
  std::string stem(without_ending(without_ending(name, compressed_endings), capture_endings));
  stem += options.format == Format::pcapng ? ".unproxied.pcapng" : ".unproxied.pcap";
  std::filesystem::path folder = options.output_dir;
  const auto found = options.folders.find(input);
  if (found != options.folders.end()) folder /= found->second;
  return (folder / stem).string();
}

}  // namespace unproxy
