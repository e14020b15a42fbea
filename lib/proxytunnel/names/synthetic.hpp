// SPDX-License-Identifier: GPL-2.0-or-later
// summary: made-up addresses for names of which nothing better is known, the same in every run and program.
//
// The address of a name is defined here, once and for all; all arithmetic is modulo 2^64:
//   name   in lower case (ASCII), one dot at the end dropped
//   seed   = FNV-1a of the name's bytes: seed = 0xcbf29ce484222325; for each byte: seed = (seed ^ byte) * 0x100000001b3
//   w1, w2, ... = the outputs of SplitMix64 from that seed: seed += 0x9e3779b97f4a7c15, z = seed,
//            z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9, z = (z ^ z >> 27) * 0x94d049bb133111eb, output z ^ z >> 31
//   IPv4   = the prefix, then the low bits of w1
//   IPv6   = the prefix, then the low bits of the 128-bit number w2:w3; where that is taken w4:w5, w6:w7 and so on
//   A host part of zeros only has its last bit set, one of ones only has it cleared: they look like a network and a
//   broadcast address. (A host part of one bit stays as it is.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/endpoint.hpp"
#include "base/limits.hpp"
#include "names/synthetic_prefixes.hpp"

namespace proxytunnel {

/// Why a name has an IPv6 address.
enum class SyntheticFallback : std::uint8_t {
  none,              ///< it has its IPv4 address
  name_collision,    ///< an earlier name has that IPv4 address
  occurs_in_capture  ///< that IPv4 address is somebody's in the capture
};

/// The spelling of the report, where it is an anomaly; none is "".
constexpr std::string_view name_of(SyntheticFallback fallback) noexcept {
  switch (fallback) {
    case SyntheticFallback::none:
      return "";
    case SyntheticFallback::name_collision:
      return "synthetic-name-collision";
    case SyntheticFallback::occurs_in_capture:
      return "synthetic-occurs-in-capture";
  }
  return "";
}

struct SyntheticAddress {
  Address address;
  SyntheticFallback fallback = SyntheticFallback::none;
};

/// Gives each name one address, and each address to one name.
class SyntheticAddresses {
 public:
  /// An IPv4 and an IPv6 prefix with their host bits cleared (as Prefix::parse does). `names` bounds what is
  /// remembered: names, and addresses that occur.
  explicit SyntheticAddresses(const Prefix& v4 = default_synthetic4, const Prefix& v6 = default_synthetic6,
                              std::size_t names = limits::names) noexcept;

  SyntheticAddresses(const SyntheticAddresses& from);
  SyntheticAddresses& operator=(const SyntheticAddresses&) = delete;
  ~SyntheticAddresses() = default;

  /// Says that an address is in the capture, of layer 0 only: virtual packets carry synthetic addresses by design.
  /// Cheap for addresses outside the prefixes. A name that has the address already keeps it. Beyond the bound such
  /// addresses are ignored: a capture with more of them is itself a test of network devices.
  void occurs(const Address& address) noexcept;

  /// The address of a name, in any letter case, with or without a dot at the end; the same at each call, with the
  /// same fallback. Should every IPv6 address that is tried be taken, which needs a tiny prefix, the last one is
  /// shared.
  ///
  /// Beyond the bound the oldest name is forgotten. That is sound, as opened tunnels have frozen addresses and a
  /// forgotten name gets the same address again; except if a collision made or unmade itself meanwhile, and then it
  /// gets another address that is not in use, with a fallback that says so.
  [[nodiscard]] SyntheticAddress of(std::string_view name) noexcept;

  /// Whether the name has the address already.
  [[nodiscard]] bool is_of(std::string_view name, const Address& address) const noexcept;

  [[nodiscard]] bool is_synthetic(const Address& address) const noexcept { return prefixes_.contain(address); }
  [[nodiscard]] const SyntheticPrefixes& prefixes() const noexcept { return prefixes_; }

 private:
  using Made = std::map<std::string, SyntheticAddress, std::less<>>;

  [[nodiscard]] SyntheticAddress make(std::string_view canonical) const noexcept;
  [[nodiscard]] SyntheticFallback why_taken(const Address& address) const noexcept;
  void remember(std::string canonical, const SyntheticAddress& made);
  void forget_oldest();

  SyntheticPrefixes prefixes_;
  std::size_t most_;
  Made made_;
  std::deque<Made::iterator> by_age_;  ///< oldest first
  std::size_t name_bytes_ = 0;         ///< of all remembered names
  std::multiset<Address> given_;       ///< to remembered names
  std::set<Address> occurring_;
};

}  // namespace proxytunnel
