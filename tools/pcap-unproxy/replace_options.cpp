// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which options go together with --mode replace.
#include "replace_options.hpp"

#include "inputs.hpp"

namespace unproxy {
namespace {

// It has to be known of a connection before its first packet goes out.
std::optional<std::string> check_inputs(const Options& options) {
  const std::string why = "--handshakes drop reads its input twice, and ";
  if (options.live) return why + "an interface cannot be: capture first, then run it on the file";
  if (const auto stream = first_stream(options)) return why + *stream + " cannot be: give a file";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> check_replace(const Options& options) {
  if (options.mode != Mode::replace) {
    if (options.handshakes == Handshakes::keep) return std::nullopt;
    return "--handshakes drop is for --mode replace; otherwise no handshake is written";
  }
  if (options.write.empty() && options.output_dir.empty())
    return "--mode replace writes a capture: give -w FILE or -d DIR";
  if (options.layers == Layers::leaf) {
    return "--layers leaf is of no use with --mode replace: of a tunnel that carries another, nothing is left but the "
           "handshake, which --handshakes drop leaves out";
  }
  if (options.link != Link::keep) {
    return "--link is of no use with --mode replace, which leaves packets as they were captured";
  }
  if (options.select) {
    return "--select is of no use with --mode replace, which writes the whole capture; without it, an export has the "
           "tunnels that match";
  }
  if (options.split.is_on()) return "--split is of no use with --mode replace, which writes the whole capture";
  return options.handshakes == Handshakes::drop ? check_inputs(options) : std::nullopt;
}

}  // namespace unproxy
