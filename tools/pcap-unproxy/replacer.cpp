// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --mode replace: what is known goes out in order, what is not waits.
#include "replacer.hpp"

#include <algorithm>
#include <utility>

#include "envelope.hpp"

namespace unproxy {

using proxytunnel::Decoded;
using proxytunnel::Remainder;
using proxytunnel::Translation;
using proxytunnel::VirtualPacket;

namespace {

Bytes copy(Bytes from, std::vector<std::uint8_t>& room) {
  const std::size_t at = room.size();
  room.insert(room.end(), from.begin(), from.end());
  return Bytes(room).subspan(at);
}

std::vector<Address> ends_of(const Decoded& decoded) {
  if (decoded.kind == Decoded::Kind::tcp) {
    return {decoded.segment.sender.address, decoded.segment.receiver.address};
  }
  if (decoded.kind == Decoded::Kind::udp) {
    return {decoded.datagram.sender.address, decoded.datagram.receiver.address};
  }
  return {};
}

}  // namespace

// Views into the frame move with it; what was put together elsewhere is copied, too.
void Replacer::Captured::keep() {
  if (!bytes.empty()) return;
  const Bytes frame = packet.data;
  std::size_t size = frame.size() + packet.options.bytes.size() + 1;  // never empty, so that it is kept once
  if (segment) {
    size += segment->segment.header.size() + segment->segment.payload.size() + segment->link.bytes.size();
  }
  bytes.reserve(size);  // nothing moves from here on
  packet.data = copy(frame, bytes);
  packet.options.bytes = copy(packet.options.bytes, bytes);
  bytes.resize(bytes.size() + 1);
  if (!segment) return;
  const auto move = [&](Bytes view) {
    const bool is_inside = !frame.empty() && view.data() >= frame.data() &&
                           view.data() <= frame.data() + frame.size() &&
                           view.size() <= static_cast<std::size_t>(frame.data() + frame.size() - view.data());
    if (!is_inside) return copy(view, bytes);
    return packet.data.subspan(static_cast<std::size_t>(view.data() - frame.data()), view.size());
  };
  CapturedSegment& of = *segment;
  const bool is_in_frame = of.packet.data() >= frame.data() && of.packet.data() < frame.data() + frame.size();
  of.segment.header = move(of.segment.header);
  of.segment.payload = move(of.segment.payload);
  of.link.bytes = move(of.link.bytes);
  of.packet = is_in_frame ? move(of.packet) : Bytes();
  of.frame = packet.data;
}

Replacer::Item* Replacer::find(Ticket ticket) {
  if (ticket < first_ || ticket - first_ >= items_.size()) return nullptr;
  return &items_[static_cast<std::size_t>(ticket - first_)];
}

Replacer::Ticket Replacer::add(Item item) {
  item.size += sizeof(Item);
  bytes_ += item.size;
  items_.push_back(std::move(item));
  return first_ + items_.size() - 1;
}

Replacer::Ticket Replacer::captured(const Packet& packet, const Decoded& decoded) {
  Item item{.what = Captured{packet}, .time = packet.time, .size = packet.data.size() + packet.options.bytes.size()};
  auto& captured = std::get<Captured>(item.what);
  captured.ends = ends_of(decoded);
  if (decoded.kind == Decoded::Kind::tcp) {
    captured.segment = CapturedSegment{.segment = decoded.segment,
                                       .frame = packet.data,
                                       .wire_length = packet.wire_length,
                                       .link = decoded.link,
                                       .packet = decoded.packet,
                                       .is_wrapped = !decoded.segment.frame.encapsulation.empty()};
    captured.segment->segment.frame = {};
  }
  const bool is_fragment = decoded.kind == Decoded::Kind::other && decoded.reason == proxytunnel::Reason::fragment;
  if (is_fragment) {
    item.fate = Fate::waits;
    return fragments_[packet.number] = add(std::move(item));
  }
  const bool is_complete = take_fragments(decoded, packet.number, item);
  const Ticket ticket = add(std::move(item));
  join_fragments(ticket);
  return is_complete ? ticket : 0;
}

void Replacer::join_fragments(Ticket whole) {
  whole_ = whole;
  for (const Ticket ticket : find(whole)->fragments) {
    if (Item* fragment = find(ticket)) fragment->whole = whole;
  }
}

// False if one of them is out already.
bool Replacer::take_fragments(const Decoded& decoded, FrameNumber frame, Item& item) {
  bool is_complete = true;
  for (const FrameNumber number : decoded.fragments) {
    if (number == frame) continue;
    const auto found = fragments_.find(number);
    if (found == fragments_.end()) {
      is_complete = false;
      continue;
    }
    item.fragments.push_back(found->second);
    fragments_.erase(found);
  }
  if (!is_complete) {
    settle_fragments(item);
    item.fragments.clear();
  }
  return is_complete;
}

// They are what their datagram is: as it was, or gone with it.
void Replacer::settle_fragments(const Item& item) {
  for (const Ticket ticket : item.fragments) {
    Item* fragment = find(ticket);
    if (fragment == nullptr) continue;
    fragment->fate = item.fate;
    fragment->is_left_out = item.is_left_out;
  }
}

Replacer::Ticket Replacer::packet(const VirtualPacket& packet) {
  Virtual made{packet, writer_.comment_on(packet), {}};
  made.bytes.reserve(packet.payload.size() + packet.frame.envelope.size());
  made.packet.payload = copy(packet.payload, made.bytes);
  made.packet.frame.envelope = copy(packet.frame.envelope, made.bytes);
  const std::size_t size = made.bytes.size() + made.comment.size();
  Item item{.what = std::move(made), .time = packet.time, .size = size};
  item.is_left_out = left_out_.inside.contains(packet.tunnel);
  return add(std::move(item));
}

void Replacer::waits(Ticket ticket) {
  Item* item = find(ticket);
  if (item != nullptr) item->fate = Fate::waits;
}

void Replacer::remains(const Remainder& remainder) {
  Item* item = find(remainder.ticket);
  if (item == nullptr) return;
  item->fate = remainder.is_whole ? Fate::as_it_is : Fate::remainder;
  item->pieces = remainder.pieces;
  settle_fragments(*item);
}

void Replacer::begun_in(Ticket ticket, FrameNumber connection) {
  if (left_out_.begun_in.empty() || !left_out_.begun_in.contains(connection)) return;
  Item* item = find(ticket);
  if (item != nullptr) item->is_left_out = true;
}

bool Replacer::is_too_much(Time now) const {
  if (bytes_ > limits_.bytes) return true;
  const Time since = items_.front().time;
  return now > since &&
         static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(since) > static_cast<std::uint64_t>(limits_.time);
}

Replacer::Ticket Replacer::done(Time now) {
  const Item* whole = find(std::exchange(whole_, 0));
  if (whole != nullptr && (whole->fate != Fate::waits || whole->is_left_out)) settle_fragments(*whole);
  write_known();
  while (!items_.empty() && is_too_much(now)) {
    Item& first = items_.front();
    const auto* captured = std::get_if<Captured>(&first.what);
    const bool is_lone = captured != nullptr && fragments_.erase(captured->packet.number) > 0;
    const Ticket ticket = first.whole != 0 ? first.whole : first_;
    if (!is_lone && std::exchange(asked_, ticket) != ticket) {
      ++let_go_;
      return ticket;
    }
    first.fate = Fate::as_it_is;
    write_known();
  }
  // What is still here stays for a while.
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    auto* captured = std::get_if<Captured>(&item->what);
    if (captured == nullptr) continue;
    if (!captured->bytes.empty()) break;
    captured->keep();
  }
  return 0;
}

void Replacer::finish() {
  for (Item& item : items_) {
    if (item.fate == Fate::waits && item.fragments.empty()) item.fate = Fate::as_it_is;
  }
  write_known();
}

void Replacer::write_known() {
  while (!items_.empty()) {
    Item& first = items_.front();
    const bool is_known = first.fate != Fate::waits || first.is_left_out;
    if (!is_known) return;
    write(first);
    bytes_ -= first.size;
    items_.pop_front();
    ++first_;
  }
}

void Replacer::write(const Item& item) {
  if (item.is_left_out) return;
  std::visit([&](const auto& what) { write(what, item); }, item.what);
}

void Replacer::write(const Captured& captured, const Item& item) {
  if (item.fate == Fate::as_it_is) return writer_.captured(captured.packet, captured.ends);
  if (!captured.segment) return;
  for (const Translation& change : item.pieces) {
    const SplicedFrame spliced = splice(*captured.segment, change);
    Packet packet = captured.packet;
    packet.data = spliced.bytes;
    packet.wire_length = spliced.wire_length;
    writer_.changed(packet, captured.ends);
  }
}

void Replacer::write(const Virtual& made, const Item& item) {
  if (item.fate == Fate::as_it_is) return writer_.packet(made.packet, made.comment);
  for (const Translation& change : item.pieces) {
    VirtualPacket packet = made.packet;
    translate(made.packet.as_segment(), change, packet);
    packet.frame = made.packet.frame;
    writer_.packet(packet, made.comment);
  }
}

}  // namespace unproxy
