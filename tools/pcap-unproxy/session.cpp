// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one capture on its way through the core.
#include "session.hpp"

#include <fstream>

#include "envelope.hpp"
#include "live_names.hpp"
#include "look_ahead.hpp"
#include "names/hosts.hpp"

namespace unproxy {

using proxytunnel::Provenance;

namespace {

proxytunnel::TrackerOptions with_first_id(proxytunnel::TrackerOptions options, proxytunnel::TunnelId first_id) {
  options.first_id = first_id;
  return options;
}

}  // namespace

Session::Session(const Options& options, proxytunnel::TunnelId first_id)
    : options_(options), first_id_(first_id), tracker_(with_first_id(options.tracker, first_id)) {
  if (!options.filter.empty()) filter_.emplace(options.filter);
  read_hosts_files();
}

void Session::read_hosts_files() {
  for (const std::string& path : options_.names.hosts_files) {
    std::ifstream file(path);
    if (!file) throw CaptureError(path + ": cannot be read; --names hosts=FILE wants a hosts file");
    for (std::string line; std::getline(file, line);) {
      const auto entry = proxytunnel::parse_hosts_line(line);
      if (!entry) continue;
      for (const auto& name : entry->names) tracker_.names().record(Provenance::hosts_file, name, entry->address);
    }
  }
}

void Session::run(CaptureReader& reader, Decryption* decryption, Sink& sink) {
  decryption_ = decryption;
  LookAhead ahead(reader, filter_ ? &*filter_ : nullptr, tracker_);
  while (const Packet* next = ahead.next()) {
    take_side_blocks(reader, sink);
    packet(*next, reader, ahead.enters_names() ? Names::entered : Names::to_enter, sink);
  }
  take_side_blocks(reader, sink);
  tracker_.finish(outcomes_[0]);
  report_events(outcomes_[0], sink);
  summary_.dropped = reader.dropped_blocks();
  summary_.dropped.names += tracker_.names().dropped_names();
  for (std::size_t i = 0; i < reason_count; ++i) {
    if (passed_over_[i] != 0) summary_.passed_over[std::string(name_of(static_cast<Reason>(i)))] = passed_over_[i];
  }
  if (filtered_ != 0) summary_.passed_over["filter"] = filtered_;
  if (decoder_.unfinished_datagrams() != 0) {
    summary_.passed_over["unfinished-datagrams"] = decoder_.unfinished_datagrams();
  }
}

void Session::take_side_blocks(CaptureReader& reader, Sink& sink) {
  for (const Secrets& secrets : reader.take_secrets()) sink.secrets(secrets);
  for (const NameRecord& record : reader.take_names()) {
    sink.name(record);
    if (options_.names.capture) tracker_.names().record(Provenance::name_resolution_block, record.name, record.address);
  }
}

void Session::packet(const Packet& packet, const CaptureReader& reader, Names names, Sink& sink) {
  ++summary_.packets;
  if (!summary_.first_time) summary_.first_time = packet.time;
  summary_.last_time = packet.time;
  const Interface& interface = reader.interfaces()[packet.interface];
  if (filter_ && !filter_->matches(packet, interface.link_type)) {
    ++filtered_;
    return;
  }
  const Decoded& decoded = decoder_.decode(packet, interface);
  if (decoded.kind == Transport::udp) {
    tracker_.addresses_occur(decoded.datagram);
    if (names == Names::to_enter) tracker_.learn(decoded.datagram);
    proxytunnel::Datagram datagram = decoded.datagram;
    datagram.frame.envelope = Envelope{packet.interface, decoded.link_header}.pack(envelope_);
    put_in(datagram, 0, sink);
  } else if (decoded.kind == Transport::tcp) {
    proxytunnel::Segment segment = decoded.segment;
    segment.frame.envelope = Envelope{packet.interface, decoded.link_header}.pack(envelope_);
    put_in(segment, 0, sink);
    if (decryption_ != nullptr) put_in_decrypted(segment, sink);
  } else {
    ++passed_over_[static_cast<std::size_t>(decoded.reason)];
  }
}

// Both programs number their tunnels alike, from 0 in each capture.
void Session::put_in_decrypted(const proxytunnel::Segment& segment, Sink& sink) {
  while (auto chunk = decryption_->next(segment.frame.number)) {
    chunk->ip = segment.ip;
    chunk->frame = segment.frame;
    if (chunk->parent != proxytunnel::no_tunnel) chunk->parent += first_id_;
    tracker_.chunk(*chunk, outcomes_[chunk->layer]);
    take(outcomes_[chunk->layer], chunk->layer, sink);
  }
}

void Session::put_in(const proxytunnel::Segment& segment, unsigned layer, Sink& sink) {
  tracker_.segment(segment, outcomes_[layer]);
  take(outcomes_[layer], layer, sink);
}

void Session::put_in(const proxytunnel::Datagram& datagram, unsigned layer, Sink& sink) {
  tracker_.relay(datagram, outcomes_[layer]);
  take(outcomes_[layer], layer, sink);
}

void Session::take(proxytunnel::Outcome& outcome, unsigned layer, Sink& sink) {
  report_events(outcome, sink);
  for (const proxytunnel::VirtualPacket& made : outcome.packets) {
    sink.packet(made);
    if (made.transport == proxytunnel::Transport::tcp) {
      put_in(made.as_segment(), layer + 1, sink);
    } else {
      tracker_.learn(made.as_datagram());
      put_in(made.as_datagram(), layer + 1, sink);
    }
  }
}

void Session::report_events(proxytunnel::Outcome& outcome, Sink& sink) {
  for (proxytunnel::Event& event : outcome.events) {
    if (auto* ended = std::get_if<proxytunnel::EndedEvent>(&event)) {
      sink.ended(std::move(ended->attempt));
    } else if (const auto* opened = std::get_if<proxytunnel::OpenedEvent>(&event)) {
      sink.opened(opened->attempt);
    } else if (const auto* flow = std::get_if<proxytunnel::FlowEvent>(&event)) {
      sink.flow(flow->attempt);
    } else if (const auto* named = std::get_if<proxytunnel::NameEvent>(&event)) {
      sink.name({named->address, named->name});
    } else if (const auto* skipped = std::get_if<proxytunnel::SkippedEvent>(&event)) {
      sink.skipped(*skipped);
    } else if (options_.names.live) {
      look_up(std::get<proxytunnel::MessageEvent>(event));
    }
  }
}

// The request comes before the answer that opens the tunnel: by then the name's address is known.
void Session::look_up(const proxytunnel::MessageEvent& event) {
  const auto& target = event.message.target;
  if (!target || target->address) return;
  for (const Address& address : live_addresses(target->host)) {
    tracker_.names().record(Provenance::dns_live, target->host, address);
  }
}

}  // namespace unproxy
