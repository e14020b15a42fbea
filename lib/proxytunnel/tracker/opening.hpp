// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the moment at which a tunnel opens: its origin, its ends, its three opening segments, its losses.
#pragma once

#include "names/address_book.hpp"
#include "names/synthetic.hpp"
#include "tcp/connection_table.hpp"
#include "tracker/connection.hpp"
#include "tracker/outcome.hpp"

namespace proxytunnel {

/// The conversation of a handshake that just opened: bases are what was taken, both directions are its own from there
/// on, the attempt is established. `remains` may be null: nobody asks what moves, and what was lost may still come.
VirtualConnection& add_tunnel(Handshaking& work, Tunnels& tunnels, Remains* remains);

/// The conversation of a request that an HTTP proxy forwards: no byte is its own so far.
VirtualConnection& add_forwarded(Forwarded&& forwarded, Side client, Tunnels& tunnels);

/// Gives a conversation the bytes of a claim; notes what of them there was no room to hold. What lies before `shown`
/// was shown already. `remains` as above.
void add_share(const Claim& claim, const Handshaking& work, Offset shown, Tunnels& tunnels, Remains* remains);

/// What may tell the address of a target.
struct Evidence {
  AddressBook& names;
  SyntheticAddresses& synthetic;
};

/// The address for a target of the attempt, in the order of provenances; frozen from here on. `said`: what the proxy
/// says may be the origin. Anomalies are noted.
[[nodiscard]] Origin choose_origin(const Target& target, const std::optional<Target>& said, Attempt& attempt,
                                   const Evidence& evidence);

/// The origin of an opened tunnel: that of its target, but of BIND the peer that connected, and of the PROXY protocol
/// the receiver of the header.
[[nodiscard]] Origin origin_of(Attempt& attempt, const Evidence& evidence);

/// Fills the virtual ends from the attempt's client (or what stands for it) and origin; mixed families show the IPv4
/// end as ::ffff:a.b.c.d. The peer of BIND connected to the port that the proxy bound for the client: that is the
/// client's port then.
void set_ends(VirtualConnection& opened) noexcept;

/// Both ends in one family, as set_ends() has them.
void match_families(Endpoint& one, Endpoint& another) noexcept;

/// The virtual conversation as a key among all conversations of whatever layer.
[[nodiscard]] ConnectionKey tuple_of(const VirtualConnection& opened) noexcept;

/// The port number `turn` that may stand for the client's own where that is in use: 49152 to 65535, from a hash of the
/// attempt's client and proxy, the same in every program and every run.
[[nodiscard]] std::uint16_t synthetic_port(const Attempt& attempt, unsigned turn) noexcept;

/// SYN, SYN/ACK and ACK at `frame`, with sequence numbers just below the bases; they borrow outcome.envelopes.
void synthesize_opening(const Connection& connection, VirtualConnection& opened, const PerSide<LatestHeader>& latest,
                        const Frame& frame, Outcome& outcome);

/// Notes why a handshake that is being given up could not be read to its end.
void note_losses(const Handshaking& work, Attempt& attempt);

/// Notes that holes were more than could be remembered.
void note_overflow(Attempt& attempt);

}  // namespace proxytunnel
