// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what tshark is told, so that it decrypts what we can use: the one place where our options become its own.
#include "tshark_words.hpp"

#include <filesystem>

namespace unproxy {
namespace {

std::string switched(bool on) {
  return on ? "TRUE" : "FALSE";
}

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).string();
}

// Parted by commas, as in --names, so no name has one.
std::string hosts_files(const Options& options) {
  std::string list;
  for (const std::string& path : options.names.hosts_files) list += (list.empty() ? "" : ",") + absolute(path);
  return list;
}

// DNS answers can only tell that a server is no proxy. A filter may take them from us, and then we want to hear all of
// such a session: the plugin must not know more than we do.
std::string dns(const Options& options) {
  return switched(options.tracker.names_from_capture && options.filter.empty());
}

/// Each of our options that decides which tunnels there are, but for --disable, as a preference of the plugin.
struct HandedOn {
  const char* preference;
  std::string (*value)(const Options& options);
};

constexpr HandedOn handed_on[] = {
    {"proxytunnel.forward_without_proof", [](const Options& o) { return switched(o.tracker.forward_without_proof); }},
    {"proxytunnel.trust_forwarded", [](const Options& o) { return o.tracker.trusted.text(); }},
    {"proxytunnel.dns", dns},
    {"proxytunnel.hosts_files", hosts_files},
    {"proxytunnel.synthetic4", [](const Options& o) { return o.tracker.synthetic4.text(); }},
    {"proxytunnel.synthetic6", [](const Options& o) { return o.tracker.synthetic6.text(); }},
    {"proxytunnel.layers", [](const Options& o) { return std::to_string(o.tracker.layers); }},
    {"proxytunnel.connections", [](const Options& o) { return std::to_string(o.tracker.connections); }},
};

/// What the user may have set for himself and we cannot do without: that tunnels are followed, and that TCP puts
/// segments in order and TLS its records together.
constexpr const char* needed[] = {
    "proxytunnel.virtual_conversations:TRUE",
    "proxytunnel.precedence:TRUE",
    "ip.defragment:TRUE",
    "ipv6.defragment:TRUE",
    "tcp.check_checksum:FALSE",
    "tcp.analyze_sequence_numbers:TRUE",
    "tcp.desegment_tcp_streams:TRUE",
    "tcp.reassemble_out_of_order:TRUE",
    "tls.desegment_ssl_records:TRUE",
    "tls.desegment_ssl_application_data:TRUE",
};

}  // namespace

std::vector<std::string> tshark_words(const Options& options, const std::string& path) {
  std::vector<std::string> words = {"-n", "-q", "-r", absolute(path), "-z", "proxytunnel,decrypted,-"};
  const auto add = [&words](const char* option, std::string word) {
    words.emplace_back(option);
    words.push_back(std::move(word));
  };
  for (const char* protocol : {"tcp", "tls", "proxytunnel"}) add("--enable-protocol", protocol);
  // The user may have switched these off, too.
  add("--enable-heuristic", "proxytunnel_tls");
  for (const auto& family : proxytunnel::families) {
    add("--enable-heuristic", std::string(family.heuristic));
    add("-o",
        "proxytunnel." + std::string(family.preference) + ":" + switched(!options.tracker.disabled.has(family.family)));
  }
  for (const char* preference : needed) add("-o", preference);
  for (const HandedOn& each : handed_on) add("-o", std::string(each.preference) + ":" + each.value(options));
  if (!options.keylog.empty()) add("-o", "tls.keylog_file:" + absolute(options.keylog));
  return words;
}

}  // namespace unproxy
