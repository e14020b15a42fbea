// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the streaming readers of pcap and pcapng have in common: the window, the current packet, the damage.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/capture.hpp"
#include "capture/input_file.hpp"

namespace unproxy {

/// The most bytes that a packet of this link type may have captured, as Wireshark's capture library has it.
constexpr std::uint32_t max_packet_size(std::uint32_t link_type) noexcept {
  constexpr std::uint32_t dbus = 231, usb_pcap = 249, eb_hscr = 279;
  if (link_type == dbus || link_type == usb_pcap) return std::uint32_t{128} << 20;
  return link_type == eb_hscr ? std::uint32_t{8} << 20 : std::uint32_t{256} << 10;
}

class NativeReader : public CaptureReader {
 public:
  const Packet* next() final;
  [[nodiscard]] const std::vector<Interface>& interfaces() const final { return interfaces_; }
  [[nodiscard]] const std::optional<Damage>& damage() const final { return damage_; }
  [[nodiscard]] std::uint64_t position() const final { return window_.offset(); }
  void when_idle(const std::function<void(Time)>& idle) final;

 protected:
  explicit NativeReader(InputWindow window) : window_(std::move(window)) {}

  /// Fills in packet_; false at the end and after damage.
  virtual bool read_packet() = 0;

  /// Both set the damage and return false. `offset` is where the bad record begins, `what` names it ("packet 7").
  bool damaged(std::uint64_t offset, const std::string& what);
  bool cut_short(std::uint64_t offset, const std::string& what);
  /// "packet 7", for the one that is being read.
  [[nodiscard]] std::string this_packet() const { return "packet " + std::to_string(packet_.number + 1); }

  InputWindow window_;
  std::vector<Interface> interfaces_;
  Packet packet_;

 private:
  std::optional<Damage> damage_;
  bool ended_ = false;
};

}  // namespace unproxy
