// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a connection that may be a proxy session: finds out what it is, follows its handshakes, keeps the attempt.
//
// Theory of operation: undecided -> handshake -> open or over. While undecided, detect() is asked twice: with the TCP
// initiator as the client, and once that is excluded with the acceptor (back-connect). From then on the handshake says
// what comes next; this class turns its steps into an Attempt and into events. It speaks offsets, never sequence
// numbers, and keeps no bytes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/streams.hpp"
#include "handshake/handshake.hpp"
#include "tunnel/attempt.hpp"
#include "tunnel/event.hpp"

namespace proxytunnel {

/// Whose connection it is.
struct TunnelParent {
  TunnelId tunnel = no_tunnel;
  unsigned layer = 0;
};

class TunnelConnection {
 public:
  enum class State : std::uint8_t {
    undecided,  ///< the first bytes do not tell yet
    handshake,  ///< a proxy session; no tunnel is open
    open,       ///< payload begins behind what was taken; take_attempt() is the opened one
    over        ///< no proxy session, or nothing more to follow: for good
  };

  TunnelConnection(PerSide<Endpoint> ends, TunnelParent parent, Stamp first) noexcept;

  /// Goes on as far as the bytes allow; takes what it understood. Events are appended. `next_id` is given to the
  /// attempt whose request is understood, and counted up.
  State advance(Streams& streams, const Disabled& disabled, TunnelId& next_id, std::vector<Event>& events);

  /// The connection brings nothing more. Reports what can be proved of an attempt that stayed without an answer.
  void conclude(Streams& streams, const Disabled& disabled, TunnelId& next_id, std::vector<Event>& events);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Which side is the client; only known once it is no longer undecided.
  [[nodiscard]] Side client() const noexcept { return client_; }
  /// True if the handshake waits for this side: then all its untaken bytes are an incomplete message.
  [[nodiscard]] bool waits_for(Side side) const noexcept { return state_ == State::handshake && waits_for_ == side; }
  /// True once there was an attempt to open a tunnel.
  [[nodiscard]] bool attempted() const noexcept { return attempts_ > 0; }
  /// The attempt in progress, to note anomalies in; nullptr if there is none.
  [[nodiscard]] Attempt* attempt() noexcept { return attempt_.get(); }
  [[nodiscard]] const Attempt* attempt() const noexcept { return attempt_.get(); }
  [[nodiscard]] std::unique_ptr<Attempt> take_attempt() noexcept { return std::move(attempt_); }

 private:
  [[nodiscard]] Side side_of(Direction direction) const noexcept {
    return direction == Direction::from_client ? client_ : other(client_);
  }
  [[nodiscard]] Untaken untaken(const Streams& streams) const noexcept;
  void detect_client(Streams& streams, const Disabled& disabled, std::vector<Event>& events);
  void begin(Detection detection, Streams& streams, std::vector<Event>& events);
  void took(Took& step, Streams& streams, TunnelId& next_id, std::vector<Event>& events);
  void record(const Message& message, Stamp stamp, TunnelId& next_id);
  void reject(const Reject& step, TunnelId& next_id, std::vector<Event>& events);
  void end_attempt(TunnelId& next_id, std::vector<Event>& events);

  PerSide<Endpoint> ends_;
  TunnelParent parent_;
  Stamp first_;
  std::unique_ptr<Handshake> handshake_;
  std::unique_ptr<Attempt> attempt_;
  unsigned attempts_ = 0;
  State state_ = State::undecided;
  Side client_ = Side::initiator;
  Side waits_for_ = Side::initiator;
};

}  // namespace proxytunnel
