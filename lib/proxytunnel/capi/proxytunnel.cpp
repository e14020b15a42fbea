// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the core for C programs: values of the core as plain structs.
#include "capi/proxytunnel.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "base/chunk_record.hpp"
#include "base/layer_path.hpp"
#include "names/hosts.hpp"
#include "report/csv.hpp"
#include "report/list.hpp"
#include "report/report.hpp"
#include "report/text.hpp"
#include "tracker/tracker.hpp"

using namespace proxytunnel;

struct pt_tracker {
  explicit pt_tracker(const TrackerOptions& options) : tracker(options) {}
  Tracker tracker;
  Report ended;     ///< every attempt that is over; the tracker knows the others
  Segment passing;  ///< what pt_tracker_passes() was asked about last: most of a segment it need not make anew
};

struct pt_outcome {
  Outcome outcome;
  /// Texts and lists that structs of this outcome point to, made when they are asked for.
  mutable std::deque<std::string> texts;
  mutable std::deque<std::vector<const char*>> lists;
  Report snapshot;

  void clear() {
    if (!texts.empty()) texts.clear();
    if (!lists.empty()) lists.clear();
    if (!snapshot.tunnels.empty() || !snapshot.skipped.empty()) snapshot = Report();
  }
  // Texts come from the capture, and go to terminals.
  const char* keep(std::string_view text) const { return texts.emplace_back(printable(text)).c_str(); }
};

static_assert(PT_LAYERS == limits::layers);
static_assert(static_cast<int>(Progress::passed) == PT_PASSED);
static_assert(static_cast<int>(VirtualKind::held) == PT_HELD);
static_assert(static_cast<int>(Transport::udp) == PT_OVER_UDP);
static_assert(static_cast<int>(StreamEnd::rst) == PT_STREAM_RST);
static_assert(PT_NO_TUNNEL == no_tunnel);
static_assert(offsetof(pt_address_t, octets) == offsetof(Address, octets));
static_assert(offsetof(pt_address_t, version) == offsetof(Address, version));
static_assert(offsetof(pt_endpoint_t, port) == offsetof(Endpoint, port));
static_assert(PT_CHUNK == limits::chunk);
static_assert(PT_CHUNK_HEAD == chunk_record_head);
static_assert(PT_CHUNK_MAGIC == chunk_record_magic);

namespace {

char* text_for_c(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy != nullptr) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

// They are the same in C and here.
Endpoint endpoint_of(const pt_endpoint_t& given) noexcept {
  return std::bit_cast<Endpoint>(given);
}
pt_endpoint_t endpoint_for_c(const Endpoint& end) noexcept {
  return std::bit_cast<pt_endpoint_t>(end);
}

Bytes bytes_from(const std::uint8_t* at, std::size_t size) noexcept {
  return at == nullptr ? Bytes() : Bytes(at, size);
}

TrackerOptions options_of(const pt_options_t& given) {
  TrackerOptions options;
  options.disabled = Families(given.disabled);
  options.forward_without_proof = given.forward_without_proof;
  if (AddressSet trusted; given.trusted != nullptr && trusted.add_all(given.trusted)) options.trusted = trusted;
  options.names_from_capture = !given.ignore_dns;
  if (given.fix_checksums) options.checksums = Checksums::compute;
  if (given.layers != 0) options.layers = std::min(given.layers, limits::layers);
  if (given.connections != 0) options.connections = given.connections;
  options.hash_key = HashKey::from(given.hash_key);
  const auto take_prefix = [](const char* text, unsigned version, Prefix& prefix) {
    if (text == nullptr) return;
    if (const auto parsed = parse_synthetic_prefix(text, version)) prefix = *parsed;
  };
  take_prefix(given.synthetic4, 4, options.synthetic4);
  take_prefix(given.synthetic6, 6, options.synthetic6);
  return options;
}

void fill_message(const pt_outcome& outcome, const MessageEvent& event, pt_message_t& message) {
  const Message& from = event.message;
  message.tunnel = event.attempt;
  message.client = endpoint_for_c(event.client);
  message.proxy = endpoint_for_c(event.proxy);
  message.from_client = event.direction == Direction::from_client;
  message.frame = event.stamp.frame;
  message.time = event.stamp.time;
  message.size = static_cast<std::uint32_t>(event.size);
  message.kind = static_cast<pt_message_kind_t>(from.kind);
  message.protocol = static_cast<pt_protocol_t>(from.protocol);
  message.command = static_cast<pt_command_t>(from.command);
  message.host = outcome.keep(from.target ? std::string_view(from.target->host) : "");
  message.target_text = outcome.keep(from.target_text);
  message.port = from.target ? from.target->port : std::uint16_t{0};
  message.username = outcome.keep(from.credentials.username.value_or(""));
  message.password = outcome.keep(from.credentials.password.value_or(""));
  message.methods = bytes_of(from.methods).data();
  message.methods_size = from.methods.size();
  message.reply_code = from.reply_code;
  message.is_interim = from.is_interim;
  message.reason = outcome.keep(from.reason);
  message.bound_host = outcome.keep(from.bound ? std::string_view(from.bound->host) : "");
  message.bound_port = from.bound ? from.bound->port : std::uint16_t{0};
  message.peer_host = outcome.keep(from.peer ? std::string_view(from.peer->host) : "");
  message.peer_port = from.peer ? from.peer->port : std::uint16_t{0};
  message.has_real_client = from.real_client.has_value();
  if (from.real_client) message.real_client = endpoint_for_c(*from.real_client);
  message.anomaly = outcome.keep(from.anomaly);
}

void fill_attempt(const pt_outcome& outcome, const Attempt& from, pt_attempt_t& attempt) {
  attempt.id = from.id;
  attempt.parent = from.parent;
  attempt.layer = from.layer;
  attempt.protocol = static_cast<pt_protocol_t>(from.protocol);
  attempt.command = static_cast<pt_command_t>(from.command);
  attempt.status = static_cast<pt_status_t>(from.status);
  attempt.reason = outcome.keep(from.reason);
  attempt.client = endpoint_for_c(from.client);
  attempt.proxy = endpoint_for_c(from.proxy);
  attempt.host = outcome.keep(from.target ? std::string_view(from.target->host) : "");
  attempt.target_text = outcome.keep(from.target_text);
  attempt.port = from.target ? from.target->port : std::uint16_t{0};
  attempt.has_bound = from.bound && from.bound->address;
  if (attempt.has_bound) attempt.bound = endpoint_for_c({*from.bound->address, from.bound->port});
  attempt.has_virtual_client = from.virtual_client.has_value();
  if (from.virtual_client) attempt.virtual_client = endpoint_for_c(*from.virtual_client);
  attempt.has_origin = from.origin.has_value();
  if (from.origin) attempt.origin = endpoint_for_c(from.origin->endpoint);
  if (from.origin) attempt.provenance = static_cast<pt_provenance_t>(from.origin->provenance);
  attempt.reply_code = from.reply_code;
  attempt.username = outcome.keep(from.credentials.username.value_or(""));
  attempt.password = outcome.keep(from.credentials.password.value_or(""));
  attempt.request_frame = from.request.frame;
  attempt.request_time = from.request.time;
  attempt.reply_frame = from.reply.frame;
  attempt.reply_time = from.reply.time;
  attempt.closed_frame = from.closed.frame;
  attempt.closed_time = from.closed.time;
  auto& anomalies = outcome.lists.emplace_back();
  for (const std::string& anomaly : from.anomalies) anomalies.push_back(outcome.keep(anomaly));
  attempt.anomalies = anomalies.data();
  attempt.anomalies_count = anomalies.size();
  attempt.client_bytes = from.payload[Direction::from_client].bytes();
  attempt.client_missing = from.payload[Direction::from_client].missing_bytes();
  attempt.server_bytes = from.payload[Direction::from_server].bytes();
  attempt.server_missing = from.payload[Direction::from_server].missing_bytes();
}

}  // namespace

bool pt_is_address_list(const char* text) {
  return AddressSet().add_all(text);
}

bool pt_is_prefix(const char* text, unsigned version) {
  return parse_synthetic_prefix(text, version).has_value();
}

pt_tracker_t* pt_tracker_new(const pt_options_t* options) {
  return new pt_tracker(options == nullptr ? TrackerOptions() : options_of(*options));
}

void pt_tracker_free(pt_tracker_t* tracker) {
  delete tracker;
}

void pt_tracker_hosts_line(pt_tracker_t* tracker, const char* line) {
  const auto entry = parse_hosts_line(line);
  if (!entry) return;
  for (const auto& name : entry->names) {
    tracker->tracker.names().record(Provenance::hosts_file, name, entry->address);
  }
}

pt_outcome_t* pt_outcome_new(void) {
  return new pt_outcome();
}

void pt_outcome_free(pt_outcome_t* outcome) {
  delete outcome;
}

namespace {

IpFields ip_fields_of(const pt_ip_fields_t& given) noexcept {
  return {given.version,        given.traffic_class, given.hop_limit,     given.dont_fragment,
          given.identification, given.flow_label,    given.checksum_error};
}

pt_address_t address_for_c(const Address& address) noexcept {
  return endpoint_for_c({address, 0}).address;
}

// The report wants them later; the tracker forgets them.
void keep_ended(pt_tracker& tracker, const Outcome& outcome) {
  for (const Event& event : outcome.events) {
    if (const auto* ended = std::get_if<EndedEvent>(&event)) {
      tracker.ended.tunnels.push_back({ended->attempt, 0, {}});
    } else if (const auto* skipped = std::get_if<SkippedEvent>(&event)) {
      tracker.ended.skipped.push_back(*skipped);
    }
  }
  tracker.ended.counters.names_dropped = tracker.tracker.names().dropped_names();
}

// What segments, datagrams and chunks have in common: who, when, and where.
template <class Given, class Made>
void take_ends(const Given& given, Made& made) noexcept {
  made.sender = endpoint_of(given.sender);
  made.receiver = endpoint_of(given.receiver);
  made.frame.number = given.frame;
  made.frame.time = given.time;
  made.parent = given.parent;
  made.layer = given.layer;
}
template <class Given, class Made>
void take_common(const Given& given, Made& made) noexcept {
  take_ends(given, made);
  made.frame.vlan = given.vlan;
  made.frame.network = given.network;
}

bool has_whole_header(const pt_segment_t& given) noexcept {
  return given.header_size >= 20 && given.header_size <= 60 &&
         std::size_t{4} * (given.header[12] >> 4) == given.header_size;
}

Chunk chunk_of(const pt_chunk_t& given) noexcept {
  Chunk chunk;
  take_common(given, chunk);
  chunk.ip = ip_fields_of(given.ip);
  chunk.payload = bytes_from(given.payload, std::min<std::size_t>(given.payload_size, PT_CHUNK));
  chunk.end = static_cast<StreamEnd>(given.end);
  return chunk;
}

}  // namespace

void pt_tracker_segment(pt_tracker_t* tracker, const pt_segment_t* given, pt_outcome_t* outcome) {
  outcome->clear();
  outcome->outcome.clear();
  if (!has_whole_header(*given)) return;
  Segment segment;
  take_common(*given, segment);
  segment.ip = ip_fields_of(given->ip);
  segment.header = bytes_from(given->header, given->header_size);
  segment.payload = bytes_from(given->payload, std::min<std::size_t>(given->payload_size, given->length));
  segment.length = given->length;
  segment.path = given->path;
  segment.frame.encapsulation = bytes_from(given->encapsulation, given->encapsulation_size);
  tracker->tracker.segment(segment, outcome->outcome);
  keep_ended(*tracker, outcome->outcome);
}

bool pt_tracker_passes(pt_tracker_t* tracker, const pt_segment_t* given) {
  if (!has_whole_header(*given)) return false;
  Segment& segment = tracker->passing;
  take_ends(*given, segment);
  segment.header = bytes_from(given->header, given->header_size);
  segment.length = given->length;
  return tracker->tracker.passes(segment);
}

void pt_tracker_datagram(pt_tracker_t* tracker, const pt_datagram_t* given, pt_outcome_t* outcome) {
  outcome->clear();
  Datagram datagram;
  take_common(*given, datagram);
  datagram.ip = ip_fields_of(given->ip);
  datagram.payload = bytes_from(given->payload, std::min<std::size_t>(given->payload_size, given->length));
  datagram.length = given->length;
  datagram.checksum = given->checksum;
  tracker->tracker.datagram(datagram, outcome->outcome);
  keep_ended(*tracker, outcome->outcome);
}

void pt_tracker_chunk(pt_tracker_t* tracker, const pt_chunk_t* given, pt_outcome_t* outcome) {
  outcome->clear();
  tracker->tracker.chunk(chunk_of(*given), outcome->outcome);
  keep_ended(*tracker, outcome->outcome);
}

void pt_chunk_encode(const pt_chunk_t* chunk, pt_progress_t progress, uint8_t head[PT_CHUNK_HEAD]) {
  const bool on_wire = chunk->parent == no_tunnel;
  ChunkRecord record;
  record.frame = chunk->frame;
  record.path = on_wire ? path_on_wire(endpoint_of(chunk->sender), endpoint_of(chunk->receiver)) : chunk->path;
  record.sequence = chunk->sequence;
  record.size = static_cast<std::uint32_t>(std::min<std::size_t>(chunk->payload_size, PT_CHUNK));
  record.direction = chunk->from_client ? Direction::from_client : Direction::from_server;
  record.end = static_cast<StreamEnd>(chunk->end);
  record.of_session = progress == PT_HANDSHAKE || progress == PT_OPEN;
  const auto encoded = encode_chunk(record);
  std::copy(encoded.begin(), encoded.end(), head);
}

namespace {

// What comes out at the end, layer by layer.
void take_last(Tracker& tracker, Outcome& outcome, Report& report) {
  outcome.in_order(
      [&report](Event& event) {
        if (auto* ended = std::get_if<EndedEvent>(&event)) report.tunnels.push_back({std::move(ended->attempt), 0, {}});
        if (const auto* skipped = std::get_if<SkippedEvent>(&event)) report.skipped.push_back(*skipped);
      },
      [&](const VirtualPacket& made) {
        Outcome inside;
        tracker.segment(made.as_segment(), inside);
        take_last(tracker, inside, report);
      });
}

}  // namespace

void pt_tracker_snapshot(const pt_tracker_t* tracker, pt_outcome_t* outcome) {
  outcome->clear();
  outcome->outcome.clear();
  Report& report = outcome->snapshot;
  report = tracker->ended;
  Tracker rest = tracker->tracker;
  Outcome last;
  while (rest.finish(last)) take_last(rest, last, report);
  report.sort();
  report.counters.files.reset();
  report.counters.connections = tracker->tracker.counters().connections;
  report.counters.tunnels = tracker->tracker.counters().tunnels;
  report.counters.dropped_connections = tracker->tracker.counters().dropped_connections;
  report.counters.gave_way = tracker->tracker.counters().gave_way;
  for (const ReportEntry& entry : report.tunnels) outcome->outcome.events.emplace_back(EndedEvent{entry.attempt});
}

pt_progress_t pt_outcome_progress(const pt_outcome_t* outcome) {
  return static_cast<pt_progress_t>(outcome->outcome.progress);
}

size_t pt_outcome_part_count(const pt_outcome_t* outcome) {
  return outcome->outcome.parts.size();
}

void pt_outcome_part(const pt_outcome_t* outcome, size_t index, pt_part_t* part) {
  const Part& from = outcome->outcome.parts[index];
  *part = {from.size, from.tunnel};
}

size_t pt_outcome_packet_count(const pt_outcome_t* outcome) {
  return outcome->outcome.packets.size();
}

void pt_outcome_packet(const pt_outcome_t* outcome, size_t index, pt_virtual_packet_t* packet) {
  const VirtualPacket& from = outcome->outcome.packets[index];
  packet->kind = static_cast<pt_virtual_kind_t>(from.kind);
  packet->transport = static_cast<pt_transport_t>(from.transport);
  packet->tunnel = from.tunnel;
  packet->flow = from.flow;
  packet->layer = from.layer;
  packet->from_client = from.direction == Direction::from_client;
  std::memcpy(packet->headers, from.headers.data(), sizeof packet->headers);
  packet->ip_size = from.ip_size;
  packet->transport_size = from.transport_size;
  packet->payload = from.payload.data();
  packet->payload_size = from.payload.size();
  packet->length = from.length;
  packet->offset = from.offset;
  packet->frame = from.frame.number;
  packet->time = from.time;
  packet->carried_in = from.carried_in != 0 ? from.carried_in : from.frame.number;
  packet->vlan = from.frame.vlan;
  packet->path = from.path;
}

size_t pt_outcome_event_count(const pt_outcome_t* outcome) {
  return outcome->outcome.events.size();
}

void pt_outcome_event(const pt_outcome_t* outcome, size_t index, pt_event_t* event) {
  *event = pt_event_t{};
  const Event& from = outcome->outcome.events[index];
  if (const auto* message = std::get_if<MessageEvent>(&from)) {
    event->kind = PT_EVENT_MESSAGE;
    fill_message(*outcome, *message, event->message);
  } else if (const auto* requested = std::get_if<RequestedEvent>(&from)) {
    event->kind = PT_EVENT_REQUESTED;
    fill_attempt(*outcome, requested->attempt, event->attempt);
  } else if (const auto* opened = std::get_if<OpenedEvent>(&from)) {
    event->kind = PT_EVENT_OPENED;
    fill_attempt(*outcome, opened->attempt, event->attempt);
  } else if (const auto* flow = std::get_if<FlowEvent>(&from)) {
    event->kind = PT_EVENT_FLOW;
    event->flow = flow->flow;
    fill_attempt(*outcome, flow->attempt, event->attempt);
  } else if (const auto* name = std::get_if<NameEvent>(&from)) {
    event->kind = PT_EVENT_NAME;
    event->address = address_for_c(name->address);
    event->name = outcome->keep(name->name);
  } else if (const auto* ended = std::get_if<EndedEvent>(&from)) {
    event->kind = PT_EVENT_ENDED;
    fill_attempt(*outcome, ended->attempt, event->attempt);
  } else {
    const auto& skipped = std::get<SkippedEvent>(from);
    event->kind = PT_EVENT_SKIPPED;
    event->client = endpoint_for_c(skipped.client);
    event->proxy = endpoint_for_c(skipped.proxy);
    event->skipped = outcome->keep(skipped.reason);
  }
}

char* pt_report_json(const pt_outcome_t* snapshot, const char* input, bool show_credentials) {
  Report report = snapshot->snapshot;
  InputSummary& summary = report.inputs.emplace_back();
  if (input != nullptr) summary.file = input;
  summary.packets = summary.bytes = std::nullopt;
  std::string text;
  write_report(report, {"proxytunnel plugin", PROXYTUNNEL_VERSION},
               show_credentials ? Passwords::show : Passwords::redact,
               [&text](std::string_view piece) { text += piece; });
  return text_for_c(text);
}

char* pt_tunnels_json(const pt_outcome_t* snapshot, const uint32_t* ids, size_t count, bool show_credentials) {
  const auto passwords = show_credentials ? Passwords::show : Passwords::redact;
  std::string text;
  for (const ReportEntry& entry : snapshot->snapshot.tunnels) {
    if (!std::binary_search(ids, ids + count, entry.attempt.id)) continue;
    text += (text.empty() ? "[" : ",\n") + tunnel_json(entry, passwords);
  }
  return text_for_c((text.empty() ? "[" : text) + "]\n");
}

char* pt_list_text(const pt_outcome_t* snapshot, size_t width) {
  return text_for_c(list_text(snapshot->snapshot, width));
}

char* pt_list_csv(const pt_outcome_t* snapshot) {
  return text_for_c(csv_text(snapshot->snapshot));
}

void pt_text_free(char* text) {
  std::free(text);
}
