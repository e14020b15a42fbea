// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the pass over legs whose clients are known.
#include "correlation/leg_pass.hpp"

#include "envelope.hpp"
#include "synth/unwrap.hpp"
#include "tracker/opening.hpp"

namespace unproxy {

using proxytunnel::ConnectionKey;
using proxytunnel::Datagram;
using proxytunnel::Endpoint;
using proxytunnel::Segment;
using proxytunnel::ServedLeg;
using proxytunnel::Side;
using proxytunnel::Transport;
using proxytunnel::VirtualPacket;

namespace {

constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

void translate(const Segment& segment, const Endpoint& sender, const Endpoint& receiver, VirtualPacket& result) {
  proxytunnel::Translation change;
  change.sender = sender;
  change.receiver = receiver;
  change.sequence = segment.sequence();
  change.acknowledgment = segment.acknowledgment();
  change.keeps_syn = true;
  proxytunnel::translate(segment, change, result);
  result.transport = Transport::tcp;
}

void translate(const Datagram& datagram, const Endpoint& sender, const Endpoint& receiver, VirtualPacket& result) {
  proxytunnel::unwrap(datagram, {sender, receiver}, result);
  result.transport = Transport::udp;
}

}  // namespace

LegPass::LegPass(const WanLegs& legs, std::size_t source, const Options& options, VirtualWriter* view)
    : legs_(legs), options_(options), view_(view) {
  for (const ServedLeg& leg : legs.legs()) {
    if (leg.leg.source != source || leg.clients.empty()) continue;
    const auto& ends = leg.leg.ends;
    by_ends_[ConnectionKey::of(ends.initiator, ends.acceptor, proxytunnel::no_tunnel)].push_back(accounts_.size());
    accounts_.emplace_back(&leg, proxytunnel::ConnAccount());
  }
}

std::size_t LegPass::leg_at(const ConnectionKey& key, FrameNumber frame) const {
  const auto found = by_ends_.find(key);
  if (found == by_ends_.end()) return nowhere;
  for (const std::size_t place : found->second) {
    const auto& leg = accounts_[place].first->leg;
    if (leg.first.frame <= frame && frame <= leg.last.frame) return place;
  }
  return nowhere;
}

proxytunnel::Ticket LegPass::captured(const Packet& packet, const proxytunnel::Decoded& decoded) {
  using Kind = proxytunnel::Decoded::Kind;
  if (decoded.kind == Kind::tcp) {
    const Segment& segment = decoded.segment;
    see(segment, ConnectionKey::of(segment.sender, segment.receiver, proxytunnel::no_tunnel), packet, decoded);
  } else if (decoded.kind == Kind::udp) {
    const Datagram& datagram = decoded.datagram;
    see(datagram, ConnectionKey::of(datagram.sender, datagram.receiver, proxytunnel::no_tunnel), packet, decoded);
  }
  return 0;
}

template <class Carried>
void LegPass::see(const Carried& carried, const ConnectionKey& key, const Packet& packet,
                  const proxytunnel::Decoded& decoded) {
  const std::size_t place = leg_at(key, packet.number);
  if (place == nowhere) return;
  auto& [leg, account] = accounts_[place];
  const Side side = carried.sender == leg->leg.ends.initiator ? Side::initiator : Side::acceptor;
  account.see(carried, side);
  if (view_ == nullptr || leg->is_shared || leg->clients.size() != 1) return;
  Endpoint client = legs_.client(leg->clients.front()).client, server = leg->leg.ends.acceptor;
  proxytunnel::match_families(client, server);
  const bool has_one = options_.format == Format::pcap && options_.link == Link::keep;
  const Envelope envelope{packet.interface, has_one ? decoded.outer_link : decoded.link};
  Carried shown = carried;
  shown.frame.envelope = envelope.pack(envelope_);
  VirtualPacket result;
  const bool is_from_client = side == Side::initiator;
  translate(shown, is_from_client ? client : server, is_from_client ? server : client, result);
  result.direction = is_from_client ? proxytunnel::Direction::from_client : proxytunnel::Direction::from_server;
  result.time = result.frame.time;
  show(result, *leg, packet.number == leg->leg.first.frame);
}

void LegPass::show(VirtualPacket& packet, const ServedLeg& leg, bool is_first) {
  const proxytunnel::LegClient& client = legs_.client(leg.clients.front());
  packet.tunnel = client.input_id;
  if (is_first && !client.host.empty()) view_->name_address(leg.leg.ends.acceptor.address, client.host);
  view_->packet(packet, is_first ? words_of(leg) : std::string());
}

// What an analyst must know to judge the conversation that begins here.
std::string LegPass::words_of(const ServedLeg& leg) const {
  const auto& of = leg.clients.front();
  const proxytunnel::LegClient& client = legs_.client(of);
  std::string words = "connection of proxy " + leg.leg.ends.initiator.text() + ", shown as that of its client " +
                      client.client.text() + " (tunnel " + std::to_string(client.input_id) + "), by ";
  std::string grounds;
  legs_.found(of).grounds.each([&grounds](proxytunnel::Ground, const proxytunnel::Weight& weight) {
    grounds += (grounds.empty() ? "" : ", ") + std::string(weight.name);
  });
  return words + grounds;
}

}  // namespace unproxy
