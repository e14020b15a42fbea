// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tool finds out of attempts besides what the core knows: hashes of payload, what is inside, and the
//          anomalies that follow.
#pragma once

#include <unordered_set>

#include "inside/insides.hpp"
#include "log/lineage.hpp"
#include "options.hpp"
#include "payload_hashes.hpp"
#include "shared_credentials.hpp"

namespace unproxy {

class Findings {
 public:
  /// `is_on`: somebody reads them.
  Findings(const Options& options, bool is_on)
      : is_on_(is_on),
        wants_services_(options.logs.contains(Log::zeek)),
        hashes_(options.hash && is_on),
        insides_(is_on) {}

  /// Of a tunnel that is not chosen nobody reads anything, but for its service: conn.log has a row of its conversation
  /// if that carries one that is.
  void opened(const proxytunnel::Attempt& attempt, Chosen chosen);
  void packet(const proxytunnel::VirtualPacket& packet) {
    hashes_.packet(packet);
    insides_.packet(packet);
  }
  /// Of each attempt: enters in the entry what was found.
  void ended(proxytunnel::ReportEntry& entry);
  /// The same of what belongs to another window, in the same order: those of this one are compared with it, and share
  /// the room in which first payload waits.
  void opened_elsewhere(proxytunnel::TunnelId id, Chosen chosen) {
    if (is_on_ && (chosen == Chosen::yes || wants_services_)) insides_.opened(id, Insides::Wanted::no);
  }
  void packet_elsewhere(const proxytunnel::VirtualPacket& packet) { insides_.packet(packet); }
  void ended_elsewhere(proxytunnel::Attempt& attempt) {
    if (!is_on_) return;
    insides_.forget(attempt.id);
    credentials_.ended(attempt);
  }

 private:
  bool is_on_, wants_services_;
  PayloadHashes hashes_;
  Insides insides_;
  SharedCredentials credentials_;
  std::unordered_set<proxytunnel::TunnelId> carriers_;  ///< tunnels that are open, and in which one opened
};

}  // namespace unproxy
