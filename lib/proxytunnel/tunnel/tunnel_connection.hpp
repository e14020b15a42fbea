// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a connection that may be a proxy session: finds out what it is, follows its handshakes, keeps the attempt.
//
// Theory of operation: undecided -> handshake -> open, relay or over. While undecided, detect() is asked twice: with
// the TCP initiator as the client, and once that is excluded with the acceptor (back-connect). From then on the
// handshake says what comes next; this class turns its steps into an Attempt and into events. It speaks offsets, never
// sequence numbers, and keeps no bytes.
//
// Requests that an HTTP proxy forwards open their own tunnels while the handshake goes on: there may be many on one
// connection. For each of them a Forwarded comes out, and a Claim for each range of bytes that belongs to one. Requests
// that a believed peer forwards to a server do the same: there it is the client that each of them names.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/address_set.hpp"
#include "base/owned.hpp"
#include "base/range_set.hpp"
#include "base/streams.hpp"
#include "handshake/handshake.hpp"
#include "tunnel/attempt.hpp"
#include "tunnel/event.hpp"

namespace proxytunnel {

/// Whose connection it is.
struct TunnelParent {
  TunnelId tunnel = no_tunnel;
  unsigned layer = 0;
  bool inside_tls = false;
  /// The client's own end, where the tunnel outside shows it with a synthetic port.
  std::optional<Endpoint> client{};
  std::vector<std::uint8_t> encapsulation{};  ///< as Encapsulation::packed()
};

/// Where a target is, seen from the server that was sent it.
enum class Leads : std::uint8_t { nobody_knows, to_server, elsewhere };

/// What the capture knows besides the connection.
class Surroundings {
 public:
  /// Fills attempt.origin: the address that the attempt's target has now.
  virtual void find_origin(Attempt& attempt) noexcept = 0;
  /// Whether `target` is `server` itself, by everything that is known of its name.
  [[nodiscard]] virtual Leads where_leads(const Target& target, const Endpoint& server) const noexcept = 0;
  /// Whether another connection proved that `server` is a proxy.
  [[nodiscard]] virtual bool is_known_proxy(const Endpoint& server) const noexcept = 0;

 protected:
  ~Surroundings() = default;
};

/// What a connection is given when it goes on.
struct TunnelContext {
  Families disabled;
  bool forward_without_proof;  ///< absolute-form alone makes a server a proxy
  const AddressSet& trusted;   ///< peers whose claims of clients are believed
  Surroundings& surroundings;
  TunnelId& next_id;           ///< given to the attempt whose request is understood, and counted up
  std::vector<Event>& events;  ///< appended to
};

/// A tunnel that a forwarded request opened.
struct Forwarded {
  Attempt attempt;
  PerSide<Offset> base;  ///< what was taken before the request
};

/// Bytes that belong to a tunnel of a forwarded request.
struct Claim {
  Side side;
  Range range;
  TunnelId tunnel;
};

/// A handshake, or none; copied with its state.
class HandshakePointer {
 public:
  HandshakePointer() = default;
  HandshakePointer(const HandshakePointer& from) : handshake_(from.handshake_ ? from.handshake_->clone() : nullptr) {}
  HandshakePointer(HandshakePointer&&) noexcept = default;
  HandshakePointer& operator=(const HandshakePointer& from) { return *this = HandshakePointer(from); }
  HandshakePointer& operator=(HandshakePointer&&) noexcept = default;
  HandshakePointer& operator=(std::unique_ptr<Handshake> handshake) noexcept {
    handshake_ = std::move(handshake);
    return *this;
  }
  ~HandshakePointer() = default;
  Handshake* operator->() const noexcept { return handshake_.get(); }
  explicit operator bool() const noexcept { return handshake_ != nullptr; }
  void reset() noexcept { handshake_.reset(); }

 private:
  std::unique_ptr<Handshake> handshake_;
};

class TunnelConnection {
 public:
  enum class State : std::uint8_t {
    undecided,  ///< the first bytes do not tell yet
    handshake,  ///< a proxy session; no tunnel is open, but for those of forwarded requests
    open,       ///< payload begins behind what was taken; take_attempt() is the opened one
    relay,      ///< datagrams are relayed as long as the connection lives; take_attempt() is the association
    over        ///< no proxy session, or nothing more to follow: for good
  };

  TunnelConnection(PerSide<Endpoint> ends, TunnelParent parent, Stamp first) noexcept;

  /// Goes on as far as the bytes allow; takes what it understood.
  State advance(Streams& streams, const TunnelContext& context);

  /// The capture lacks bytes of the server, and with them the answer. True if the client went on behind it as only a
  /// client does whose tunnel opened, and the server heard it: then the tunnel is open, and in the server's stream
  /// payload begins behind what is missing.
  bool open_unanswered(Streams& streams, const Hole& hole, const TunnelContext& context);

  /// The connection brings nothing more. Reports what can be proved of an attempt that stayed without an answer.
  void conclude(Streams& streams, const TunnelContext& context);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Whether the proxy refused the latest attempt.
  [[nodiscard]] bool is_refused() const noexcept { return is_refused_; }
  /// Which side is the client; only known once it is no longer undecided.
  [[nodiscard]] Side client() const noexcept { return client_; }
  /// True if the handshake waits for this side and all its untaken bytes are an incomplete message of the handshake.
  [[nodiscard]] bool waits_for(Side side) const noexcept {
    return state_ == State::handshake && side_of(wait_.direction) == side && wait_.incomplete == Incomplete::handshake;
  }
  /// True if the handshake can go on with bytes of this side only.
  [[nodiscard]] bool awaits(Side side) const noexcept {
    return state_ == State::handshake && side_of(wait_.direction) == side;
  }
  /// True between attempts: what is incomplete then is a proxied request or the answer to one.
  [[nodiscard]] bool forwards() const noexcept { return state_ == State::handshake && !attempt_; }
  /// True once there was an attempt to open a tunnel.
  [[nodiscard]] bool attempted() const noexcept { return attempts_ > 0; }
  /// Of its first attempt.
  [[nodiscard]] std::optional<Protocol> protocol() const noexcept { return protocol_; }
  /// The attempt in progress, to note anomalies in; nullptr if there is none.
  [[nodiscard]] Attempt* attempt() noexcept { return attempt_.get(); }
  [[nodiscard]] const Attempt* attempt() const noexcept { return attempt_.get(); }
  [[nodiscard]] std::unique_ptr<Attempt> take_attempt() noexcept { return attempt_.take(); }
  /// A conversation of forwarded requests is over; another request for its target or client, or an answer that is still
  /// to come, begins a new one.
  void forget(const Attempt& attempt);
  /// What came out since the last call, in order; claims name tunnels that came out with them or before.
  [[nodiscard]] std::vector<Forwarded> take_forwarded() noexcept { return std::exchange(forwarded_, {}); }
  [[nodiscard]] std::vector<Claim> take_claims() noexcept { return std::exchange(claims_, {}); }

 private:
  /// A conversation that was let go, and its target, or the client that was claimed. There may be many: no more is kept
  /// than is needed.
  struct Gone {
    TunnelId tunnel;
    std::uint16_t port;
    std::string host;
  };
  /// Whose the requests and answers are that an HTTP proxy forwards.
  struct Forwarding {
    std::map<Endpoint, TunnelId> tunnels;  ///< by origin, or by the client that was claimed
    /// Origins by target, at most limits::names_per_connection: a name stays with the origin that it had first.
    std::map<std::string, Origin, std::less<>> names;
    std::vector<Gone> forgotten;  ///< that answers may still be for, by id; at most limits::unanswered_requests
    std::deque<TunnelId> owners;  ///< by exchange, from first_owner on
    std::uint32_t first_owner = 0;
    TunnelId latest = no_tunnel;  ///< of the latest request

    /// The first one that was let go and is not before this one, in order of ids.
    [[nodiscard]] std::vector<Gone>::iterator forgotten_from(TunnelId tunnel) noexcept;
    [[nodiscard]] TunnelId owner_of(std::uint32_t exchange) const noexcept;
    void forget_owners(std::uint32_t before) noexcept;
  };

  [[nodiscard]] Side side_of(Direction direction) const noexcept {
    return direction == Direction::from_client ? client_ : other(client_);
  }
  [[nodiscard]] Untaken untaken(const Streams& streams) const noexcept;
  [[nodiscard]] First first(const Streams& streams, const TunnelContext& context) const noexcept;
  void detect_client(Streams& streams, const TunnelContext& context);
  void begin(Detection detection, Streams& streams, const TunnelContext& context);
  void took(Took& step, Streams& streams, const TunnelContext& context);
  void record(const Message& message, Stamp stamp, const TunnelContext& context);
  [[nodiscard]] SkippedEvent skipped_event(Side client, std::string_view reason) const noexcept;
  void begin_attempt(Attempt& attempt, Stamp stamp) const;
  void forward(Message& message, Stamp stamp, PerSide<Offset> base, const TunnelContext& context);
  [[nodiscard]] TunnelId tunnel_for(const Message& message, Stamp stamp, PerSide<Offset> base,
                                    const TunnelContext& context);
  [[nodiscard]] TunnelId tunnel_of_client(const Message& message, Stamp stamp, PerSide<Offset> base,
                                          const TunnelContext& context);
  [[nodiscard]] Attempt attempt_of(const Message& message, Stamp stamp) const;
  void begin_forwarded(Attempt attempt, PerSide<Offset> base, const TunnelContext& context);
  [[nodiscard]] TunnelId owner_of(const Took& step, Stamp stamp, PerSide<Offset> base, const TunnelContext& context);
  [[nodiscard]] bool is_proxied(const Message& message, const TunnelContext& context) noexcept;
  [[nodiscard]] bool is_claimed(Message& message, const TunnelContext& context) noexcept;
  void doubt(std::string_view reason, const TunnelContext& context);
  void reject(const Reject& step, const TunnelContext& context);
  void end_attempt(const TunnelContext& context);

  PerSide<Endpoint> ends_;
  TunnelParent parent_;
  Stamp first_;
  Owned<Attempt> attempt_;
  HandshakePointer handshake_;
  unsigned attempts_ = 0;
  std::optional<Protocol> protocol_;
  State state_ = State::undecided;
  Side client_ = Side::initiator;
  Wait wait_{Direction::from_client};
  std::vector<Forwarded> forwarded_;
  std::vector<Claim> claims_;
  Owned<Forwarding> forwarding_;  ///< once there was a request to forward
  bool is_refused_ = false;       ///< the latest attempt was, by the proxy
  bool is_doubted_ = false;       ///< there was one that proves no proxy, or names no client
};

}  // namespace proxytunnel
