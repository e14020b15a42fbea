// SPDX-License-Identifier: GPL-2.0-or-later
// summary: IP addresses and endpoints as values, and their canonical text.
// spec: RFC 5952 (text of IPv6 addresses), RFC 4291 section 2.5.5.2 (IPv4-mapped)
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace proxytunnel {

/// An IPv4 or IPv6 address in network order. An IPv4 address uses the first four bytes; the rest is zero.
struct Address {
  std::array<std::uint8_t, 16> octets{};
  std::uint8_t version = 4;  ///< 4 or 6

  /// From 4 or 16 bytes; any other length gives 0.0.0.0.
  static Address from(Bytes bytes) noexcept;
  /// A dotted quad without leading zeros, or any text form of an IPv6 address (RFC 4291 section 2.2): "010.000.00.003"
  /// is a name, not an address. Brackets and zones are not accepted.
  static std::optional<Address> parse(std::string_view text) noexcept;

  [[nodiscard]] Bytes bytes() const noexcept {
    return {octets.data(), version == 4 ? std::size_t{4} : std::size_t{16}};
  }
  [[nodiscard]] bool is_v4() const noexcept { return version == 4; }
  [[nodiscard]] bool is_unspecified() const noexcept { return octets == decltype(octets){}; }
  /// ::ffff:a.b.c.d for an IPv4 address; an IPv6 address unchanged.
  [[nodiscard]] Address mapped() const noexcept;
  /// a.b.c.d for ::ffff:a.b.c.d; any other address unchanged.
  [[nodiscard]] Address unmapped() const noexcept;
  [[nodiscard]] std::string text() const;

  // By octets, then by version. Two words: the defaulted operators call memcmp, for each segment several times.
  std::strong_ordering operator<=>(const Address& other) const noexcept {
    if (const auto order = half(0) <=> other.half(0); order != 0) return order;
    if (const auto order = half(8) <=> other.half(8); order != 0) return order;
    return version <=> other.version;
  }
  bool operator==(const Address& other) const noexcept {
    return word(0) == other.word(0) && word(8) == other.word(8) && version == other.version;
  }
  /// Eight of the octets, for comparisons and hashes where their order does not matter.
  [[nodiscard]] std::uint64_t word(std::size_t at) const noexcept { return little_endian(&octets[at]); }

 private:
  [[nodiscard]] std::uint64_t half(std::size_t at) const noexcept { return get64(&octets[at]); }
};

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  /// "10.0.0.1:80" or "[fd00::1]:80"
  [[nodiscard]] std::string text() const;

  std::strong_ordering operator<=>(const Endpoint&) const = default;
  /// Ends of one connection mostly differ in their ports.
  bool operator==(const Endpoint& other) const noexcept { return port == other.port && address == other.address; }
};

/// The ends of a connection or conversation, who opened it first.
struct Ends {
  Endpoint initiator, acceptor;
};

/// A decimal number from 0 to 65535 and nothing else.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept;

/// An address prefix, such as 198.18.0.0/15.
struct Prefix {
  Address address;
  unsigned length = 0;  ///< bits

  /// "198.18.0.0/15"; nullopt unless the text is an address, a slash and a length that fits. Host bits are cleared.
  static std::optional<Prefix> parse(std::string_view text) noexcept;
  [[nodiscard]] bool contains(const Address& candidate) const noexcept;
  [[nodiscard]] std::string text() const;
};

}  // namespace proxytunnel
