// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --hash: the payload of every tunnel that is open.
#pragma once

#include <unordered_map>

#include "payload_hash.hpp"
#include "report/report.hpp"
#include "synth/virtual_packet.hpp"

namespace unproxy {

class PayloadHashes {
 public:
  explicit PayloadHashes(bool is_on) : is_on_(is_on) {}

  void opened(proxytunnel::TunnelId id) {
    if (is_on_) hashes_.try_emplace(id);
  }
  void packet(const proxytunnel::VirtualPacket& packet) {
    if (!is_on_ || packet.payload.empty()) return;
    const auto found = hashes_.find(packet.tunnel);
    if (found != hashes_.end()) found->second[packet.direction].add(packet.offset, packet.payload);
  }
  /// Enters in the entry what is known of its payload.
  void ended(proxytunnel::ReportEntry& entry);

 private:
  bool is_on_;
  std::unordered_map<proxytunnel::TunnelId, proxytunnel::PerDirection<PayloadHash>> hashes_;
};

}  // namespace unproxy
