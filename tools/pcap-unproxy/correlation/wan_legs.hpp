// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what --correlate found of the tunnels of an input, and of the legs of its proxies.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "correlate/correlate.hpp"
#include "report/report.hpp"
#include "tracker/tracker.hpp"

namespace unproxy {

class WanLegs {
 public:
  WanLegs() = default;
  /// `found` is what correlate() made of `tunnels`.
  WanLegs(const std::vector<proxytunnel::Tunnelled>& tunnels, proxytunnel::Correlation found);

  /// Where the proxy went, as far as that is certain.
  [[nodiscard]] proxytunnel::KnownOrigins origins() const;
  /// Enters in the entry what is known of it.
  void note(proxytunnel::ReportEntry& entry) const;

  /// Tunnels (and targets of associations), those whose leg is known, and those of which more than one may be it.
  [[nodiscard]] std::size_t tunnels() const noexcept { return clients_.size(); }
  [[nodiscard]] std::size_t known() const noexcept { return known_; }
  [[nodiscard]] std::size_t ambiguous() const noexcept { return ambiguous_; }

  /// Legs of proxies.
  [[nodiscard]] const std::vector<proxytunnel::ServedLeg>& legs() const noexcept { return legs_; }
  /// For whom they were: by number of tunnel.
  [[nodiscard]] const std::vector<proxytunnel::LegClient>& clients() const noexcept { return clients_; }
  /// Whose tunnel one of them served.
  [[nodiscard]] const proxytunnel::LegClient& client(const proxytunnel::ServedLeg::Client& of) const {
    return clients_[of.tunnel];
  }
  /// Of the tunnel that one served: why.
  [[nodiscard]] const proxytunnel::WanLeg& found(const proxytunnel::ServedLeg::Client& of) const;

 private:
  struct Found {
    proxytunnel::FrameNumber request;
    proxytunnel::WanLeg leg;
  };
  using Key = std::pair<proxytunnel::TunnelId, std::uint32_t>;  ///< a tunnel, and of an association which target

  std::map<Key, Found> found_;
  std::vector<proxytunnel::LegClient> clients_;
  std::vector<proxytunnel::ServedLeg> legs_;
  std::size_t known_ = 0, ambiguous_ = 0;
};

}  // namespace unproxy
