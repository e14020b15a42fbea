// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is inside each virtual conversation: its first payload is kept until there is enough, and looked at
// once.
#pragma once

#include <cstdint>
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

  enum class Wanted : std::uint8_t { no, yes };
  /// What is not wanted takes room like others, and is not looked at.
  void opened(proxytunnel::TunnelId id, Wanted wanted = Wanted::yes) {
    if (is_on_) found_.try_emplace(id, Tunnel{wanted, {}});
  }
  void packet(const proxytunnel::VirtualPacket& packet) {
    if (is_on_ && !packet.payload.empty()) add(packet);
  }
  /// Enters in the entry what is known.
  void ended(proxytunnel::ReportEntry& entry);
  /// A tunnel that is not wanted ended.
  void forget(proxytunnel::TunnelId id);

 private:
  using Key = std::pair<proxytunnel::TunnelId, std::uint32_t>;  ///< a tunnel, and of an association which flow
  struct Waiting {
    proxytunnel::Transport transport;
    FirstPayload payload;
  };
  struct Tunnel {
    Wanted wanted;
    std::vector<std::optional<proxytunnel::Inside>> flows;
  };

  void add(const proxytunnel::VirtualPacket& packet);
  void look(std::map<Key, Waiting>::iterator waiting);

  bool is_on_;
  std::map<Key, Waiting> waiting_;
  std::unordered_map<proxytunnel::TunnelId, Tunnel> found_;  ///< of tunnels that are open
  Inspector inspector_;
};

}  // namespace unproxy
