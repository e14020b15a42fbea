// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how an origin's address is known, and an address with that knowledge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/endpoint.hpp"
#include "base/vocabulary.h"

namespace proxytunnel {

/// Where an address comes from, strongest evidence first.
enum class Provenance : std::uint8_t { PT_PROVENANCES(PT_ID) };

/// The spelling of the report: "dns-in-capture".
constexpr std::string_view name_of(Provenance provenance) noexcept {
  constexpr std::string_view names[] = {PT_PROVENANCES(PT_NAME)};
  return names[static_cast<std::size_t>(provenance)];
}

/// An address that something names for a target.
struct Candidate {
  Address address;
  std::optional<Address> asked_by;  ///< to whom a DNS answer was given
  Provenance provenance = Provenance::dns_in_capture;

  bool operator==(const Candidate&) const = default;
};

}  // namespace proxytunnel
