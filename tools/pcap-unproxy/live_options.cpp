// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the options of captures from an interface, and of rings of output files, with dumpcap's names.
#include "live_options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <string_view>

#include "capture/interfaces.hpp"
#include "report/text.hpp"

namespace unproxy {
namespace {

using Complaint = std::optional<std::string>;

/// Of the kernel, which counts bytes in an int.
constexpr std::uint32_t most_buffer = 2047;
/// A thousand million; as many nanoseconds fit into a Time.
constexpr double most_seconds = 1e9;

struct Condition {
  std::string_view name, value;
};

Condition condition_of(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos) return {word, {}};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && rest == text.data() + text.size() && number > 0;
}

bool parse_count(std::string_view text, std::uint64_t unit, std::uint64_t& count) {
  if (!parse(text, count) || count > UINT64_MAX / unit) return false;
  count *= unit;
  return true;
}

bool parse_seconds(std::string_view text, std::chrono::nanoseconds& duration) {
  double seconds = 0;
  if (!parse(text, seconds) || !(seconds <= most_seconds)) return false;
  duration = std::chrono::nanoseconds(std::llround(std::ceil(seconds * 1e9)));
  return true;
}

Complaint take_autostop(const LiveWords& words, LiveSource& source) {
  for (const std::string& word : words.autostop) {
    const auto [name, value] = condition_of(word);
    const bool is_known = name == "duration" && parse_seconds(value, source.duration);
    if (!is_known) return "-a: '" + word + "' is not duration:SECONDS";
  }
  return std::nullopt;
}

Complaint take_ring(const LiveWords& words, Options& options) {
  constexpr std::uint64_t kilobyte = 1000;  // as dumpcap has it
  Ring& ring = options.ring;
  for (const std::string& word : words.ring) {
    const auto [name, value] = condition_of(word);
    std::chrono::nanoseconds duration{};
    const bool is_known = (name == "filesize" && parse_count(value, kilobyte, ring.bytes)) ||
                          (name == "packets" && parse_count(value, 1, ring.packets)) ||
                          (name == "files" && parse_count(value, 1, ring.files)) ||
                          (name == "duration" && parse_seconds(value, duration));
    if (!is_known) return "-b: '" + word + "' is none of filesize:KB, duration:SECONDS, packets:N, files:N";
    if (duration.count() != 0) ring.duration = duration.count();
  }
  if (words.ring.empty()) return std::nullopt;
  if (!ring.is_on()) return "-b files:N says how many, not how long: add filesize:KB, duration:SECONDS or packets:N";
  if (options.write.empty() || options.write == "-") return "-b needs files: give -w FILE";
  ring.inputs = options.inputs;
  ring.inputs.insert(ring.inputs.end(), options.names.hosts_files.begin(), options.names.hosts_files.end());
  if (!options.keylog.empty()) ring.inputs.push_back(options.keylog);
  return std::nullopt;
}

// Packets of an interface come once, and nobody else sees them.
Complaint check_live(const Options& options) {
  if (!options.inputs.empty()) return "-i and an input file cannot be given together: run it twice";
  if (options.live->interface == "-") return "-i - is no interface; standard input is the input -";
  if (options.layers == Layers::leaf) {
    return "--layers leaf reads its input twice, and an interface cannot be: capture with all layers (-w FILE), then "
           "run it on the capture of the interface";
  }
  if (options.engine == Engine::tshark || !options.keylog.empty()) {
    return "tshark reads what TLS carries from a file: capture first (dumpcap -i " + options.live->interface +
           " -w FILE), then give FILE and --keylog";
  }
  return std::nullopt;
}

}  // namespace

void define_live(CLI::App& app, LiveWords& words) {
  app.option_defaults()->group("Live capture");
  app.add_option("-i,--interface", words.source.interface,
                 "capture from an interface (any: from all) until Ctrl-C; --filter filters in the kernel then")
      ->type_name("IFACE");
  app.add_flag("-D,--list-interfaces", words.list_interfaces, "list the interfaces, and leave");
  app.add_option("-c", words.source.packets, "end after N packets")
      ->check(CLI::Range(std::uint64_t{1}, UINT64_MAX).description(""))
      ->type_name("N");
  app.add_option("-a,--autostop", words.autostop, "when to end: duration:SECONDS")
      ->allow_extra_args(false)
      ->type_name("CONDITION");
  app.add_option("-B,--buffer-size", words.source.buffer, "the kernel's buffer for packets, in MiB (16)")
      ->check(CLI::Range(std::uint32_t{1}, most_buffer).description(""))
      ->type_name("MIB");
  app.add_flag("-p,--no-promiscuous-mode", words.no_promiscuous, "only packets from and to this system");
}

void define_ring(CLI::App& app, LiveWords& words) {
  app.add_option("-b,--ring-buffer", words.ring,
                 "FILE_00001_TIME and so on instead of -w FILE, a new one after filesize:KB, duration:SECONDS or "
                 "packets:N, and only the latest files:N; give it once for each")
      ->allow_extra_args(false)
      ->type_name("LIMIT");
}

Complaint take_live(const LiveWords& words, Options& options) {
  if (auto complaint = take_ring(words, options)) return complaint;
  const LiveSource& source = words.source;
  if (source.interface.empty()) {
    const bool has_more =
        source.packets != 0 || source.buffer != LiveSource().buffer || !words.autostop.empty() || words.no_promiscuous;
    if (has_more) return "-c, -a, -B and -p are for an interface: give -i IFACE";
    return std::nullopt;
  }
  options.live = source;
  options.live->promiscuous = !words.no_promiscuous;
  if (auto complaint = take_autostop(words, *options.live)) return complaint;
  if (auto complaint = check_live(options)) return complaint;
  options.inputs = {source.interface};
  return std::nullopt;
}

std::string interfaces_text() {
  std::string text;
  for (const std::string& line : lines_of(system_interfaces())) text += proxytunnel::printable(line) + "\n";
  return text;
}

}  // namespace unproxy
