// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is inside each virtual conversation: its first payload is kept until there is enough, and looked at
// once.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "inside/inspector.hpp"
#include "synth/virtual_packet.hpp"

namespace unproxy {

class Insides {
 public:
  /// Of so many conversations the first payload is kept at once; beyond, the oldest is looked at with what there is.
  static constexpr std::size_t most_waiting = 4096;

  explicit Insides(bool is_on) : is_on_(is_on && !Inspector::version().empty()) {}

  void opened(proxytunnel::TunnelId id) {
    if (is_on_) found_.try_emplace(id);
  }
  void packet(const proxytunnel::VirtualPacket& packet) {
    if (is_on_ && !packet.payload.empty()) add(packet);
  }
  /// Enters in the entry what is known.
  void ended(proxytunnel::ReportEntry& entry);

 private:
  using Key = std::pair<proxytunnel::TunnelId, std::uint32_t>;  ///< a tunnel, and of an association which flow
  struct Waiting {
    proxytunnel::Transport transport;
    FirstPayload payload;
  };
  /// By flow.
  using Flows = std::vector<std::optional<proxytunnel::Inside>>;

  void add(const proxytunnel::VirtualPacket& packet);
  void look(std::map<Key, Waiting>::iterator waiting);

  bool is_on_;
  std::map<Key, Waiting> waiting_;
  std::unordered_map<proxytunnel::TunnelId, Flows> found_;  ///< of tunnels that are open
  Inspector inspector_;
};

}  // namespace unproxy
