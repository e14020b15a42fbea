// SPDX-License-Identifier: GPL-2.0-or-later
// summary: everything that is known about one attempt to open a tunnel: one entry of the report.
#pragma once

#include <limits>
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
  std::optional<Address> answered{};  ///< to whom the DNS answer was given that has it
};

/// One target of a UDP association: datagrams to it and from it.
struct Flow {
  Target target;
  Origin origin;
  PerDirection<std::uint64_t> datagrams{0, 0}, bytes{0, 0};  ///< bytes of payload on the wire
  std::optional<Ends> shown{};                               ///< of its virtual packets
};

struct Attempt {
  /// Counts attempts in the order in which their requests were understood; no_tunnel before that.
  TunnelId id = no_tunnel;
  TunnelId parent = no_tunnel;
  unsigned layer = 0;
  Protocol protocol = Protocol::socks5;
  Command command = Command::none;
  Transport transport = Transport::tcp;  ///< of what the tunnel carries, once it is open
  Endpoint client, proxy;
  Ends carrier;          ///< of the connection that the session is in, as its packets say: on the wire, or a virtual
                         ///< conversation
  Stamp carrier_first;   ///< of that connection
  unsigned ordinal = 0;  ///< counts the attempts of that connection
  std::optional<Ends> shown;  ///< of the virtual conversation, as its packets say; none for an association: see flows
  /// The end that stands for the client where its own is in use by another conversation: its port is synthetic.
  std::optional<Endpoint> virtual_client;
  std::optional<Target> target;
  /// Forwarded: other names that requests of this conversation had for its origin, in order of appearance; at most
  /// limits::hosts_per_conversation.
  std::vector<std::string> other_hosts;
  /// HTTP: for whom the first request that says so claims to be, the client's end first. Nobody proved it.
  std::vector<std::string> forwarded_for;
  std::string target_text;  ///< what an HTTP request named, where that is no target
  std::optional<Origin> origin;
  Status status = Status::incomplete;
  std::string_view reason;  ///< why it ended, where the status does not say all; a constant
  int reply_code = -1;      ///< -1: no reply
  std::optional<Target> bound;
  std::optional<Target> peer;               ///< BIND: who connected
  bool inside_tls = false;                  ///< the session with the proxy was read from decrypted TLS
  std::vector<std::uint8_t> encapsulation;  ///< what wraps its packets, as Encapsulation::packed(); not inside a tunnel
  std::vector<Flow> flows;                  ///< UDP: in order of appearance, at most limits::flows_per_association
  Credentials credentials;
  Stamp first, request, reply, closed;  ///< frame 0: did not happen
  FrameNumber first_payload = 0, last = 0;
  Time shown_at = std::numeric_limits<Time>::min();  ///< of the latest virtual packet
  PerDirection<std::uint64_t> packets{0, 0};         ///< virtual ones
  PerDirection<PayloadAccount> payload;
  /// Payload that came before the opening and that there was no room to hold: not shown. Offsets from the base.
  PerDirection<std::vector<Range>> held_overflow;
  std::vector<std::string> anomalies;

  /// Of the connection that the session is in: that of an association is TCP's. With UDP there is none, but PROXY
  /// headers in front of datagrams.
  [[nodiscard]] Transport carrier_transport() const noexcept {
    return command == Command::udp_associate ? Transport::tcp : transport;
  }
  /// False where a request claims a client and tells no port: that is 0 then, and a synthetic one stands for it.
  [[nodiscard]] bool knows_client_port() const noexcept {
    return client.port != 0 || protocol != Protocol::http_forwarded;
  }
  /// Keeps what the first request with claims has.
  void claim(const ForwardedClaims& claims);
  /// Keeps who asks. A password that no TLS hid on its way to the proxy is an anomaly.
  void log_in(const Credentials& with);
  /// Adds an anomaly once.
  void note(std::string_view anomaly);
  [[nodiscard]] bool has_noted(std::string_view anomaly) const noexcept;
};

}  // namespace proxytunnel
