// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what of the proxy protocols can be switched off, and under which names (base/vocabulary.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/vocabulary.h"

namespace proxytunnel {

/// Protocols that are switched on and off as one.
enum class Family : std::uint8_t { PT_FAMILIES(PT_ID) };

struct FamilyNames {
  Family family;
  std::string_view option;      ///< --disable
  std::string_view preference;  ///< of the plugin, behind "proxytunnel."
  std::string_view heuristic;   ///< of the plugin, in Enabled Protocols
};

#define PT_ROW(id, option, heuristic, ...) FamilyNames{Family::id, option, #id, heuristic},
constexpr std::array families{PT_FAMILIES(PT_ROW)};
#undef PT_ROW

/// A set of families.
class Families {
 public:
  constexpr Families() = default;
  /// A bit for each of them, the first one lowest.
  constexpr explicit Families(std::uint32_t bits) noexcept : bits_(bits) {}

  constexpr void add(Family family) noexcept { bits_ |= bit(family); }
  [[nodiscard]] constexpr bool has(Family family) const noexcept { return (bits_ & bit(family)) != 0; }

 private:
  static constexpr std::uint32_t bit(Family family) noexcept { return 1U << static_cast<unsigned>(family); }

  std::uint32_t bits_ = 0;
};

static_assert(families.size() <= 32);

}  // namespace proxytunnel
