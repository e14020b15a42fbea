// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the moment at which a tunnel opens: its origin, its ends, its three opening segments, its losses.
#pragma once

#include "names/address_book.hpp"
#include "names/synthetic.hpp"
#include "tcp/connection_table.hpp"
#include "tracker/connection.hpp"
#include "tracker/outcome.hpp"

namespace proxytunnel {

/// From a handshake that just opened: bases are what was taken; the attempt is established.
[[nodiscard]] std::unique_ptr<VirtualConnection> make_virtual_connection(Handshaking& work);

/// What may tell the address of a target.
struct Evidence {
  AddressBook& names;
  SyntheticAddresses& synthetic;
};

/// The address for the attempt's target, in the order of provenances; frozen from here on. Anomalies are noted.
[[nodiscard]] Origin choose_origin(Attempt& attempt, const Evidence& evidence);

/// Fills the virtual ends from the attempt's client and origin; mixed families show the IPv4 end as ::ffff:a.b.c.d.
void set_ends(VirtualConnection& opened) noexcept;

/// The virtual conversation as a key among all conversations of whatever layer.
[[nodiscard]] ConnectionKey tuple_of(const VirtualConnection& opened) noexcept;

/// SYN, SYN/ACK and ACK at `frame`, with sequence numbers just below the bases. The envelopes of `latest` move to the
/// outcome.
void synthesize_opening(const Connection& connection, PerSide<LatestHeader>& latest, const Frame& frame,
                        Outcome& outcome);

/// Notes why a handshake that is being given up could not be read to its end.
void note_losses(const Handshaking& work, Attempt& attempt);

/// Notes that holes were more than could be remembered.
void note_overflow(Attempt& attempt);

}  // namespace proxytunnel
