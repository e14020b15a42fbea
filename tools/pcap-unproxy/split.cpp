// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --split: which file a tunnel's packets go to, and what the files are called.
#include "split.hpp"

#include <filesystem>

#include "capture/digest.hpp"
#include "names/canonical_name.hpp"

namespace unproxy {

using proxytunnel::Attempt;
using proxytunnel::Endpoint;

namespace {

/// What file systems have room for, less what a temporary name adds and the number of one of many.
constexpr std::size_t longest_name = 255 - 7 - 8;

std::string end_text(const Endpoint& end) {
  return end.address.text() + "_" + std::to_string(end.port);
}

// Long names are no file names, and end behind a dot: what is left of them says who they are.
std::string target_text(const Attempt& attempt, std::size_t longest) {
  if (!attempt.target) return attempt.origin ? end_text(attempt.origin->endpoint) : "association";
  const auto& target = *attempt.target;
  std::string host = target.address ? target.address->text() : proxytunnel::canonical_name(target.host);
  if (host.size() > longest) host.resize(longest);
  return host + "_" + std::to_string(target.port);
}

bool is_association(const Attempt& attempt) {
  return attempt.command == proxytunnel::Command::udp_associate;
}

struct Group {
  std::string key;   ///< the same for all of its tunnels, and for no others
  std::string name;  ///< for people
};

Group group_of(const Attempt& attempt, SplitBy by) {
  constexpr std::size_t longest_host = 64, no_limit = std::string::npos;
  switch (by) {
    case SplitBy::nothing:
      break;
    case SplitBy::tunnel: {
      const std::string id = std::to_string(attempt.id);
      const Endpoint& client = attempt.client;
      const std::string whose = attempt.knows_client_port() ? end_text(client) : client.address.text();
      return {id, id + "." + whose + "-" + target_text(attempt, longest_host)};
    }
    case SplitBy::client:
      return {attempt.client.address.text(), attempt.client.address.text()};
    case SplitBy::origin:
      if (!attempt.origin) break;
      return {end_text(attempt.origin->endpoint), end_text(attempt.origin->endpoint)};
    case SplitBy::proxy:
      return {end_text(attempt.proxy), end_text(attempt.proxy)};
    case SplitBy::target: {
      std::string key = target_text(attempt, no_limit);
      // A name may be of any length, and is kept to the end.
      if (key.size() > longest_host) key = sha256_hex(proxytunnel::bytes_of(key));
      return {key, target_text(attempt, longest_host)};
    }
  }
  return {};
}

}  // namespace

std::string clean_part(std::string_view text, std::size_t longest) {
  std::string clean(text.substr(0, longest));
  for (char& letter : clean) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
    if (!is_plain) letter = '-';
  }
  if (clean.starts_with('.')) clean.front() = '-';
  return clean;
}

std::string SplitNames::begin_input(const std::string& output) {
  const std::filesystem::path path(output);
  const std::string file = path.filename().string();
  const std::size_t ending = file.rfind(".unproxied.");
  directory_ = path.parent_path().string();
  ending_ = file.substr(ending);
  name_ = clean_part(std::string_view(file).substr(0, ending), longest_name - ending_.size() - longest_part - 1);
  return (std::filesystem::path(directory_) / (name_ + ".*" + ending_)).string();
}

std::string SplitNames::path_for(std::string_view group) {
  const std::string base = name_ + "." + clean_part(group, longest_part);
  std::string name = base;
  while (!used_.insert(name).second) {
    unsigned& number = next_.try_emplace(base, 2).first->second;
    name = base + "-" + std::to_string(number++);
  }
  return (std::filesystem::path(directory_) / (name + ending_)).string();
}

std::size_t Splitter::file_for_others() {
  if (!others_) others_ = files_.add(names_.path_for("others"));
  return *others_;
}

std::size_t Splitter::file_for(const Attempt& attempt) {
  const Group group = group_of(attempt, by_);
  if (const auto known = groups_.find(group.key); known != groups_.end()) return known->second;
  if (groups_.size() >= most_groups) return file_for_others();
  const std::size_t file = files_.add(names_.path_for(group.name));
  groups_.emplace(group.key, file);
  return file;
}

// The targets of an association are groups of their own where targets or origins are.
void Splitter::opened(const Attempt& attempt) {
  const bool is_by_flow = by_ == SplitBy::origin || by_ == SplitBy::target;
  if (!is_by_flow || !is_association(attempt)) tunnels_.emplace(attempt.id, file_for(attempt));
}

void Splitter::flow(const Attempt& attempt) {
  if (!tunnels_.contains(attempt.id)) new_flow_ = {attempt.id, file_for(attempt)};
}

void Splitter::ended(proxytunnel::TunnelId tunnel) {
  tunnels_.erase(tunnel);
  flows_.erase(flows_.lower_bound({tunnel, 0}), flows_.upper_bound({tunnel, UINT32_MAX}));
}

void Splitter::choose(const proxytunnel::VirtualPacket& packet) {
  if (const auto tunnel = tunnels_.find(packet.tunnel); tunnel != tunnels_.end()) return files_.choose(tunnel->second);
  const Flow flow = {packet.tunnel, packet.flow};
  if (new_flow_.first == packet.tunnel) {
    flows_[flow] = new_flow_.second;
    new_flow_.first = proxytunnel::no_tunnel;
  }
  const auto known = flows_.find(flow);
  files_.choose(known != flows_.end() ? known->second : file_for_others());
}

}  // namespace unproxy
