// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink of the pass before --correlate: gathers legs and tunnels of one capture.
#pragma once

#include <optional>
#include <vector>

#include "correlate/leg.hpp"
#include "correlate/tunnelled.hpp"
#include "session.hpp"

namespace unproxy {

class LegSurvey final : public Sink {
 public:
  enum class Wants : std::uint8_t { legs, tunnels, both };

  /// `source`: the number that its legs have.
  LegSurvey(const proxytunnel::HashKey& key, Wants wants, std::size_t source) {
    if (wants != Wants::tunnels) legs_.emplace(key, source);
    if (wants != Wants::legs) tunnels_.emplace(key);
  }

  [[nodiscard]] bool wants_all() const override { return true; }
  proxytunnel::Ticket captured(const Packet&, const proxytunnel::Decoded& decoded) override {
    using Kind = proxytunnel::Decoded::Kind;
    if (legs_ && decoded.kind == Kind::tcp) legs_->segment(decoded.segment);
    if (legs_ && decoded.kind == Kind::udp) legs_->datagram(decoded.datagram);
    return 0;
  }
  void opened(const proxytunnel::Attempt& attempt) override {
    if (legs_) legs_->session(attempt);
    if (tunnels_) tunnels_->opened(attempt);
  }
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override {
    if (tunnels_) {
      tunnels_->packet(packet.tunnel, packet.flow, packet.transport, packet.direction, packet.offset, packet.payload,
                       packet.length, proxytunnel::stamp_of(packet.frame));
    }
    return 0;
  }
  void ended(proxytunnel::Attempt&& attempt) override {
    if (legs_) legs_->session(attempt);
    if (tunnels_) tunnels_->ended(attempt);
  }

  /// After the capture.
  [[nodiscard]] std::vector<proxytunnel::Leg> legs() {
    return legs_ ? legs_->finish() : std::vector<proxytunnel::Leg>();
  }
  [[nodiscard]] std::uint64_t dropped_legs() const { return legs_ ? legs_->dropped() : 0; }
  [[nodiscard]] std::vector<proxytunnel::Tunnelled> tunnels() {
    return tunnels_ ? tunnels_->take() : std::vector<proxytunnel::Tunnelled>();
  }

 private:
  std::optional<proxytunnel::LegCollector> legs_;
  std::optional<proxytunnel::TunnelledCollector> tunnels_;
};

}  // namespace unproxy
