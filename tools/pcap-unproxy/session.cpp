// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one capture on its way through the core.
#include "session.hpp"

#include <filesystem>
#include <fstream>
#include <utility>

#include "capture/random_key.hpp"
#include "envelope.hpp"
#include "live_names.hpp"
#include "look_ahead.hpp"
#include "names/hosts.hpp"
#include "window_sink.hpp"

namespace unproxy {

using proxytunnel::Provenance;

namespace {

proxytunnel::TrackerOptions tracker_options(const Options& given, Mode mode) {
  proxytunnel::TrackerOptions options = given.tracker;
  options.remainders = mode == Mode::replace;
  options.hash_key = random_key();
  return options;
}

}  // namespace

Session::Session(const Options& options, Mode mode) : options_(options), tracker_(tracker_options(options, mode)) {
  // On an interface the kernel filters.
  if (!options.filter.empty() && !options.live) filter_.emplace(options.filter);
  read_hosts_files();
}

void Session::read_hosts_files() {
  const auto refuse = [](const std::string& path, const std::string& why) {
    throw CaptureError(path + why + "; --names hosts=FILE wants a hosts file");
  };
  for (const std::string& path : options_.names.hosts_files) {
    std::error_code none;
    if (std::filesystem::is_directory(path, none)) refuse(path, " is a directory");
    std::ifstream file(path);
    if (!file) refuse(path, ": cannot be read");
    for (std::string line; std::getline(file, line);) {
      if (line.find('\0') != std::string::npos) refuse(path, " is no text");
      const auto entry = proxytunnel::parse_hosts_line(line);
      if (!entry) continue;
      for (const auto& name : entry->names) tracker_.names().record(Provenance::hosts_file, name, entry->address);
    }
  }
}

void Session::run(CaptureReader& reader, Decryption* decryption, Sink& sink) {
  may_pass_ = decryption == nullptr && !options_.tracker.accounts && !sink.wants_all();
  if (options_.window) return read_window(reader, sink);
  decryption_ = decryption;
  LookAhead ahead(reader, filter_ ? &*filter_ : nullptr, tracker_);
  while (const Packet* next = ahead.next()) {
    if (decryption_ != nullptr && decryption_->is_stopped()) break;
    take_side_blocks(reader, sink);
    packet(*next, reader, ahead.enters_names() ? Names::entered : Names::to_enter, sink);
  }
  take_side_blocks(reader, sink);
  finish(sink);
  if (decryption_ != nullptr) unmatched_ = decryption_->unmatched() + tracker_.counters().stray_chunks;
  told_ = counts(reader, Part::all);
}

// What is counted while the files of a window are read is the window's: so nothing is counted twice, and nothing is
// left out. Only a tunnel is counted where it belongs.
void Session::read_window(CaptureReader& reader, Sink& sink) {
  const proxytunnel::FrameRange frames = options_.window->frames();
  WindowSink own(*options_.window, sink);
  std::optional<Counts> before, with;
  LookAhead ahead(reader, filter_ ? &*filter_ : nullptr, tracker_);
  while (const Packet* next = ahead.next()) {
    if (!before && frames.has(next->number)) {
      before = counts(reader, Part::so_far);
      sink.begin(next->time);
    }
    if (!with && next->number >= frames.end) with = counts(reader, Part::so_far);
    if (is_over(next->number, own)) break;
    take_side_blocks(reader, own);
    packet(*next, reader, ahead.enters_names() ? Names::entered : Names::to_enter, own);
  }
  take_side_blocks(reader, own);
  const auto of_tcp = tracker_.unfinished(frames);
  unfinished_ = {of_tcp.looked_at + own.open_declared(), of_tcp.silent};
  finish(own);
  if (before) told_ = less(with ? std::move(*with) : counts(reader, Part::all), *before);
  told_.counters.tunnels = own.opened();
}

// A look costs as much as there are connections, but where not all is over, the first ones tell: they were idle for
// longest.
bool Session::is_over(FrameNumber next, const WindowSink& own) {
  constexpr FrameNumber between_looks = 65536;
  const proxytunnel::FrameRange frames = options_.window->frames();
  if (next < frames.end || next < next_look_) return false;
  next_look_ = next + between_looks;
  return !own.has_open() && !tracker_.has_unfinished(frames);
}

void Session::finish(Sink& sink) {
  for (bool more = true; more;) {
    through([&](proxytunnel::Outcome& outcome) { more = tracker_.finish(outcome); }, sink);
  }
}

Session::Counts Session::counts(const CaptureReader& reader, Part part) {
  Counts all{summary_, tracker_.counters()};
  all.summary.dropped = reader.dropped_blocks();
  all.summary.dropped.names += tracker_.names().dropped_names();
  auto& passed_over = all.summary.passed_over;
  for (std::size_t i = 0; i < proxytunnel::reason_count; ++i) {
    if (passed_over_[i] != 0) passed_over[std::string(name_of(static_cast<proxytunnel::Reason>(i)))] = passed_over_[i];
  }
  if (filtered_ != 0) passed_over["filter"] = filtered_;
  const std::uint64_t unfinished = part == Part::all ? decoder_.unfinished_datagrams() : decoder_.given_up_datagrams();
  if (unfinished != 0) passed_over["unfinished-datagrams"] = unfinished;
  return all;
}

Session::Counts Session::less(Counts counts, const Counts& before) {
  counts.summary.packets -= before.summary.packets;
  counts.summary.dropped.names -= before.summary.dropped.names;
  counts.summary.dropped.secrets -= before.summary.dropped.secrets;
  for (const auto& [reason, count] : before.summary.passed_over) counts.summary.passed_over[reason] -= count;
  std::erase_if(counts.summary.passed_over, [](const auto& each) { return each.second == 0; });
  counts.counters.connections -= before.counters.connections;
  counts.counters.dropped_connections -= before.counters.dropped_connections;
  counts.counters.gave_way -= before.counters.gave_way;
  counts.counters.midstream -= before.counters.midstream;
  return counts;
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
  if (!summary_.first_time) {
    summary_.first_time = packet.time;
    sink.begin(packet.time);
  }
  summary_.last_time = packet.time;
  const Interface& interface = reader.interfaces()[packet.interface];
  if (filter_ && !filter_->matches(packet, interface.link_type)) {
    ++filtered_;
    return;
  }
  frame_ = packet.number;
  if (decryption_ != nullptr) decryption_->begin(frame_);
  using Kind = proxytunnel::Decoded::Kind;
  const proxytunnel::Decoded& decoded = decoder_.decode(packet.of_link_type(interface.link_type));
  if (decoded.kind == Kind::tcp && passes(decoded.segment)) return;
  const proxytunnel::Ticket ticket = sink.captured(packet, decoded);
  // All packets of a pcap file have one link type, so that is the capture's.
  const bool has_one = options_.format == Format::pcap && options_.link == Link::keep;
  const Envelope envelope{packet.interface, has_one ? decoded.outer_link : decoded.link};
  if (decoded.kind == Kind::udp) {
    tracker_.addresses_occur(decoded.datagram);
    if (names == Names::to_enter) tracker_.learn(decoded.datagram);
    proxytunnel::Datagram datagram = decoded.datagram;
    datagram.frame.envelope = envelope.pack(envelope_);
    datagram.ticket = ticket;
    put_in(datagram, sink);
  } else if (decoded.kind == Kind::tcp) {
    proxytunnel::Segment segment = decoded.segment;
    segment.frame.envelope = envelope.pack(envelope_);
    segment.ticket = ticket;
    put_in(segment, proxytunnel::Direction::from_client, sink);
  } else {
    ++passed_over_[static_cast<std::size_t>(decoded.reason)];
  }
  let_go(packet.time, sink);
}

void Session::let_go(Time now, Sink& sink) {
  while (const proxytunnel::Ticket ticket = sink.done(now)) {
    through([&](proxytunnel::Outcome& outcome) { tracker_.let_go(ticket, outcome); }, sink);
  }
}

bool Session::passes(const proxytunnel::Segment& segment) {
  return may_pass_ && tracker_.passes(segment);
}

void Session::put_in(const proxytunnel::Segment& segment, proxytunnel::Direction direction, Sink& sink) {
  if (segment.layer > 0 && passes(segment)) return;
  const auto put = [&](proxytunnel::Outcome& outcome) {
    tracker_.segment(segment, outcome);
    const bool is_told = outcome.begun_in != 0 && segment.is_on_wire();
    if (is_told) sink.connection(segment.ticket, outcome.begun_in, outcome.progress);
  };
  through(put, sink, segment.ticket);
  if (decryption_ == nullptr) return;
  decryption_->take(segment, direction, [&](const DecryptedPiece& piece) { put_in_decrypted(segment, piece, sink); });
}

// What tells the piece's connection is that of the segment that completed it.
void Session::put_in_decrypted(const proxytunnel::Segment& segment, const DecryptedPiece& piece, Sink& sink) {
  proxytunnel::Chunk chunk;
  chunk.sender = segment.sender;
  chunk.receiver = segment.receiver;
  chunk.ip = segment.ip;
  chunk.payload = piece.payload;
  chunk.end = piece.head.end;
  chunk.frame = segment.frame;
  chunk.frame.number = frame_;  // what waited inside names the frame that carried it
  chunk.parent = segment.parent;
  chunk.layer = segment.layer;
  through([&](proxytunnel::Outcome& outcome) { tracker_.chunk(chunk, outcome); }, sink);
}

void Session::put_in(const proxytunnel::Datagram& datagram, Sink& sink) {
  through([&](proxytunnel::Outcome& outcome) { tracker_.relay(datagram, outcome); }, sink, datagram.ticket);
}

template <class PutIn>
void Session::through(PutIn put_in, Sink& sink, proxytunnel::Ticket ticket) {
  if (depth_ == outcomes_.size()) outcomes_.emplace_back();
  proxytunnel::Outcome& outcome = outcomes_[depth_];
  ++depth_;
  put_in(outcome);
  if (outcome.waits) sink.waits(ticket);
  for (const proxytunnel::Remainder& remainder : outcome.remainders) sink.remains(remainder);
  take(outcome, sink);
  --depth_;
}

void Session::take(proxytunnel::Outcome& outcome, Sink& sink) {
  outcome.in_order([&](proxytunnel::Event& event) { report_event(event, sink); },
                   [&](const proxytunnel::VirtualPacket& made) {
                     const proxytunnel::Ticket ticket = sink.packet(made);
                     if (made.transport == proxytunnel::Transport::tcp) {
                       proxytunnel::Segment segment = made.as_segment();
                       segment.ticket = ticket;
                       put_in(segment, made.direction, sink);
                     } else {
                       proxytunnel::Datagram datagram = made.as_datagram();
                       datagram.ticket = ticket;
                       tracker_.learn(datagram);
                       put_in(datagram, sink);
                     }
                   });
  for (const proxytunnel::ConnectionRecord& record : outcome.connections) sink.connection_ended(record);
}

void Session::report_event(proxytunnel::Event& event, Sink& sink) {
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
  } else if (const auto* said = std::get_if<proxytunnel::MessageEvent>(&event);
             said != nullptr && options_.names.live) {
    look_up(*said);
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
