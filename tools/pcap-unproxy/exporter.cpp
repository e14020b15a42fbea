// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink that makes what the user asked for: a capture of virtual conversations, and report entries.
#include "exporter.hpp"

namespace unproxy {

Exporter::Exporter(const Options& options, std::size_t input, VirtualWriter* writer, Replacer* replacer,
                   Surveyed surveyed, const WanLegs& legs, LineSink& lines)
    : input_(input),
      writer_(writer),
      replacer_(replacer),
      left_out_(options.layers == Layers::leaf ? std::move(surveyed.carriers) : TunnelSet()),
      selection_(options.select ? &*options.select : nullptr, input, std::move(surveyed.chosen)),
      options_(options),
      legs_(legs),
      lines_(lines),
      logs_(options, lines),
      wants_entries_(!options.report.empty() || options.list != List::none || !options.logs.empty()),
      findings_(options, wants_entries_),
      elsewhere_(findings_, &selection_) {}

void Exporter::secrets(const Secrets& secrets) {
  constexpr std::uint32_t tls_key_log = 0x544c534b;  // draft-ietf-opsawg-pcapng section 4.7.2
  has_seen_keys_ |= secrets.type == tls_key_log;
  if (writer_ != nullptr) writer_->secrets(secrets);
}

void Exporter::name(const NameRecord& record) {
  if (writer_ != nullptr) writer_->name(record);
}

void Exporter::opened(const proxytunnel::Attempt& attempt) {
  const Chosen chosen = selection_.opened(attempt);
  logs_.opened(attempt, chosen);
  findings_.opened(attempt, chosen);
  if (is_written(attempt.id)) writer_->opened(attempt);
}

void Exporter::flow(const proxytunnel::Attempt& attempt) {
  if (is_written(attempt.id)) writer_->flow(attempt);
}

proxytunnel::Ticket Exporter::packet(const proxytunnel::VirtualPacket& packet) {
  findings_.packet(packet);
  logs_.packet(packet);
  if (replacer_ != nullptr) return replacer_->packet(packet);
  if (is_written(packet.tunnel)) writer_->packet(packet);
  return 0;
}

void Exporter::ended(proxytunnel::Attempt&& attempt) {
  ++attempts_;
  if (writer_ != nullptr) writer_->ended(attempt.id);
  if (!wants_entries_ && !selection_.is_on()) return;
  proxytunnel::ReportEntry entry = proxytunnel::entry_of(std::move(attempt), input_);
  findings_.ended(entry);
  legs_.note(entry);
  const Chosen chosen = selection_.ended(entry);
  logs_.ended(entry, chosen);
  if (chosen == Chosen::yes && wants_entries_) tell_attempt(entry, options_, lines_);
}

void Exporter::skipped(const proxytunnel::SkippedEvent& event) {
  tell_skipped(event, options_, lines_);
}

}  // namespace unproxy
