// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one door. Segments and datagrams go in, virtual packets and events come out; nothing is called back.
//
// Theory of operation: what a receiver would have dropped is set aside first (doubting.cpp), and put() goes on with
// what it took. A connection is fresh until it carries payload, then it is handshaking until its first bytes and its
// handshake say what it is: passed (nothing of ours, and it costs a table lookup from then on), open, or relaying.
// While it is handshaking, its bytes are buffered for the handshake and its segments are held, within limits. When it
// opens, the three segments that open the virtual conversation are made, what was held follows, and from then on every
// segment is translated alone. Requests that an HTTP proxy forwards open conversations while the handshake goes on:
// each has a share of the bytes, and a segment is translated once its bytes are known to be somebody's. A virtual
// packet is a packet: put in again (VirtualPacket::as_segment, as_datagram), it is the next layer.
//
// A connection is over when it closed and a thousand others after it, when its ports are used again, when there are too
// many, or with the capture. It retires first: what still waits in it is shown. Its record comes out with the next
// segment of the wire (or step of the end), when what was shown has been put in again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.hpp"
#include "handshake/handshake.hpp"
#include "names/address_book.hpp"
#include "names/dns_listener.hpp"
#include "names/synthetic.hpp"
#include "tcp/connection_table.hpp"
#include "tracker/connection.hpp"
#include "tracker/declared_clients.hpp"
#include "tracker/known_proxies.hpp"
#include "tracker/networks.hpp"
#include "tracker/opening.hpp"
#include "tracker/outcome.hpp"
#include "tracker/translation.hpp"
#include "udp/associations.hpp"
#include "udp/fragments.hpp"

namespace proxytunnel {

struct TrackerOptions {
  Families disabled;
  bool forward_without_proof = false;  ///< absolute-form alone makes a server a proxy
  AddressSet trusted;                  ///< peers whose claims of clients are believed (Forwarded, X-Forwarded-For)
  Checksums checksums = Checksums::follow;
  std::size_t connections = limits::connections;
  unsigned layers = limits::layers;
  bool names_from_capture = true;  ///< DNS answers in the capture are evidence
  Prefix synthetic4 = default_synthetic4;
  Prefix synthetic6 = default_synthetic6;
  bool accounts = false;    ///< Outcome::connections are wanted; passes() is not to be asked then
  bool remainders = false;  ///< what remains of each packet is told: Outcome::remainders
  TunnelId first_id = 0;    ///< of the first attempt
  HashKey hash_key;         ///< of tables: a secret, different in each run; no result depends on it
};

/// The address of an origin that somebody knows from elsewhere: of the conversation with this number, if its request
/// stands in this frame.
struct KnownOrigin {
  Endpoint endpoint;
  FrameNumber request = 0;
};
/// By attempt and, of an association, flow.
using KnownOrigins = std::map<std::pair<TunnelId, std::uint32_t>, KnownOrigin>;

struct TrackerCounters {
  std::uint64_t connections = 0;          ///< on the wire, tunnels inside tunnels not counted
  std::uint64_t tunnels = 0;              ///< opened
  std::uint64_t dropped_connections = 0;  ///< forgotten because there were more than `connections`
  std::uint64_t gave_way = 0;  ///< undecided, and given up since all together held more than limits::held_bytes_total
  std::uint64_t stray_chunks = 0;  ///< decrypted bytes of no known connection
  std::uint64_t midstream = 0;     ///< of `connections`: those whose first packet is no SYN
};

class Tracker final : private Surroundings {
 public:
  explicit Tracker(const TrackerOptions& options);

  /// One TCP segment, in the order of the capture. `outcome` is cleared and filled.
  /// For each virtual packet that comes out, as_segment() or as_datagram() is to be put in again before the next
  /// captured packet, with an Outcome of its own: that is how tunnels inside tunnels are found.
  void segment(const Segment& segment, Outcome& outcome) noexcept;

  /// The quick half of it, for who would rather not make a whole Segment of everything: true if this one is of a
  /// connection whose payload is not looked at, and brings none to look at. It is done with then, and its outcome would
  /// have nothing in it. False, and nothing has changed, if it is to be put in by segment(). Reads the ends, the
  /// header, the length, who carries it, the number and the time of its frame.
  bool passes(const Segment& segment) noexcept;

  /// The next bytes of what TLS carries between two ends, decrypted by somebody else; likewise. Whoever reads TLS gives
  /// the segment that completed the bytes before them.
  void chunk(const Chunk& given, Outcome& outcome) noexcept;

  /// One UDP datagram, likewise: its addresses occur, names are learned from DNS answers, and what a SOCKS proxy relays
  /// or has a PROXY header becomes a virtual packet.
  void datagram(const Datagram& datagram, Outcome& outcome) noexcept {
    addresses_occur(datagram);
    learn(datagram);
    relay(datagram, outcome);
  }
  /// The parts of datagram(), for a caller that knows DNS answers before their turn.
  void addresses_occur(const Datagram& datagram) noexcept;
  void learn(const Datagram& datagram) noexcept;
  void relay(const Datagram& datagram, Outcome& outcome) noexcept;

  /// What remains of a packet takes too long to be known: it stays as it is, and what was not shown of it so far never
  /// is; a tunnel whose payload it is tells so (held-overflow). `outcome` is cleared and filled.
  void let_go(Ticket ticket, Outcome& outcome) noexcept;

  /// The capture is over: what still waits is shown, and everything that is alive ends. To be called, like segment(),
  /// until it returns false, when the tracker is empty and nothing came out any more.
  [[nodiscard]] bool finish(Outcome& outcome) noexcept;

  /// Connections on the wire, of those that began in these frames, or of which that may still turn out, that are not
  /// over: an event, a packet or a record of them may still come out. UDP has none.
  struct Unfinished {
    std::size_t looked_at = 0;  ///< proxy sessions, and what may be one by what it brought
    std::size_t silent = 0;     ///< no payload so far
  };
  [[nodiscard]] Unfinished unfinished(FrameRange frames) const noexcept;
  /// Whether there is any: quicker.
  [[nodiscard]] bool has_unfinished(FrameRange frames) const noexcept;

  /// For names that the caller knows from elsewhere (name resolution blocks, hosts files).
  [[nodiscard]] AddressBook& names() noexcept { return names_; }
  /// Where the proxy went, for who found its other connections before. What a request names decides as ever which
  /// requests share a conversation, and numbers stay the same.
  void know_origins(KnownOrigins known) noexcept { known_origins_ = std::move(known); }
  [[nodiscard]] const TrackerCounters& counters() const noexcept { return counters_; }

 private:
  // tracker.cpp: connections
  [[nodiscard]] ConnectionTable<Connection>& table_of(const ConnectionKey& key) noexcept {
    return key.parent == no_tunnel && !key.decrypted ? table_ : inside_;
  }
  void put(const Segment& segment, Outcome& outcome);  ///< adds to the outcome
  void begin(Connection& connection, const Segment& segment);
  void begin_handshaking(Connection& connection);
  [[nodiscard]] bool takes_quietly(Connection& connection, const Segment& segment);
  void take(Connection& connection, const Segment& segment, Outcome& outcome);
  static void see_syn(Connection& connection, const Segment& segment);
  void see_close(Connection& connection, const Segment& segment, Side side, Outcome& outcome);
  void note_events(Connection& connection, std::size_t from, std::vector<Event>& events);
  void find_origin(Attempt& attempt) noexcept override;
  void take_known_origin(const Attempt& attempt, std::uint32_t flow, const Target& target, Origin& origin);
  [[nodiscard]] Leads where_leads(const Target& target, const Endpoint& server) const noexcept override;
  [[nodiscard]] bool is_known_proxy(const Endpoint& server) const noexcept override;

  // doubting.cpp: what a receiver may have dropped
  [[nodiscard]] bool is_set_aside(Connection& connection, const Segment& segment, Outcome& outcome);
  [[nodiscard]] static bool is_worth_keeping(const Connection& connection, const Segment& segment, Doubt why) noexcept;
  void keep_aside(Connection& connection, const Segment& segment, Doubt why, Outcome& outcome);
  void drop(Connection& connection, std::size_t which);
  void hear_answer(Connection& connection, const Segment& answer, Outcome& outcome);
  void go_on(Connection& connection, const Segment& taken);
  void believe(Connection& connection, std::size_t which, const Frame& frame, Outcome& outcome);
  void take_late(Connection& connection, Held held, const Frame& frame, Outcome& outcome);
  void begin_anew(Connection& connection, const Segment& segment, const Frame& frame, Outcome& outcome);
  void settle_doubts(Connection& connection, const Frame& frame, Outcome& outcome);
  static void note_oddities(Connection& connection, Side side);
  void compare_with_sent(Connection& connection, const Segment& segment, Side side);
  void forget_sent(Connection& connection) noexcept;

  // handshaking.cpp: what is not decided, or waits
  void feed(Connection& connection, const Segment& segment, Side side, Outcome& outcome);
  void advance(Connection& connection, const Segment& segment, Side side, Range place, Outcome& outcome);
  [[nodiscard]] bool open_unanswered(Connection& connection, Outcome& outcome);
  void hold(Connection& connection, const Segment& segment, Side side, Range place, Outcome& outcome);
  static void see_after_refusal(Connection& connection, const Segment& segment, Side side, Outcome& outcome);
  void conclude(Connection& connection, Outcome& outcome);
  void give_up_framing(Connection& connection, const Frame& frame, Outcome& outcome);
  void count_held(Connection& connection);
  [[nodiscard]] std::unique_ptr<Handshaking> take_handshaking(Connection& connection);
  void relieve(const Frame& frame, Outcome& outcome);
  void give_way(Connection& connection, const Frame& frame, Outcome& outcome);

  // remaining.cpp: what remains of the packets that were put in
  void tell_remainder(Connection& connection, const Segment& segment, bool is_taken, Outcome& outcome);
  void settle(Connection& connection, Outcome& outcome);
  void settle_all(Connection& connection, Outcome& outcome);
  [[nodiscard]] static bool note_taken_late(Connection& connection, const Segment& segment);
  void tell_given_up(Outcome& outcome);
  void let_fragments_go(Ticket ticket, Outcome& outcome);
  static void note_dropped(Connection& connection, Ticket ticket);
  /// Where what moves is noted; nullptr if nobody asks or nothing moves.
  [[nodiscard]] Remains* remains_of(Connection& connection) const noexcept {
    return connection.layer < options_.layers ? connection.remains.get() : nullptr;
  }

  // ending.cpp: how connections end
  void retire(Connection& connection, const Frame& frame, Outcome& outcome);
  void retire_inside(const ConnectionKey& key, const Frame& frame, Outcome& outcome);
  void retire_closed(const Frame& frame, Outcome& outcome);
  [[nodiscard]] bool closes_quietly() const noexcept;
  void bury(const Frame& frame, Outcome& outcome);
  void end(Connection& connection, const Frame& frame, Outcome& outcome);
  void end_conversation(VirtualConnection& opened, const Frame& frame, Outcome& outcome);

  [[nodiscard]] TunnelContext context(Outcome& outcome) noexcept {
    return {options_.disabled, options_.forward_without_proof, options_.trusted, *this, next_id_, outcome.events};
  }

  // showing.cpp: virtual conversations
  void open(Connection& connection, const Segment& segment, Outcome& outcome);
  void open_forwarded(Connection& connection, PerSide<Offset> shown, const Frame& frame, Outcome& outcome);
  void let_go_of_idle(Connection& connection, PerSide<Offset> shown, const Frame& frame, Outcome& outcome);
  void begin_conversation(Connection& connection, VirtualConnection& opened, const PerSide<LatestHeader>& latest,
                          const Frame& frame, Outcome& outcome);
  void show(Connection& connection, const Segment& segment, VirtualKind kind, Range window, Outcome& outcome);
  void show_held(Connection& connection, std::vector<Held> held, const Frame& frame, Outcome& outcome);
  void take_over(Tunnels& tunnels, const VirtualConnection& opened);
  void claim_tuple(VirtualConnection& opened);
  [[nodiscard]] bool is_free(const ConnectionKey& tuple) const noexcept;
  void release_tuple(const VirtualConnection& opened);

  // relaying.cpp: datagrams, and UDP associations
  void begin_association(Connection& connection, Outcome& outcome);
  void end_association(Attempt& attempt);
  void forget_fragments(RelayFragments& fragments, Attempt& attempt);
  void give_up(RelayFragments& fragments);
  [[nodiscard]] Attempt* association_of(const ConnectionKey& control) noexcept;
  [[nodiscard]] bool relay_associated(const Datagram& datagram, Outcome& outcome);
  void show_relayed(const Datagram& datagram, const Target& target, std::uint32_t cut, VirtualKind kind,
                    const Associations::Match& match, Attempt& attempt, Outcome& outcome);
  /// How a datagram is shown: without `cut` bytes, between these two.
  struct ShownDatagram {
    std::uint32_t cut;
    VirtualKind kind;
    Direction direction;
    Endpoint client, target;
    std::uint32_t flow;
  };
  void show_datagram(const Datagram& datagram, const ShownDatagram& shown, Attempt& attempt, Outcome& outcome) const;
  [[nodiscard]] static bool names_source(const Target& source, const Associations::Match& match,
                                         const Attempt& attempt) noexcept;
  [[nodiscard]] std::uint32_t flow_of(const Target& target, Attempt& attempt, Origin& origin, Outcome& outcome);
  [[nodiscard]] RelayFragments* fragments_of(const Associations::Match& match, const RelayHeader& header);
  [[nodiscard]] bool assemble(const Datagram& datagram, const RelayHeader& header, std::uint32_t cut,
                              RelayFragments& fragments, Attempt& attempt, Outcome& outcome);

  // declaring.cpp: PROXY headers in front of datagrams
  enum class Ended : std::uint8_t { gave_way, with_the_capture };
  void declare(const Datagram& datagram, Outcome& outcome);
  void take_header(const Datagram& datagram, const Message& header, std::uint32_t size, Outcome& outcome);
  void begin_declared(const Datagram& datagram, const Message& header, Attempt& attempt);
  void show_declared(const Datagram& datagram, std::uint32_t cut, Direction direction, Attempt& attempt,
                     Outcome& outcome);
  void end_declared(Ended why, Outcome& outcome);

  TrackerOptions options_;
  std::size_t recent_bytes_ = 0;        ///< that connections remember
  std::size_t doubted_bytes_ = 0;       ///< that wait to be answered
  ConnectionTable<Connection> table_;   ///< on the wire
  ConnectionTable<Connection> inside_;  ///< virtual conversations, as long as their tunnels live; decrypted streams
  std::size_t held_ = 0;                ///< bytes that handshaking connections keep
  std::uint64_t waited_ = 0;            ///< connections that began to wait, ever
  /// Who keeps something, those that keep most first, then the oldest: (-rank, since).
  std::map<std::pair<int, std::uint64_t>, ConnectionKey> waiting_;
  std::deque<ConnectionKey> closed_;  ///< on the wire, in the order of their closing
  std::vector<Connection> retired_;
  Stamp latest_;  ///< of what was put in
  KnownProxies proxies_;
  AddressBook names_;
  KnownOrigins known_origins_;
  std::set<std::pair<std::string, Endpoint>> led_;  ///< targets, and where they are known to have led
  DnsListener dns_;
  SyntheticAddresses synthetic_;
  /// Virtual conversations that are alive, by their ends.
  std::unordered_map<ConnectionKey, TunnelId, ConnectionKeyHash> tuples_;
  /// Conversations of forwarded requests that are alive: each of them names the origin of its own conversation, so that
  /// there is no proxy behind it.
  std::unordered_set<TunnelId> of_requests_;
  std::map<TunnelId, Endpoint> own_clients_;  ///< of tunnels whose client is shown with a synthetic port
  std::size_t forwarded_ = 0;                 ///< conversations of forwarded requests that are open
  std::size_t fragment_bytes_ = 0;            ///< that wait in associations
  Associations associations_;
  Networks networks_;
  /// What waits of datagrams that came in fragments; few clients send any.
  std::map<TunnelId, PerDirection<Owned<RelayFragments>>> fragments_;
  std::vector<Ticket> given_up_;                               ///< of fragments; not told so far
  std::unordered_map<Ticket, ConnectionKey> waiting_tickets_;  ///< whose remainder is not known so far
  DeclaredClients declared_;
  std::vector<Placement> placements_;  ///< kept for its memory
  Outcome nothing_;                    ///< of what is taken quietly
  TunnelId next_id_ = 0;
  TrackerCounters counters_;
};

}  // namespace proxytunnel
