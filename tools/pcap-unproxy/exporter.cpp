// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink that makes what the user asked for: a capture of virtual conversations, and report entries.
#include "exporter.hpp"

namespace unproxy {

using proxytunnel::Direction;

Exporter::Exporter(const Options& options, std::size_t input, VirtualWriter* writer, Replacer* replacer,
                   TunnelSet left_out, LineSink& lines)
    : input_(input),
      writer_(writer),
      replacer_(replacer),
      left_out_(std::move(left_out)),
      options_(options),
      lines_(lines),
      logs_(options, lines),
      wants_entries_(!options.report.empty() || options.list != List::none || !options.logs.empty()),
      hashes_payload_(options.hash && wants_entries_) {}

void Exporter::secrets(const Secrets& secrets) {
  constexpr std::uint32_t tls_key_log = 0x544c534b;  // draft-ietf-opsawg-pcapng section 4.7.2
  has_seen_keys_ |= secrets.type == tls_key_log;
  if (writer_ != nullptr) writer_->secrets(secrets);
}

void Exporter::name(const NameRecord& record) {
  if (writer_ != nullptr) writer_->name(record);
}

void Exporter::opened(const proxytunnel::Attempt& attempt) {
  if (hashes_payload_) hashes_.try_emplace(attempt.id);
  if (writer_ != nullptr && !left_out_.contains(attempt.id)) writer_->opened(attempt);
}

void Exporter::flow(const proxytunnel::Attempt& attempt) {
  if (writer_ != nullptr && !left_out_.contains(attempt.id)) writer_->flow(attempt);
}

proxytunnel::Ticket Exporter::packet(const proxytunnel::VirtualPacket& packet) {
  if (hashes_payload_ && !packet.payload.empty()) {
    const auto found = hashes_.find(packet.tunnel);
    if (found != hashes_.end()) found->second[packet.direction].add(packet.offset, packet.payload);
  }
  logs_.packet(packet);
  const bool is_written = writer_ != nullptr && (left_out_.empty() || !left_out_.contains(packet.tunnel));
  if (replacer_ != nullptr) return replacer_->packet(packet);
  if (is_written) writer_->packet(packet);
  return 0;
}

void Exporter::ended(proxytunnel::Attempt&& attempt) {
  ++attempts_;
  if (!wants_entries_) return;
  proxytunnel::ReportEntry entry;
  entry.input = input_;
  if (const auto found = hashes_.find(attempt.id); found != hashes_.end()) {
    for (const Direction direction : {Direction::from_client, Direction::from_server}) {
      PayloadHash& hash = found->second[direction];
      if (hash.overflowed()) attempt.note("accounting-overflow");
      if (attempt.payload[direction].missing_bytes() == 0) {
        entry.sha256[direction] = hash.hex(attempt.payload[direction].bytes());
      }
    }
    hashes_.erase(found);
  }
  entry.attempt = std::move(attempt);
  logs_.ended(entry);
  tell_attempt(entry, options_, lines_);
}

void Exporter::skipped(const proxytunnel::SkippedEvent& event) {
  tell_skipped(event, options_, lines_);
}

}  // namespace unproxy
