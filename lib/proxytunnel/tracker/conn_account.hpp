// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a log says of one connection, TCP or UDP, in the words of Zeek's conn.log: packets, bytes, state,
//          history. Of captured connections and of virtual conversations alike.
// spec: docs.zeek.org, base/protocols/conn/main.zeek (conn_state, history)
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/direction.hpp"
#include "base/segment.hpp"
#include "tcp/sequence.hpp"
#include "tunnel/payload_account.hpp"

namespace proxytunnel {

class ConnAccount {
 public:
  /// `side`: who sent it; the initiator is Zeek's originator. IP options and extension headers are not counted.
  void see(const Segment& segment, Side side);
  void see(const Datagram& datagram, Side side);
  /// Who was taken for the initiator is the acceptor.
  void swap_sides();

  [[nodiscard]] Time first() const noexcept { return first_; }
  /// From the first packet to the latest that was not merely an acknowledgment behind a FIN or RST of its sender.
  [[nodiscard]] Time duration() const noexcept {
    Time span = 0;  // hostile time stamps may be further apart than Time can tell
    return __builtin_sub_overflow(last_, first_, &span) ? 0 : span;
  }
  [[nodiscard]] std::uint64_t packets(Side side) const noexcept { return sides_[side].packets; }
  [[nodiscard]] std::uint64_t ip_bytes(Side side) const noexcept { return sides_[side].ip_bytes; }
  /// Payload on the wire, each byte once, holes included.
  [[nodiscard]] std::int64_t bytes(Side side) const noexcept {
    return sides_[side].payload.bytes() + sides_[side].payload.missing_bytes();
  }
  [[nodiscard]] std::int64_t missed_bytes() const noexcept;
  /// "ShADadFf": upper case is the initiator's.
  [[nodiscard]] const std::string& history() const noexcept { return history_; }
  /// "SF", "S1", "RSTO", ...
  [[nodiscard]] std::string_view state(Transport transport) const noexcept;

 private:
  enum class State : std::uint8_t { inactive, syn_sent, partial, established, closed, reset, active };
  /// Letters of the history; those from `gap` on come again with the tenth, the hundredth time, and so on.
  enum Letter : std::uint8_t { syn, syn_ack, ack, data, fin, rst, inconsistent, multi_flag, gap, again, zero_window };
  static constexpr std::string_view letters = "shadfriqgtw";

  struct OneSide {
    State state = State::inactive;
    std::uint64_t packets = 0, ip_bytes = 0;
    SequenceSpace space;
    PayloadAccount payload;
    std::array<std::uint32_t, letters.size()> seen{};
    std::uint32_t latest_syn = 0, latest_fin = 0, latest_rst = 0;
  };

  void count(Time time, std::uint32_t ip_bytes, OneSide& side);
  void note(Letter letter, Side side);
  void note_at(Letter letter, Side side, std::uint32_t place, std::uint32_t& latest);
  void note_flags(const Segment& segment, Side side);
  void see_payload(const Segment& segment, Side side);
  void advance(const Segment& segment, Side side);

  PerSide<OneSide> sides_;
  std::string history_;
  Time first_ = 0, last_ = 0;
};

}  // namespace proxytunnel
