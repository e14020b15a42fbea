// SPDX-License-Identifier: GPL-2.0-or-later
// summary: every bound on what a capture may make us keep or do, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace proxytunnel::limits {

/// Tunnels inside tunnels. Real chains have two or three proxies; each layer costs a virtual packet per packet.
constexpr unsigned layers = 8;

/// One HTTP message head. Squid and nginx refuse more than 64 KiB.
constexpr std::size_t http_head = std::size_t{64} << 10;

/// Of those for whom a request says that it was forwarded: the last ones, and how much of each. Chains of proxies are
/// short, and an IPv6 address with its port has 53 bytes; obfuscated names are longer.
constexpr std::size_t forwarded_nodes = 16;
constexpr std::size_t forwarded_text = 128;

/// How much of an answer's head is kept after it was shown, until the rest of it comes: there are proxies that send
/// each field line on its own (tinyproxy). More of it waits.
constexpr std::size_t begun_head = 4096;

/// A SOCKS4 user id or SOCKS4a name; the memos set no bound. Names are shorter than DNS allows, but user ids carry
/// tokens.
constexpr std::size_t socks4_text = std::size_t{8} << 10;

/// Bytes of a proxy's stream that may precede the handshake of a back-connect session.
constexpr std::size_t preamble = 256;

/// GSSAPI tokens have a 16-bit length (RFC 1961 section 3); this many messages end the token exchange at the latest.
constexpr unsigned gssapi_messages = 32;

/// What either side sent before the tunnel was known to be open, per connection (anomaly held-overflow).
constexpr std::size_t held_segments = 64;
constexpr std::size_t held_bytes = std::size_t{256} << 10;

/// The same while only the TCP acceptor speaks: it may be the answers of a proxy whose client the capture shows later,
/// but in nearly all cases it is a download of some other protocol.
constexpr std::size_t held_answers = 16;
constexpr std::size_t held_answer_bytes = std::size_t{16} << 10;

/// The same for the head of a forwarded request, which is payload itself: clients are known to send one byte at a time.
constexpr std::size_t held_head_segments = 1024;

/// Bytes held by all connections together, so that many half-open handshakes cannot exhaust memory. Beyond, those that
/// hold most give way, the oldest of them first (docs/decisions/0006).
constexpr std::size_t held_bytes_total = std::size_t{32} << 20;

/// Fragments that wait in all UDP associations together.
constexpr std::size_t fragments_total = std::size_t{8} << 20;

/// Segments of one direction whose frame is remembered while their bytes wait; beyond, the latest frame stands for all.
constexpr std::size_t stream_marks = 4096;

/// The largest window there is (RFC 7323 section 2.3): of a receiver whose own one is not known. What is further away
/// than a receiver's window belongs to another connection, or is forged.
constexpr std::int64_t largest_window = std::int64_t{1} << 30;

/// Every receiver is believed to have room for this much: what it says of its window may come late, or not be captured.
constexpr std::uint32_t smallest_window = 65535;

/// How far behind the start of another connection its first acknowledgment may be that answers.
constexpr std::uint32_t answered_start = std::uint32_t{1} << 20;

/// Segments of one connection, and of all together, that wait until an answer tells whether they were taken.
constexpr std::size_t doubted_segments = 16;
constexpr std::size_t doubted_bytes_total = std::size_t{16} << 20;

/// What is remembered of one direction, to tell whether what comes again says something else: its latest bytes, in so
/// many ranges. All together.
constexpr std::size_t recent_bytes = std::size_t{16} << 10;
constexpr std::size_t recent_ranges = 8;
constexpr std::size_t recent_bytes_total = std::size_t{32} << 20;

/// How far behind the end of a closed connection payload may stand that is still its own.
constexpr std::int64_t late_payload = std::int64_t{1} << 20;

/// Disjoint ranges of payload that one direction's accounting remembers.
constexpr std::size_t payload_ranges = 32;

/// Requests of one connection that may wait for their answers at once; the next one is read when there is one.
constexpr std::size_t unanswered_requests = 1024;

/// Conversations of forwarded requests that are kept open: all together, and of one connection when there are so many.
/// Beyond, half of that connection's end, those that are idle for longest (anomaly gave-way); another request for such
/// an origin begins a new one.
constexpr std::size_t forwarded = 4096;
constexpr std::size_t forwarded_per_connection = 64;

/// Names of one connection whose conversation is remembered, and names of one conversation that are listed.
constexpr std::size_t names_per_connection = 256;
constexpr std::size_t hosts_per_conversation = 256;

/// Synthetic client ports that are tried; the last one is taken in any case.
constexpr unsigned synthetic_ports = 64;

/// Servers that are remembered as proxies.
constexpr std::size_t known_proxies = 4096;

/// Ranges of one direction, each of another HTTP message, that are remembered for retransmissions and acknowledgments.
constexpr std::size_t shares = 128;

/// Targets of one UDP association that the report lists, and whose addresses stay as they were chosen. Most
/// applications have one; a BitTorrent client has hundreds.
constexpr std::size_t flows_per_association = 256;

/// Clients that PROXY headers in front of datagrams declared and that are alive, about a kilobyte each. Beyond, the one
/// that is idle for longest ends (anomaly gave-way). A DNS server has a new one for each query.
constexpr std::size_t declared_clients = 16384;

/// Nanoseconds after which a socket that sent such headers may be somebody else's: what has no header then is not taken
/// for its own any more. Balancers give up a silent flow earlier; the longest default known is nginx's, 10 minutes.
constexpr std::int64_t declared_idle = 600'000'000'000;

/// Bytes of a datagram that a SOCKS client cut into fragments: no UDP datagram is longer.
constexpr std::size_t fragmented_datagram = 65535;

/// A piece of a stream without segments of its own that is put in at once; with headers it fits an IP packet.
constexpr std::size_t chunk = 65000;

/// Names for which DNS answers are remembered, and answers for each name.
constexpr std::size_t names = 65536;
constexpr std::size_t answers_per_name = 16;

/// DNS questions that are known for sure: a resolver that asks ten thousand a second may wait three seconds for each
/// answer. And answers that wait for their questions, where the capture has those later.
constexpr std::size_t dns_questions = 32768;
constexpr std::size_t early_answers = 1024;

/// Connections tracked at once; one that is not proxied costs about two hundred bytes. As many ports of clients are
/// known, of all UDP associations together: most have one, and where each query comes from a port of its own, the
/// old ones wait for nothing any more.
constexpr std::size_t connections = 262144;

/// Legs, connections that may be a proxy's to an origin: of so many is kept what tells them apart, 300 bytes of each.
/// What comes beyond is counted. Of so many at once is read what they say; the one that is idle for longest ends.
constexpr std::size_t legs = 131072;
constexpr std::size_t open_legs = 16384;
constexpr std::size_t open_flows = 4096;  ///< of datagrams
/// Bytes of all that is read at once, while others before them are missing or a head is not whole; of one TLS hello
/// (with keys of post-quantum cryptography it takes 2 KB); requests of one leg.
constexpr std::size_t leg_bytes_total = std::size_t{8} << 20;
constexpr std::size_t hello_bytes = 8192;
constexpr std::size_t requests_per_leg = 1024;
/// Legs that are looked at for one tunnel, and that are listed for one that is ambiguous.
constexpr std::size_t legs_looked_at = 64;
constexpr std::size_t legs_listed = 8;

/// Closed connections that are remembered for what comes late of them.
constexpr std::size_t closed_connections = 1000;

}  // namespace proxytunnel::limits
