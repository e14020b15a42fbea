// SPDX-License-Identifier: GPL-2.0-or-later
// summary: captures packets from an interface, by libpcap.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/capture.hpp"

struct pcap;

namespace unproxy {

/// What is captured, and for how long.
struct LiveSource {
  std::string interface;  ///< its name, or its number in the list of interfaces
  bool promiscuous = true;
  std::uint32_t buffer = 16;            ///< of the kernel, in MiB. dumpcap has 2, but does less with a packet
  std::uint64_t packets = 0;            ///< it ends after so many; 0: no limit
  std::chrono::nanoseconds duration{};  ///< likewise, from when it began
};

/// Ends when it was asked to, by `stop` or by what LiveSource limits: then what came until that moment, and is still in
/// the kernel's buffer, is read. An interface that goes away is damage.
class LiveReader final : public CaptureReader {
 public:
  /// `filter` is a capture filter, which the kernel applies; empty: every packet. `stop` is borrowed, and may be null.
  /// Throws UsageError where libpcap does not understand the filter, and CaptureError, which says what to do.
  LiveReader(const LiveSource& source, const std::string& filter, const StopFlag* stop);

  const Packet* next() override;
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] const std::optional<Damage>& damage() const override { return damage_; }
  /// Bytes of packets.
  [[nodiscard]] std::uint64_t position() const override { return position_; }
  void when_idle(const std::function<void(Time)>& idle) override { idle_ = idle; }
  std::optional<LiveStatistics> live_statistics() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Close {
    void operator()(pcap* handle) const noexcept;
  };

  void activate(const LiveSource& source);
  void set_filter(const std::string& filter);
  void note_end();
  void idle(Time time);
  void wait();

  std::unique_ptr<pcap, Close> handle_;
  const StopFlag* stop_;
  std::vector<Interface> interfaces_;
  std::optional<Damage> damage_;
  Packet packet_;
  std::uint64_t position_ = 0, most_packets_;
  Time nanoseconds_per_unit_ = 1;
  std::function<void(Time)> idle_ = [](Time) {};
  Time idle_at_ = 0;
  Clock::time_point end_ = Clock::time_point::max();
  /// Once it was asked to end: what came later is not taken, and what came before has come out by then.
  std::optional<Time> last_moment_;
  Clock::time_point last_wait_;
  LiveStatistics statistics_;
  bool ended_ = false;
};

}  // namespace unproxy
