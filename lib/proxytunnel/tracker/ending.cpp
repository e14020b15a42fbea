// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door's part about the end of connections: they retire, showing what waits in them, and are buried when
//          that was put in again.
#include <algorithm>
#include <utility>

#include "tracker/tracker.hpp"

namespace proxytunnel {
namespace {

// Connections that end in one step of finish(): each may bring out as much as it holds.
constexpr std::size_t retired_at_once = 64;

// Whether more than nothing may come of a connection that began in these frames, or of what waits in it and may have
// begun another one there.
bool is_unfinished(const Connection& connection, FrameRange frames) noexcept {
  const auto is_of_them = [frames](const Doubted& each) { return frames.has(each.held.segment().frame.number); };
  if (connection.doubts && std::any_of(connection.doubts->begin(), connection.doubts->end(), is_of_them)) return true;
  if (!frames.has(connection.first.frame)) return false;
  const bool has_record = connection.account && connection.protocol;
  return connection.phase != Phase::passed || connection.refusal || connection.doubts || has_record ||
         connection.has_decrypted;
}

}  // namespace

// What is left of it waits in retired_, out of the table: its ports may be used again at once.
void Tracker::retire(Connection& connection, const Frame& frame, Outcome& outcome) {
  if (connection.doubts || connection.odd.any()) settle_doubts(connection, frame, outcome);
  if (connection.has_waiting_payload()) give_up_framing(connection, frame, outcome);
  if (connection.handshaking) conclude(connection, outcome);
  if (connection.account && connection.protocol) {
    const Ends ends{connection.ends[Side::initiator], connection.ends[Side::acceptor]};
    outcome.connections.push_back(
        {ends, connection.first, *connection.protocol, connection.decrypted, std::move(*connection.account)});
  }
  if (connection.remains) settle_all(connection, outcome);
  if (connection.has_decrypted) {
    ConnectionKey key = connection.key();
    key.decrypted = true;
    retire_inside(key, frame, outcome);
  }
  forget_sent(connection);
  const bool leaves_something = connection.tunnels || connection.association;
  if (leaves_something) retired_.push_back(std::move(connection));
  connection = Connection();
}

// A virtual conversation is a connection of its own, and lives no longer than its tunnel; neither does what TLS
// carries.
void Tracker::retire_inside(const ConnectionKey& key, const Frame& frame, Outcome& outcome) {
  Connection* inside = inside_.find(key);
  if (inside == nullptr) return;
  retire(*inside, frame, outcome);
  inside_.erase(key);
}

// Closed connections leave, the first ones first. One whose streams went on behind what closed it (a RST that nobody
// took) is alive.
void Tracker::retire_closed(const Frame& frame, Outcome& outcome) {
  while (closed_.size() > limits::closed_connections) {
    const ConnectionKey key = closed_.front();
    closed_.pop_front();
    Connection* connection = table_.find(key);
    if (connection == nullptr) continue;
    if (connection->reset && connection->seen() > connection->seen_at_close) connection->reset = false;
    if (!connection->closed()) continue;
    retire(*connection, frame, outcome);
    table_.erase(key);
  }
}

// Whether nothing comes out if one more connection closes.
bool Tracker::closes_quietly() const noexcept {
  if (closed_.size() < limits::closed_connections) return true;
  const Connection* first = table_.find(closed_.front());
  return first == nullptr || !(first->is_looked_at() || first->doubts || first->has_decrypted);
}

// With a tunnel the connections inside it retire. What they show has to be put in again before they are buried.
void Tracker::bury(const Frame& frame, Outcome& outcome) {
  while (!retired_.empty() && outcome.packets.empty()) {
    for (Connection& connection : std::exchange(retired_, {})) end(connection, frame, outcome);
  }
}

void Tracker::end(Connection& connection, const Frame& frame, Outcome& outcome) {
  if (connection.tunnels) {
    for (auto& [id, opened] : connection.tunnels->list) end_conversation(opened, frame, outcome);
  }
  if (connection.association) {
    end_association(*connection.association);
    note_overflow(*connection.association);
    outcome.events.emplace_back(EndedEvent{std::move(*connection.association)});
  }
}

void Tracker::end_conversation(VirtualConnection& opened, const Frame& frame, Outcome& outcome) {
  const TunnelId id = opened.attempt.id;
  retire_inside(ConnectionKey::of(opened.ends[Side::initiator], opened.ends[Side::acceptor], id), frame, outcome);
  release_tuple(opened);
  own_clients_.erase(id);
  of_requests_.erase(id);
  if (is_of_requests(opened.attempt.protocol)) --forwarded_;
  note_overflow(opened.attempt);
  outcome.events.emplace_back(EndedEvent{std::move(opened.attempt)});
}

Tracker::Unfinished Tracker::unfinished(FrameRange frames) const noexcept {
  Unfinished found;
  table_.each([&](const Connection& connection) {
    if (!is_unfinished(connection, frames)) return;
    ++(connection.phase == Phase::fresh && !connection.doubts ? found.silent : found.looked_at);
  });
  return found;
}

bool Tracker::has_unfinished(FrameRange frames) const noexcept {
  return table_.any([frames](const Connection& connection) { return is_unfinished(connection, frames); });
}

bool Tracker::finish(Outcome& outcome) noexcept {
  outcome.clear();
  Frame frame;
  frame.number = latest_.frame;
  frame.time = latest_.time;
  if (!given_up_.empty()) tell_given_up(outcome);
  if (!retired_.empty()) {
    bury(frame, outcome);
    tell_given_up(outcome);
    return true;
  }
  if (!declared_.empty()) {
    for (std::size_t i = 0; i < retired_at_once && !declared_.empty(); ++i) {
      end_declared(Ended::with_the_capture, outcome);
    }
    return true;
  }
  ConnectionTable<Connection>& table = table_.size() > 0 ? table_ : inside_;
  if (table.size() == 0) {
    closed_.clear();
    return false;
  }
  for (std::size_t i = 0; i < retired_at_once && table.size() > 0; ++i) {
    retire(*table.oldest(), frame, outcome);
    table.erase_oldest();
  }
  return true;
}

}  // namespace proxytunnel
