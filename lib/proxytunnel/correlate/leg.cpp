// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a leg: a connection, or a flow of datagrams, that is no proxy session and may be a proxy's to an origin.
#include "correlate/leg.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

// Each question to a name server is a flow of its own: they must not take the room of connections.
constexpr std::size_t share_of_flows = 4;

// Whoever opened a leg is the proxy, and the origin's client.
Direction direction_from(Side side) noexcept {
  return side == Side::initiator ? Direction::from_client : Direction::from_server;
}

}  // namespace

struct LegCollector::Open {
  Open(const HashKey& hash_key, Room& room) : content(hash_key, room) {}

  [[nodiscard]] Side side_of(const Endpoint& sender) const noexcept {
    return sender == ends.initiator ? Side::initiator : Side::acceptor;
  }

  Transport transport = Transport::tcp;
  Ends ends;
  Stamp first, last;
  ContentReader content;
  PerSide<SequenceSpace> space;
  PerSide<bool> has_spoken{false, false}, has_ended{false, false};
  bool is_session = false;
};

LegCollector::LegCollector(const HashKey& key, std::size_t source, std::size_t most)
    : key_(key),
      source_(source),
      most_(most),
      connections_(limits::open_legs, key),
      flows_(limits::open_flows, key),
      sessions_(0, ConnectionKeyHash{TableHash(key)}) {}

LegCollector::~LegCollector() = default;

LegCollector::Open& LegCollector::begin(const ConnectionKey& key, Transport transport, Ends ends, Stamp stamp) {
  auto& table = transport == Transport::tcp ? connections_ : flows_;
  const auto [slot, is_new] = table.find_or_insert(key, [this](Slot& idle) { end(idle); });
  if (!is_new) end(*slot);
  *slot = std::make_unique<Open>(key_, room_);
  Open& open = **slot;
  open.transport = transport;
  open.ends = ends;
  open.first = open.last = stamp;
  return open;
}

void LegCollector::end(Slot& slot) {
  const Slot open = std::move(slot);
  if (!open || open->is_session) return;
  const bool is_answered = open->has_spoken[Side::acceptor] && open->has_spoken[Side::initiator];
  if (!is_answered && open->transport == Transport::tcp) return;
  const bool is_flow = open->transport == Transport::udp;
  if (legs_.size() >= most_ || (is_flow && kept_flows_ >= most_ / share_of_flows)) {
    ++dropped_;
    return;
  }
  if (is_flow) ++kept_flows_;
  legs_.push_back({open->transport, open->ends, open->first, open->last, source_, open->content.value()});
}

void LegCollector::segment(const Segment& segment) {
  if (segment.sender == segment.receiver) return;
  const ConnectionKey key = ConnectionKey::of(segment);
  const Stamp stamp = stamp_of(segment.frame);
  const bool asks = segment.has(tcp_flag::syn) && !segment.has(tcp_flag::ack);
  Slot* slot = connections_.use(key);
  Open* open = slot == nullptr ? nullptr : slot->get();
  if (open != nullptr && asks) {
    const SequenceSpace& own = open->space[open->side_of(segment.sender)];
    if (own.known() && own.sequence(0) != segment.sequence() + 1) open = nullptr;  // the ports are used again
  }
  if (segment.has(tcp_flag::rst)) {  // it may be forged, and says nothing
    if (open != nullptr) open->last = stamp;
    return;
  }
  if (open == nullptr) {
    const bool answers = segment.has(tcp_flag::syn) && segment.has(tcp_flag::ack);
    const Ends ends = answers ? Ends{segment.receiver, segment.sender} : Ends{segment.sender, segment.receiver};
    open = &begin(key, Transport::tcp, ends, stamp);
  }
  if (open->is_session) return;
  open->last = stamp;
  const Side side = open->side_of(segment.sender);
  open->has_spoken[side] = true;
  SequenceSpace& space = open->space[side];
  if (segment.has(tcp_flag::fin)) see_end(*open, side, key);
  const std::uint32_t numbers = segment.has(tcp_flag::syn) ? 1 : 0;
  if (!space.known()) space.start(segment.sequence() + numbers);
  if (segment.length == 0) return;
  const Offset offset = space.offset(segment.sequence() + numbers);
  if (offset < 0 || offset > space.latest() + limits::largest_window) return;
  space.see(offset + segment.length);
  open->content.segment(direction_from(side), offset, segment.payload, segment.length, stamp);
}

// What closed may still get a byte or two; what closed long before it does not.
void LegCollector::see_end(Open& open, Side side, const ConnectionKey& key) {
  const bool was_closed = open.has_ended[Side::initiator] && open.has_ended[Side::acceptor];
  open.has_ended[side] = true;
  if (was_closed || !open.has_ended[other(side)]) return;
  closed_.emplace_back(key, open.first.frame);
  if (closed_.size() <= limits::closed_connections) return;
  const auto [oldest, first] = closed_.front();
  closed_.pop_front();
  Slot* slot = connections_.find(oldest);
  if (slot == nullptr || !*slot || (*slot)->first.frame != first) return;
  end(*slot);
  connections_.erase(oldest);
}

void LegCollector::datagram(const Datagram& datagram) {
  const ConnectionKey key =
      ConnectionKey::of(datagram.sender, datagram.receiver, datagram.parent, datagram.frame.network);
  const Stamp stamp = stamp_of(datagram.frame);
  Slot* slot = flows_.use(key);
  Open* open = slot == nullptr ? nullptr : slot->get();
  if (open == nullptr) open = &begin(key, Transport::udp, {datagram.sender, datagram.receiver}, stamp);
  open->last = stamp;
  open->content.datagram(direction_from(open->side_of(datagram.sender)), datagram.payload, datagram.length, stamp);
}

void LegCollector::session(const Attempt& attempt) {
  if (attempt.parent != no_tunnel || attempt.carrier_transport() != Transport::tcp) return;
  const ConnectionKey key = ConnectionKey::of(attempt.carrier.initiator, attempt.carrier.acceptor, no_tunnel);
  Slot* slot = connections_.find(key);
  const FrameNumber first = attempt.carrier_first.frame, last = std::max(attempt.last, attempt.closed.frame);
  const bool is_open = slot != nullptr && *slot && (*slot)->first.frame <= first;
  if (is_open) {
    (*slot)->is_session = true;
  } else {  // or what came of the same ends by the way, such as a SYN that its receiver dropped
    sessions_[key].emplace_back(first, last);
  }
}

std::vector<Leg> LegCollector::finish() {
  connections_.each([this](Slot& slot) { end(slot); });
  flows_.each([this](Slot& slot) { end(slot); });
  std::vector<Leg> legs = std::move(legs_);
  std::erase_if(legs, [this](const Leg& leg) {
    const auto session = sessions_.find(ConnectionKey::of(leg.ends.initiator, leg.ends.acceptor, no_tunnel));
    if (leg.transport != Transport::tcp || session == sessions_.end()) return false;
    return std::any_of(session->second.begin(), session->second.end(), [&leg](const auto& frames) {
      return leg.first.frame <= frames.second && frames.first <= leg.last.frame;
    });
  });
  std::sort(legs.begin(), legs.end(),
            [](const Leg& one, const Leg& another) { return one.first.frame < another.first.frame; });
  return legs;
}

}  // namespace proxytunnel
