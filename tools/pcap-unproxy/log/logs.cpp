// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: what is written of attempts and connections as they end, in files that other programs read.
#include "log/logs.hpp"

#include <filesystem>

#include "base/limits.hpp"
#include "log/uid.hpp"

namespace unproxy {

using proxytunnel::Attempt;
using proxytunnel::Command;
using proxytunnel::RowForm;
using proxytunnel::Side;

Logs::Logs(const Options& options) : options_(options) {
  if (options.logs.empty()) return;
  make_directory(options.log_dir);
  const auto open = [this](Log log, std::string_view name, RowForm form, const auto& columns) -> LogFile* {
    if (!options_.logs.contains(log)) return nullptr;
    return &files_.emplace_back(log_path(options_.log_dir, name), name.substr(0, name.find('.')), form, columns);
  };
  const RowForm zeek = options.log_json ? RowForm::zeek_json : RowForm::zeek;
  conn_ = open(Log::zeek, "conn.log", zeek, conn_columns());
  socks_ = open(Log::zeek, "socks.log", zeek, socks_columns());
  tunnel_ = open(Log::zeek, "tunnel.log", zeek, tunnel_columns());
  proxytunnel_ = open(Log::zeek, "proxytunnel.log", zeek, proxytunnel_columns());
  csv_ = open(Log::csv, "proxytunnel.csv", RowForm::csv, proxytunnel::fact_columns());
  ndjson_ = open(Log::ndjson, "proxytunnel.ndjson", RowForm::ndjson, proxytunnel::fact_columns());
}

void Logs::begin_input(proxytunnel::TunnelId first_id) {
  first_id_ = first_id;
  conversations_.clear();
  lineage_ = {};
  for (LogFile& file : files_) file.mark();
}

void Logs::forget_input() {
  for (LogFile& file : files_) file.cut_to_mark();
}

void Logs::begin(proxytunnel::Time first_packet) {
  first_packet_ = first_packet;
  for (LogFile& file : files_) file.begin(first_packet);
}

std::string Logs::uid_of(proxytunnel::TunnelId tunnel, std::uint32_t flow) const {
  return uid_of_conversation(first_packet_, tunnel - first_id_, flow);
}

std::string Logs::uid_of_carrier(const Attempt& attempt) const {
  if (attempt.parent != proxytunnel::no_tunnel) return uid_of(attempt.parent);
  return uid_of_connection(attempt.carrier, attempt.carrier_first.time, attempt.carrier_first.frame);
}

void Logs::packet(const proxytunnel::VirtualPacket& packet) {
  if (conn_ == nullptr || packet.flow >= proxytunnel::limits::flows_per_association) return;
  const auto [found, is_new] = conversations_.try_emplace(key_of(packet.tunnel, packet.flow));
  Conversation& conversation = found->second;
  if (is_new) conversation.ends = {packet.sender, packet.receiver};
  const Side side = packet.sender == conversation.ends.initiator ? Side::initiator : Side::acceptor;
  if (packet.transport == proxytunnel::Transport::tcp) {
    proxytunnel::Segment segment = packet.as_segment();
    segment.frame.time = packet.time;
    conversation.account.see(segment, side);
  } else {
    proxytunnel::Datagram datagram = packet.as_datagram();
    datagram.frame.time = packet.time;
    conversation.account.see(datagram, side);
  }
}

void Logs::opened(const Attempt& attempt, Chosen chosen) {
  if (conn_ != nullptr && options_.select) lineage_.opened(attempt, chosen);
}

void Logs::connection(const proxytunnel::ConnectionRecord& record) {
  if (conn_ == nullptr) return;
  if (!options_.select) return add(record);
  lineage_.connection(record);
  for (const auto& each : lineage_.take()) add(each);
}

void Logs::add(const proxytunnel::ConnectionRecord& record) {
  std::string service(service_of(record.protocol));
  if (record.decrypted) service = service.empty() ? "ssl" : "ssl," + service;
  conn_->add(values_of(ConnRow{uid_of_connection(record.ends, record.first.time, record.first.frame), record.ends,
                               proxytunnel::Transport::tcp, record.account, service, std::nullopt, !record.decrypted}));
}

void Logs::end_conversation(const Attempt& attempt, std::uint32_t flow, const std::string& parent, Chosen has_row) {
  const auto found = conversations_.find(key_of(attempt.id, flow));
  if (found == conversations_.end()) return;
  if (has_row == Chosen::no) {
    conversations_.erase(found);
    return;
  }
  // PROXY headers in front of datagrams are in no connection that has a row.
  const bool has_parent = attempt.transport == proxytunnel::Transport::tcp || attempt.command == Command::udp_associate;
  conn_->add(values_of(ConnRow{uid_of(attempt.id, flow), found->second.ends, attempt.transport, found->second.account,
                               "", has_parent ? std::optional(parent) : std::nullopt}));
  conversations_.erase(found);
}

Chosen Logs::has_conversation(const Attempt& attempt, Chosen chosen) {
  if (!options_.select) return Chosen::yes;
  const Chosen has_row = lineage_.ended(attempt, chosen);
  for (const auto& each : lineage_.take()) add(each);
  return has_row;
}

void Logs::ended(const proxytunnel::ReportEntry& entry, Chosen chosen) {
  if (csv_ != nullptr && chosen == Chosen::yes) csv_->add(proxytunnel::facts_of(entry));
  if (ndjson_ != nullptr && chosen == Chosen::yes) ndjson_->add(proxytunnel::facts_of(entry));
  if (conn_ == nullptr) return;
  const Attempt& attempt = entry.attempt;
  const Chosen has_row = has_conversation(attempt, chosen);
  AttemptRow row{entry, uid_of_carrier(attempt), std::nullopt, options_.show_credentials};
  if (attempt.shown) row.virtual_uid = uid_of(attempt.id);
  const bool is_association = attempt.command == Command::udp_associate;
  const std::size_t conversations = is_association ? attempt.flows.size() : 1;
  for (std::uint32_t flow = 0; flow < conversations; ++flow) end_conversation(attempt, flow, row.uid, has_row);
  if (chosen == Chosen::yes) add_session(row);
}

// Forwarding is no tunnel, and PROXY headers are none that Zeek knows.
void Logs::add_session(const AttemptRow& row) {
  const Attempt& attempt = row.entry.attempt;
  proxytunnel_->add(proxytunnel_values_of(row));
  const bool is_socks = service_of(attempt.protocol) == "socks";
  if (is_socks && attempt.request.frame != 0) socks_->add(socks_values_of(row));
  const bool is_tunnel = is_socks || attempt.protocol == proxytunnel::Protocol::http_connect;
  if (!is_tunnel || attempt.status != proxytunnel::Status::established) return;
  const proxytunnel::Stamp found = attempt.reply.frame != 0 ? attempt.reply : attempt.request;
  tunnel_->add(values_of(TunnelRow{row, found.time, "Tunnel::DISCOVER"}));
  if (attempt.closed.frame != 0) tunnel_->add(values_of(TunnelRow{row, attempt.closed.time, "Tunnel::CLOSE"}));
}

void Logs::finish(proxytunnel::Time last) {
  std::optional<OutputError> error;
  for (LogFile& file : files_) {
    try {
      file.finish(last);
    } catch (const OutputError& each) {
      error = each;
    }
  }
  if (error) throw *error;
}

}  // namespace unproxy
