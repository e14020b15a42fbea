// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: the rows that one input gives, as attempts and connections end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "correlation/wan_legs.hpp"
#include "lines.hpp"
#include "log/lineage.hpp"
#include "log/zeek_logs.hpp"
#include "options.hpp"
#include "tracker/outcome.hpp"

namespace unproxy {

class Logs {
 public:
  /// Both are borrowed.
  Logs(const Options& options, LineSink& sink)
      : options_(options), sink_(sink), has_zeek_(options.logs.contains(Log::zeek)) {}

  void begin(proxytunnel::Time first_packet) { sink_.begin(first_packet); }
  void packet(const proxytunnel::VirtualPacket& packet);
  void opened(const proxytunnel::Attempt& attempt, Chosen chosen);
  void ended(const proxytunnel::ReportEntry& entry, Chosen chosen);
  void connection(const proxytunnel::ConnectionRecord& record);
  /// A connection of a proxy to an origin, and whose payload it carried.
  void leg(const proxytunnel::ServedLeg& leg, const proxytunnel::ConnAccount& account, const WanLegs& legs);

 private:
  /// A virtual conversation that is going on.
  struct Conversation {
    proxytunnel::Ends ends;
    proxytunnel::ConnAccount account;
  };
  /// Of what an attempt is in, and of its own conversation: of an association, of its first target.
  struct Uids {
    std::string carrier, own;
  };
  /// A tunnel, and of an association which target.
  static std::uint64_t key_of(proxytunnel::TunnelId tunnel, std::uint32_t flow) {
    return std::uint64_t{tunnel} << 32 | flow;
  }

  [[nodiscard]] Uids uids_of(const proxytunnel::Attempt& attempt) const;
  void add(const proxytunnel::ConnectionRecord& record);
  [[nodiscard]] Chosen has_conversation(const proxytunnel::Attempt& attempt, Chosen chosen);
  void end_conversation(const proxytunnel::ReportEntry& entry, std::uint32_t flow, const Uids& uids, Chosen has_row);
  void add_session(const AttemptRow& row, const std::vector<Value>& facts);
  [[nodiscard]] std::string row_of(Table table, std::span<const Value> values) const;
  void add(Table table, const std::vector<Value>& values);
  void add_facts(Table table, const proxytunnel::Attempt& attempt, const std::vector<Value>& values);

  const Options& options_;
  LineSink& sink_;
  bool has_zeek_;  ///< asked for each virtual packet
  std::unordered_map<std::uint64_t, Conversation> conversations_;
  std::unordered_map<proxytunnel::TunnelId, Uids> uids_;  ///< of tunnels that are open, or that legs may be of
  Lineage lineage_;
};

}  // namespace unproxy
