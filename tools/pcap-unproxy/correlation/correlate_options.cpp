// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --correlate, --wan and --skew on the command line.
#include "correlation/correlate_options.hpp"

#include <CLI/CLI.hpp>
#include <cmath>

namespace unproxy {
const std::map<std::string, View>& view_words() {
  static const std::map<std::string, View> words = {{"lan", View::lan}, {"wan", View::wan}};
  return words;
}

namespace {

// One capture has the packets that are shown.
std::optional<std::string> check_view(const Options& options) {
  if (options.view == View::lan) return std::nullopt;
  if (options.correlate == !options.wan.empty() || options.wan.size() > 1) {
    return "--view wan shows the legs of one capture: give --correlate, or --wan FILE once";
  }
  if (options.write.empty()) return "--view wan needs -w FILE";
  if (options.mode == Mode::replace || options.layers == Layers::leaf || options.select || options.ring.is_on()) {
    return "--view wan shows legs, not tunnels: --mode replace, --layers leaf, --select and -b are of no use with it";
  }
  return std::nullopt;
}

constexpr double most_seconds = 1e9;  // as many nanoseconds fit into a Time

}  // namespace

void define_correlate(CLI::App& app, CorrelateWords& words, Options& options) {
  app.option_defaults()->group("The other leg of a proxy");
  app.add_flag("--correlate", options.correlate,
               "find each tunnel's connection from the proxy to the origin in the same input");
  app.add_option("--wan", options.wan, "likewise, in a capture from the other side of the proxy; may be given again")
      ->allow_extra_args(false)
      ->check(CLI::ExistingFile.description(""))
      ->type_name("FILE");
  app.add_option("--skew", words.skew, "how far clocks may be apart; how far they are is found out")
      ->check(CLI::Range(0.0, most_seconds).description(""))
      ->type_name("SECONDS");
}

std::optional<std::string> take_correlate(const CorrelateWords& words, Options& options) {
  const bool is_asked = options.correlate || !options.wan.empty();
  if (words.skew && !is_asked) return "--skew is for --correlate and --wan";
  if (words.skew) options.skew = std::llround(*words.skew * 1e9);
  if (options.live && is_asked) {
    return "--correlate and --wan read their input twice, and an interface cannot be: capture first, then run it on "
           "the file";
  }
  return check_view(options);
}

}  // namespace unproxy
