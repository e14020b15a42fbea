// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink that makes what the user asked for: a capture of virtual conversations, and report entries.
#include "exporter.hpp"

namespace unproxy {

Exporter::Exporter(const Options& options, std::size_t input, VirtualWriter* writer, Surveyed surveyed,
                   ReportSpool& report, Logs& logs)
    : input_(input),
      writer_(writer),
      left_out_(options.layers == Layers::leaf ? std::move(surveyed.carriers) : TunnelSet()),
      selection_(options.select ? &*options.select : nullptr, input, std::move(surveyed.chosen)),
      report_(report),
      logs_(logs),
      wants_entries_(report.wants_tunnels() || !options.logs.empty()),
      hashes_(options.hash && wants_entries_) {}

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
  if (chosen == Chosen::yes) hashes_.opened(attempt.id);
  if (is_written(attempt.id)) writer_->opened(attempt);
}

void Exporter::flow(const proxytunnel::Attempt& attempt) {
  if (is_written(attempt.id)) writer_->flow(attempt);
}

void Exporter::packet(const proxytunnel::VirtualPacket& packet) {
  hashes_.packet(packet);
  logs_.packet(packet);
  if (is_written(packet.tunnel)) writer_->packet(packet);
}

void Exporter::ended(proxytunnel::Attempt&& attempt) {
  ++attempts_;
  if (writer_ != nullptr) writer_->ended(attempt.id);
  if (!wants_entries_ && !selection_.is_on()) return;
  proxytunnel::ReportEntry entry;
  entry.input = input_;
  entry.attempt = std::move(attempt);
  hashes_.ended(entry);
  const Chosen chosen = selection_.ended(entry);
  logs_.ended(entry, chosen);
  if (chosen == Chosen::yes) report_.tunnel(entry);
}

void Exporter::skipped(const proxytunnel::SkippedEvent& event) {
  report_.skipped(event);
}

}  // namespace unproxy
