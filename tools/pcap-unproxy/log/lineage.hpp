// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which connections and conversations have a row in conn.log although --select did not choose them: those that
//          carry what it chose.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tracker/outcome.hpp"

namespace unproxy {

/// By --select.
enum class Chosen : std::uint8_t { no, yes };

/// Knows of what is open only.
class Lineage {
 public:
  void opened(const proxytunnel::Attempt& attempt, Chosen chosen);
  /// Whether its conversation has a row. What comes out of take() then is over, too.
  Chosen ended(const proxytunnel::Attempt& attempt, Chosen chosen);
  void connection(const proxytunnel::ConnectionRecord& record);
  /// Records that have a row.
  [[nodiscard]] std::vector<proxytunnel::ConnectionRecord> take() { return std::exchange(ready_, {}); }

 private:
  /// The ends, the first frame, whether it is what TLS carries.
  using Key = std::tuple<proxytunnel::Endpoint, proxytunnel::Endpoint, proxytunnel::FrameNumber, bool>;
  struct Carrier {
    bool has_chosen = false, is_over = false;
    unsigned open = 0;                                     ///< tunnels
    std::optional<proxytunnel::ConnectionRecord> waiting;  ///< it is over, but nobody knows yet whether it has a row
  };
  struct Tunnel {
    proxytunnel::TunnelId parent;
    std::optional<Key> carrier;  ///< the connection that it is in; none: it is in a tunnel, or in no connection
    bool has_chosen;
  };

  static std::optional<Key> key_of(const proxytunnel::Attempt& attempt);
  void note(const proxytunnel::Attempt& attempt);
  void settle(std::map<Key, Carrier>::iterator place);

  std::map<Key, Carrier> carriers_;
  std::unordered_map<proxytunnel::TunnelId, Tunnel> open_;
  std::vector<proxytunnel::ConnectionRecord> ready_;
};

}  // namespace unproxy
