// SPDX-License-Identifier: GPL-2.0-or-later
// summary: whether a leg can be a tunnel's, and what speaks for it.
#include "correlate/judge.hpp"

#include <algorithm>

#include "correlate/span.hpp"
#include "names/canonical_name.hpp"

namespace proxytunnel {
namespace {

constexpr auto client = Direction::from_client, server = Direction::from_server;

// One direction. A proxy hands on what the client said, and nothing else; what the origin said may have been more than
// the client took.
Agreement compare(const Content& tunnel, const Content& leg, Direction direction) {
  const std::uint64_t of_tunnel = tunnel.bytes[direction], of_leg = leg.bytes[direction];
  const bool is_one_silent = (of_tunnel == 0) != (of_leg == 0);
  const bool is_unheard = direction == server && of_tunnel == 0;
  if (is_one_silent && !is_unheard) return Agreement::differ;
  const Agreement beginning = Beginning::compare(tunnel.beginning[direction], leg.beginning[direction]);
  return beginning == Agreement::all && of_tunnel != of_leg ? Agreement::start : beginning;
}

}  // namespace

void judge_ends(const Tunnelled& tunnel, const Leg& leg, Grounds& grounds) {
  const Endpoint& origin = leg.ends.acceptor;
  if (tunnel.bound == leg.ends.initiator) grounds.add(Ground::bound_socket);
  if (origin.port != tunnel.target.port) return;
  const Address address = origin.address.unmapped();
  if (tunnel.target.address && tunnel.target.address->unmapped() == address) grounds.add(Ground::same_address);
  const auto& named = tunnel.named;
  if (std::find(named.begin(), named.end(), address) != named.end()) grounds.add(Ground::dns_answer);
  const bool is_named = !tunnel.target.address && !leg.content.sni.empty();
  if (is_named && canonical_name(leg.content.sni) == canonical_name(tunnel.target.host)) grounds.add(Ground::sni);
}

std::optional<Grounds> judge_content(const Tunnelled& tunnel, const Leg& leg) {
  if (tunnel.transport != leg.transport) return std::nullopt;
  const Agreement said = compare(tunnel.content, leg.content, client);
  const Agreement answered = compare(tunnel.content, leg.content, server);
  if (said == Agreement::differ || answered == Agreement::differ) return std::nullopt;
  Grounds grounds;
  if (said == Agreement::all && answered == Agreement::all) {
    grounds.add(Ground::same_bytes);
  } else if (said != Agreement::nothing && answered != Agreement::nothing) {
    grounds.add(Ground::same_start);
  } else if (said != Agreement::nothing || answered != Agreement::nothing) {
    grounds.add(Ground::same_bytes_one_way);
  }
  const auto has_random = [&](Direction direction) {
    const std::uint64_t random = tunnel.content.random[direction];
    return random != 0 && random == leg.content.random[direction];
  };
  if (has_random(client) && has_random(server)) grounds.add(Ground::tls_random);
  judge_ends(tunnel, leg, grounds);
  return grounds;
}

bool is_in_time(const Tunnelled& tunnel, const Leg& leg, const LegClock& clock) {
  if (!clock.slack) return true;
  const Time slack = *clock.slack;
  const Time begun = minus(leg.first.time, clock.ahead);
  if (begun < minus(tunnel.request.time, slack) || begun > plus(tunnel.end, slack)) return false;
  const auto both_speak = [&](Direction direction) {
    return tunnel.content.first[direction].frame != 0 && leg.content.first[direction].frame != 0;
  };
  const auto later = [&](Direction direction) {  // than the tunnel, the leg has the first byte
    return minus(minus(leg.content.first[direction].time, clock.ahead), tunnel.content.first[direction].time);
  };
  return (!both_speak(client) || later(client) >= -slack) && (!both_speak(server) || later(server) <= slack);
}

std::optional<ClockBounds> bounds_of(const Tunnelled& tunnel, const Leg& leg) {
  const Content &outer = tunnel.content, &inner = leg.content;
  if (tunnel.request.frame == 0) return std::nullopt;
  ClockBounds bounds{0, minus(leg.first.time, tunnel.request.time)};
  if (outer.first[client].frame != 0 && inner.first[client].frame != 0) {
    bounds.most = std::min(bounds.most, minus(inner.first[client].time, outer.first[client].time));
  }
  if (outer.first[server].frame != 0 && inner.first[server].frame != 0) {
    bounds.least = minus(inner.first[server].time, outer.first[server].time);
  } else if (tunnel.reply.frame != 0) {
    bounds.least = minus(leg.first.time, tunnel.reply.time);
  } else {
    return std::nullopt;
  }
  return bounds;
}

}  // namespace proxytunnel
