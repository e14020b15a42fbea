// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink of what belongs to other windows: what is found out of an attempt depends on others, too.
#pragma once

#include "findings.hpp"
#include "session.hpp"

namespace unproxy {

class Selection;

class Elsewhere final : public Sink {
 public:
  /// `selection` may be null: all tunnels are chosen. Both are borrowed.
  Elsewhere(Findings& findings, const Selection* selection) : findings_(findings), selection_(selection) {}

  void opened(const proxytunnel::Attempt& attempt) override;
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override {
    findings_.packet_elsewhere(packet);
    return 0;
  }
  void ended(proxytunnel::Attempt&& attempt) override { findings_.ended_elsewhere(attempt); }

 private:
  Findings& findings_;
  const Selection* selection_;
};

}  // namespace unproxy
