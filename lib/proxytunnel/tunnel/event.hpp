// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the core tells about tunnels, besides virtual packets: values, no callbacks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/direction.hpp"
#include "tunnel/attempt.hpp"

namespace proxytunnel {

/// A message of a handshake was understood. It stands in the frame of `stamp`, which may be an earlier one.
struct MessageEvent {
  MessageEvent(TunnelId of, const Ends& ends, Direction from, Stamp at, std::size_t bytes, Message&& said) noexcept
      : attempt(of),
        client(ends.initiator),
        proxy(ends.acceptor),
        direction(from),
        stamp(at),
        size(bytes),
        message(std::move(said)) {}

  TunnelId attempt;  ///< no_tunnel as long as the attempt's request was not understood
  Endpoint client, proxy;
  Direction direction;
  Stamp stamp;
  std::size_t size;  ///< bytes of the message
  Message message;
};

/// A request was understood: a copy of the attempt as it is known now. Not where the request itself opens the tunnel,
/// as forwarded ones and PROXY headers in front of datagrams do: then OpenedEvent is the first.
struct RequestedEvent {
  Attempt attempt;
};

/// A tunnel opened; a copy of the attempt as it is known now. A UDP association has no origin: its flows have.
struct OpenedEvent {
  Attempt attempt;
};

/// The first datagram to or from a target of a UDP association: a copy of the attempt, with that target and its origin.
struct FlowEvent {
  Attempt attempt;
  std::uint32_t flow;  ///< its number in the association
};

/// The capture says that an address has a name (Tor's RESOLVE and RESOLVE_PTR).
struct NameEvent {
  Address address;
  std::string name;
};

/// An attempt is over: refused, failed, or an opened tunnel of which nothing more can come. The final record.
struct EndedEvent {
  Attempt attempt;
};

/// Something was not followed, though a tunnel may have been there.
struct SkippedEvent {
  Endpoint client, proxy;
  std::string_view reason;        ///< a constant
  TunnelId parent = no_tunnel;    ///< of its connection
  FrameNumber carrier_first = 0;  ///< likewise: its first frame
};

/// The reason where a client that was refused went on: it may have been told otherwise than the capture shows.
constexpr std::string_view payload_after_refusal = PT_PAYLOAD_AFTER_REFUSAL;

using Event = std::variant<MessageEvent, RequestedEvent, OpenedEvent, FlowEvent, NameEvent, EndedEvent, SkippedEvent>;

}  // namespace proxytunnel
