// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --log: what is written of attempts and connections as they end, in files that other programs read.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "log/lineage.hpp"
#include "log/log_file.hpp"
#include "log/zeek_logs.hpp"
#include "options.hpp"
#include "tracker/outcome.hpp"

namespace unproxy {

class Logs {
 public:
  /// Makes the directory, and the logs in it. Throws OutputError.
  explicit Logs(const Options& options);

  /// What comes is of the next input, whose first attempt has this id.
  void begin_input(proxytunnel::TunnelId first_id);
  /// What came since then is not told.
  void forget_input();

  void begin(proxytunnel::Time first_packet);
  void packet(const proxytunnel::VirtualPacket& packet);
  /// Needed only where --select chooses.
  void opened(const proxytunnel::Attempt& attempt, Chosen chosen);
  void ended(const proxytunnel::ReportEntry& entry, Chosen chosen);
  void connection(const proxytunnel::ConnectionRecord& record);
  /// `last`: the time of the latest packet. All logs that could be written are there, even if it throws OutputError.
  void finish(proxytunnel::Time last);

 private:
  /// A virtual conversation that is going on.
  struct Conversation {
    proxytunnel::Ends ends;
    proxytunnel::ConnAccount account;
  };
  /// A tunnel, and of an association which target.
  static std::uint64_t key_of(proxytunnel::TunnelId tunnel, std::uint32_t flow) {
    return std::uint64_t{tunnel} << 32 | flow;
  }

  [[nodiscard]] std::string uid_of(proxytunnel::TunnelId tunnel, std::uint32_t flow = 0) const;
  [[nodiscard]] std::string uid_of_carrier(const proxytunnel::Attempt& attempt) const;
  void add(const proxytunnel::ConnectionRecord& record);
  [[nodiscard]] Chosen has_conversation(const proxytunnel::Attempt& attempt, Chosen chosen);
  void end_conversation(const proxytunnel::Attempt& attempt, std::uint32_t flow, const std::string& parent,
                        Chosen has_row);
  void add_session(const AttemptRow& row);

  const Options& options_;
  std::deque<LogFile> files_;  ///< all of them; those below are among them, or there is none
  LogFile *conn_ = nullptr, *socks_ = nullptr, *tunnel_ = nullptr, *proxytunnel_ = nullptr;
  LogFile *csv_ = nullptr, *ndjson_ = nullptr;
  std::unordered_map<std::uint64_t, Conversation> conversations_;
  Lineage lineage_;
  proxytunnel::TunnelId first_id_ = 0;
  proxytunnel::Time first_packet_ = 0;  ///< of the input
};

}  // namespace unproxy
