// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink in front of another one that lets through what belongs to a window.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "session.hpp"
#include "window.hpp"

namespace unproxy {

/// A tunnel inside a tunnel belongs where the outer one does. Names and secrets belong to all: whoever reads the export
/// may need them. Not for who gives tickets.
class WindowSink final : public Sink {
 public:
  /// `to` is borrowed, and told when it begins by who knows the window's first packet.
  WindowSink(const Window& window, Sink& to)
      : frames_(window.frames()), to_(to), others_(to.elsewhere() != nullptr ? *to.elsewhere() : nobody_) {}

  void secrets(const Secrets& secrets) override { to_.secrets(secrets); }
  void name(const NameRecord& record) override { to_.name(record); }
  void opened(const proxytunnel::Attempt& attempt) override;
  void flow(const proxytunnel::Attempt& attempt) override {
    if (open_.contains(attempt.id)) to_.flow(attempt);
  }
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override {
    Sink& whose = open_.contains(packet.tunnel) ? to_ : others_;
    return whose.packet(packet);
  }
  void ended(proxytunnel::Attempt&& attempt) override;
  void skipped(const proxytunnel::SkippedEvent& event) override {
    if (has(event.parent, event.carrier_first)) to_.skipped(event);
  }
  void connection_ended(const proxytunnel::ConnectionRecord& record) override {
    if (frames_.has(record.first.frame)) to_.connection_ended(record);
  }

  /// Tunnels that opened, so far.
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }
  /// Whether some of them have not ended.
  [[nodiscard]] bool has_open() const noexcept { return !open_.empty(); }
  /// So many of these are in no connection: clients that PROXY headers in front of datagrams declare.
  [[nodiscard]] std::size_t open_declared() const noexcept { return open_declared_; }

 private:
  class Nobody final : public Sink {};

  [[nodiscard]] bool has(proxytunnel::TunnelId parent, FrameNumber carrier_first) const {
    return parent == proxytunnel::no_tunnel ? frames_.has(carrier_first) : open_.contains(parent);
  }

  proxytunnel::FrameRange frames_;
  Sink& to_;
  Nobody nobody_;
  Sink& others_;
  std::unordered_map<proxytunnel::TunnelId, bool> open_;  ///< that belong to it; whether they are declared
  std::uint64_t opened_ = 0;
  std::size_t open_declared_ = 0;
};

}  // namespace unproxy
