// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the anomaly credentials-shared: one user name and password, used by several clients of a proxy.
#pragma once

#include <map>
#include <string>

#include "capture/digest.hpp"
#include "tunnel/attempt.hpp"

namespace unproxy {

/// Knows of one input. Who used credentials first is not known to share them when that is told: those that end later
/// have the anomaly.
class SharedCredentials {
 public:
  /// So many credentials are remembered, the first ones; of others nothing is told.
  static constexpr std::size_t most = 16384;

  /// Notes it in an attempt that is over, if one that ended before had its user name and password with its proxy, and
  /// another client's address.
  void ended(proxytunnel::Attempt& attempt);

 private:
  struct Use {
    proxytunnel::Address client;
    bool is_shared = false;
  };
  std::map<std::string, Use> uses_;  ///< by SHA-256 of proxy, user name and password
};

}  // namespace unproxy
