// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: what is written of attempts and connections as they end, in files that other programs read.
#include "log/logs.hpp"

#include <algorithm>
#include <span>

#include "base/limits.hpp"
#include "correlation/correlation.hpp"
#include "log/log_files.hpp"
#include "log/uid.hpp"

namespace unproxy {

using proxytunnel::Attempt;
using proxytunnel::Command;
using proxytunnel::Side;
using proxytunnel::Transport;

namespace {

const LogTable& table_of(Table table) {
  return *std::find_if(log_tables().begin(), log_tables().end(),
                       [table](const LogTable& each) { return each.table == table; });
}

}  // namespace

std::string Logs::row_of(Table table, std::span<const Value> values) const {
  return proxytunnel::row_text(form_of(table, options_), table_of(table).columns.first(values.size()), values);
}

void Logs::add(Table table, const std::vector<Value>& values) {
  const std::string row = row_of(table, values);
  sink_.add({table, proxytunnel::no_tunnel, proxytunnel::no_tunnel, 0, row});
}

// A row with all facts of an attempt: its numbers are the first of them.
void Logs::add_facts(Table table, const Attempt& attempt, const std::vector<Value>& values) {
  const std::string row = row_of(table, values);
  const std::size_t before = values.size() - proxytunnel::facts().size();
  const std::size_t brace = row.front() == '{' ? 1 : 0;
  // Behind a separator; of JSON it stands in place of the brace.
  const std::size_t numbers_at =
      before == 0 ? brace : row_of(table, std::span(values).first(before)).size() + 1 - brace;
  sink_.add({table, attempt.id, attempt.parent, static_cast<std::uint32_t>(numbers_at), row});
}

// Attempts of a tunnel open while that is open, or before what was in it is shown.
Logs::Uids Logs::uids_of(const Attempt& attempt) const {
  Uids uids;
  const auto outer = uids_.find(attempt.parent);
  uids.carrier = outer != uids_.end()
                     ? outer->second.own
                     : uid_of_connection(attempt.carrier, attempt.carrier_first.time, attempt.carrier_first.frame);
  uids.own = uid_of_conversation(uids.carrier, attempt);
  return uids;
}

void Logs::packet(const proxytunnel::VirtualPacket& packet) {
  if (!has_zeek_ || packet.flow >= proxytunnel::limits::flows_per_association) return;
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
  if (!has_zeek_) return;
  uids_.emplace(attempt.id, uids_of(attempt));
  if (options_.select) lineage_.opened(attempt, chosen);
}

void Logs::connection(const proxytunnel::ConnectionRecord& record) {
  if (!has_zeek_) return;
  if (!options_.select) return add(record);
  lineage_.connection(record);
  for (const auto& each : lineage_.take()) add(each);
}

void Logs::add(const proxytunnel::ConnectionRecord& record) {
  std::string service(service_of(record.protocol));
  if (record.decrypted) service = service.empty() ? "ssl" : "ssl," + service;
  add(Table::conn, values_of(ConnRow{uid_of_connection(record.ends, record.first.time, record.first.frame),
                                     record.ends,
                                     proxytunnel::Transport::tcp,
                                     record.account,
                                     service,
                                     {},
                                     !record.decrypted}));
}

void Logs::leg(const proxytunnel::ServedLeg& leg, const proxytunnel::ConnAccount& account, const WanLegs& legs) {
  if (!has_zeek_) return;
  std::vector<std::string> tunnels;
  Transport transport = Transport::tcp;
  for (const auto& each : leg.clients) {
    const proxytunnel::LegClient& client = legs.client(each);
    const auto uids = uids_.find(client.input_id);
    if (uids != uids_.end()) tunnels.push_back(uid_of_flow(uids->second.own, client.flow));
    if (client.is_udp) transport = Transport::udp;
  }
  const proxytunnel::LegSummary& it = leg.leg;
  add(Table::conn, values_of(ConnRow{uid_of_connection(it.ends, it.first.time, it.first.frame), it.ends, transport,
                                     account, "", std::move(tunnels)}));
}

void Logs::end_conversation(const proxytunnel::ReportEntry& entry, std::uint32_t flow, const Uids& uids,
                            Chosen has_row) {
  const Attempt& attempt = entry.attempt;
  const auto found = conversations_.find(key_of(attempt.id, flow));
  if (found == conversations_.end()) return;
  // PROXY headers in front of datagrams are in no connection that has a row.
  const bool has_parent = attempt.carrier_transport() == proxytunnel::Transport::tcp;
  if (has_row == Chosen::yes) {
    const std::string service = flow < entry.inside.size() ? entry.inside[flow].service : "";
    add(Table::conn,
        values_of(ConnRow{uid_of_flow(uids.own, flow), found->second.ends, attempt.transport, found->second.account,
                          service, has_parent ? std::vector{uids.carrier} : std::vector<std::string>()}));
  }
  conversations_.erase(found);
}

Chosen Logs::has_conversation(const Attempt& attempt, Chosen chosen) {
  if (!options_.select) return Chosen::yes;
  const Chosen has_row = lineage_.ended(attempt, chosen);
  for (const auto& each : lineage_.take()) add(each);
  return has_row;
}

void Logs::ended(const proxytunnel::ReportEntry& entry, Chosen chosen) {
  const Attempt& attempt = entry.attempt;
  const std::vector<Value> facts =
      options_.logs.empty() || chosen == Chosen::no ? std::vector<Value>() : proxytunnel::facts_of(entry);
  if (options_.logs.contains(Log::csv) && !facts.empty()) add_facts(Table::csv, attempt, facts);
  if (options_.logs.contains(Log::ndjson) && !facts.empty()) add_facts(Table::ndjson, attempt, facts);
  if (!has_zeek_) return;
  const Chosen has_row = has_conversation(attempt, chosen);
  const auto open = uids_.find(attempt.id);
  const Uids uids = open != uids_.end() ? open->second : uids_of(attempt);
  if (open != uids_.end() && !needs_correlation(options_)) uids_.erase(open);
  AttemptRow row{entry, uids.carrier, std::nullopt, options_.show_credentials};
  if (attempt.shown) row.virtual_uid = uids.own;
  const bool is_association = attempt.command == Command::udp_associate;
  const std::size_t conversations = is_association ? attempt.flows.size() : 1;
  for (std::uint32_t flow = 0; flow < conversations; ++flow) end_conversation(entry, flow, uids, has_row);
  if (chosen == Chosen::yes) add_session(row, facts);
}

// Forwarding is no tunnel, and PROXY headers are none that Zeek knows.
void Logs::add_session(const AttemptRow& row, const std::vector<Value>& facts) {
  const Attempt& attempt = row.entry.attempt;
  add_facts(Table::proxytunnel, attempt, proxytunnel_values_of(row, facts));
  const bool is_socks = service_of(attempt.protocol) == "socks";
  if (is_socks && attempt.request.frame != 0) add(Table::socks, socks_values_of(row));
  const bool is_tunnel = is_socks || attempt.protocol == proxytunnel::Protocol::http_connect;
  if (!is_tunnel || attempt.status != proxytunnel::Status::established) return;
  const proxytunnel::Stamp found = attempt.reply.frame != 0 ? attempt.reply : attempt.request;
  add(Table::tunnel, values_of(TunnelRow{row, found.time, "Tunnel::DISCOVER"}));
  if (attempt.closed.frame != 0) add(Table::tunnel, values_of(TunnelRow{row, attempt.closed.time, "Tunnel::CLOSE"}));
}

}  // namespace unproxy
