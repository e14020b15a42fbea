// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the pass over legs whose clients are known: their accounts for conn.log, and --view wan, which shows them
//          with the true client's address.
#pragma once

#include <map>
#include <vector>

#include "correlation/wan_legs.hpp"
#include "session.hpp"
#include "tracker/conn_account.hpp"
#include "virtual_writer.hpp"

namespace unproxy {

class LegPass final : public Sink {
 public:
  /// Of legs of one source. `view` may be null: nothing is written. All are borrowed.
  LegPass(const WanLegs& legs, std::size_t source, const Options& options, VirtualWriter* view);

  [[nodiscard]] bool wants_all() const override { return true; }
  proxytunnel::Ticket captured(const Packet& packet, const proxytunnel::Decoded& decoded) override;

  /// Calls `visit(leg, account)` for each leg with clients, in the order of their first frames.
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& [leg, account] : accounts_) visit(*leg, account);
  }

 private:
  using Served = proxytunnel::ServedLeg;

  [[nodiscard]] std::size_t leg_at(const proxytunnel::ConnectionKey& key, FrameNumber frame) const;
  template <class Carried>
  void see(const Carried& carried, const proxytunnel::ConnectionKey& key, const Packet& packet,
           const proxytunnel::Decoded& decoded);
  void show(proxytunnel::VirtualPacket& packet, const Served& leg, bool is_first);
  [[nodiscard]] std::string words_of(const Served& leg) const;

  const WanLegs& legs_;
  const Options& options_;
  VirtualWriter* view_;
  std::vector<std::pair<const Served*, proxytunnel::ConnAccount>> accounts_;
  std::map<proxytunnel::ConnectionKey, std::vector<std::size_t>> by_ends_;  ///< places in accounts_
  std::vector<std::uint8_t> envelope_;
};

}  // namespace unproxy
