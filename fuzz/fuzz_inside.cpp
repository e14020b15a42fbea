// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes what is inside: the first payload of a conversation, and nDPI behind it.
//
// Input: byte 0: bit 0 datagrams; then packets, each behind one byte (bit 0 of the server, bits 1 to 7 how far it is
// moved, for segments) and its 16-bit length.
#include <algorithm>

#include "demand.hpp"
#include "inside/inspector.hpp"

using namespace proxytunnel;
using namespace unproxy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Inspector inspector;
  if (size == 0) return 0;
  const auto transport = (bytes[0] & 1) != 0 ? Transport::udp : Transport::tcp;
  FirstPayload payload;
  PerDirection<Offset> next{0, 0};
  for (Bytes rest(bytes + 1, size - 1); rest.size() >= 3;) {
    const unsigned how = rest[0];
    const auto direction = (how & 1) != 0 ? Direction::from_server : Direction::from_client;
    const std::size_t end = std::min<std::size_t>(3U + get16(&rest[1]), rest.size());
    const Bytes piece = rest.subspan(3, end - 3);
    rest = rest.subspan(end);
    const auto moved = static_cast<Offset>(how >> 1);
    if (transport == Transport::udp) {
      payload.add_datagram(direction, piece);
    } else {
      payload.add_segment(direction, next[direction] + moved, piece);
    }
    next[direction] += static_cast<Offset>(piece.size());
  }
  demand(payload.turns().size() <= FirstPayload::most_turns, "few turns");
  const Inside inside = inspector.look(transport, payload.turns());
  demand(inside.sni.size() <= longest_seen_name && inside.http_host.size() <= longest_seen_name, "short names");
  demand(inside.sni.empty() || inside.service == "ssl" || inside.service == "quic", "a name of TLS");
  demand(inside.http_host.empty() || inside.service == "http", "a host of HTTP");
  return 0;
}
