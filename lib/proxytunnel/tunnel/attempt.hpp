// SPDX-License-Identifier: GPL-2.0-or-later
// summary: everything that is known about one attempt to open a tunnel: one entry of the report.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/direction.hpp"
#include "base/endpoint.hpp"
#include "base/provenance.hpp"
#include "base/segment.hpp"
#include "base/streams.hpp"
#include "handshake/message.hpp"
#include "tunnel/payload_account.hpp"

namespace proxytunnel {

/// Where the payload goes: the address given to the target.
struct Origin {
  Endpoint endpoint;
  Provenance provenance = Provenance::literal;
  std::vector<Candidate> candidates;  ///< other addresses that the capture names for the target
};

struct Attempt {
  /// Counts attempts in the order in which their requests were understood; no_tunnel before that.
  TunnelId id = no_tunnel;
  TunnelId parent = no_tunnel;
  unsigned layer = 0;
  Protocol protocol = Protocol::socks5;
  Command command = Command::none;
  Endpoint client, proxy;
  std::optional<Target> target;
  std::string target_text;  ///< what a CONNECT named, where that is no target
  std::optional<Origin> origin;
  Status status = Status::incomplete;
  std::string_view reason;  ///< why it ended, where the status does not say all; a constant
  int reply_code = -1;      ///< -1: no reply
  std::optional<Target> bound;
  Credentials credentials;
  Stamp first, request, reply, closed;  ///< frame 0: did not happen
  FrameNumber first_payload = 0, last = 0;
  PerDirection<PayloadAccount> payload;
  /// Payload that came before the opening and that there was no room to hold: not shown. Offsets from the base.
  PerDirection<std::vector<Range>> held_overflow;
  std::vector<std::string> anomalies;

  /// Adds an anomaly once.
  void note(std::string_view anomaly);
};

}  // namespace proxytunnel
