// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from which port which association of a client sends; bounded, those that were used least lately go first.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/endpoint.hpp"
#include "base/segment.hpp"

namespace proxytunnel {

/// A client's port, as one relay knows it.
struct ClientPort {
  Endpoint relay, client;
  std::uint8_t layer = 0;

  auto operator<=>(const ClientPort&) const = default;
};

/// Two generations of the same size: what is used moves to the younger one, and once that is full, the elder one is
/// forgotten. So as many as a generation holds are known for sure, those used last, and what belongs to an association
/// that is gone needs no care.
class ClientPorts {
 public:
  explicit ClientPorts(std::size_t generation) noexcept : most_(generation) {}

  /// Whose port it is, if that is known. Counts as use.
  [[nodiscard]] std::optional<TunnelId> find(const ClientPort& port);
  /// From now on it is the port of this association.
  void set(const ClientPort& port, TunnelId id);
  /// Whose ports were forgotten since the last call; an association may occur more than once.
  [[nodiscard]] std::vector<TunnelId> take_forgotten() { return std::exchange(forgotten_, {}); }

 private:
  using Generation = std::map<ClientPort, TunnelId>;

  void grow_old();

  Generation younger_, elder_;
  std::size_t most_;  ///< of one generation
  std::vector<TunnelId> forgotten_;
};

}  // namespace proxytunnel
