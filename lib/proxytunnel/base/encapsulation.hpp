// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what IP packets are wrapped in on their way to where they were captured, and which network that names.
// spec: RFC 2003 (IP in IP), RFC 2473, RFC 4213 (6in4), RFC 2784 and 2890 (GRE), RFC 7348 (VXLAN), RFC 8926 (GENEVE),
// 3GPP TS 29.281 (GTP-U), draft-foschiano-erspan
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace proxytunnel {

/// Tells networks apart in which the same addresses may mean other hosts: made of the identifiers (VNI, TEID, key) of
/// all that wraps a packet. 0: nothing does, or nothing that has an identifier.
using NetworkId = std::uint64_t;

enum class Wrapper : std::uint8_t { ip, gre, erspan, vxlan, geneve, gtp };

/// The word for it: static storage.
[[nodiscard]] std::string_view name_of(Wrapper wrapper) noexcept;

struct Wrapping {
  Wrapper wrapper = Wrapper::ip;
  std::optional<std::uint32_t> id{};  ///< VNI, TEID, key or session; none where it has none
  /// Who gave the identifier, where each receiver gives its own: made of its address. Else 0. Not kept when packed.
  std::uint64_t giver = 0;
};

/// What wraps one packet, from outside in.
class Encapsulation {
 public:
  static constexpr std::size_t most = 8;
  static constexpr std::size_t packed_size = 6;  ///< of one: wrapper(1) has_id(1) id(4)
  static constexpr std::size_t most_packed = most * packed_size;

  /// False if that is one more than `most`.
  bool add(const Wrapping& wrapping) noexcept;
  void clear() noexcept {
    count_ = 0;
    network_ = 0;
  }
  [[nodiscard]] NetworkId network() const noexcept { return network_; }
  /// In bytes, to be handed on and kept; empty if nothing wraps it. Borrowed.
  [[nodiscard]] Bytes packed() const noexcept { return Bytes(packed_).first(count_ * packed_size); }
  [[nodiscard]] static std::vector<Wrapping> unpacked(Bytes packed);

 private:
  std::array<std::uint8_t, most_packed> packed_{};
  std::size_t count_ = 0;
  NetworkId network_ = 0;
};

/// "vxlan 100, gre"; empty for nothing.
[[nodiscard]] std::string encapsulation_text(Bytes packed);

}  // namespace proxytunnel
