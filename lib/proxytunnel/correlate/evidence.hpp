// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what may tell that a leg is a tunnel's, and how much each of it weighs. docs/decisions/0025 says why.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace proxytunnel {

/// Strongest first, as the report lists them.
enum class Ground : std::uint8_t {
  tls_random,
  bound_socket,
  same_bytes,
  same_requests,
  same_start,
  same_bytes_one_way,
  same_address,
  dns_answer,
  forwarded_for,
  sni,
  time
};

struct Weight {
  std::string_view name;  ///< the word of the report
  double weight;          ///< how sure it makes, alone: 0 to 1
  std::string_view why;
};

/// The table. Two grounds make as sure as two witnesses that know nothing of each other: 1 - (1 - a)(1 - b).
constexpr std::array weights = {
    Weight{"tls-random", 0.99, "both ends of a TLS session draw 32 random bytes; nobody sees the same twice"},
    Weight{"bound-socket", 0.95, "the proxy itself says which socket it took; ports are used again after a while"},
    Weight{"same-bytes", 0.90, "both directions carried the same, from the first byte to the last that is compared"},
    Weight{"same-requests", 0.80, "the same method, host and path in the same order; a proxy writes the heads anew"},
    Weight{"same-start", 0.80, "both directions begin the same, and one of two streams was seen further"},
    Weight{"same-bytes-one-way", 0.60, "one direction carried the same, and of the other nothing can be compared"},
    Weight{"same-address", 0.40, "the request said the address; others ask for it, too"},
    Weight{"dns-answer", 0.40, "an answer in a capture has the address for the name; it has others, too"},
    Weight{"forwarded-for", 0.30, "the proxy names the client in the request, and only its address"},
    Weight{"sni", 0.20, "the name is the target's; that is where everybody's connections to it go"},
    Weight{"time", 0.20, "it lived while the tunnel did"},
};

/// Less is no match.
constexpr double match_score = 0.5;

/// A set of grounds.
class Grounds {
 public:
  void add(Ground ground) noexcept { bits_ |= bit(ground); }
  [[nodiscard]] bool has(Ground ground) const noexcept { return (bits_ & bit(ground)) != 0; }
  [[nodiscard]] double score() const noexcept {
    double doubt = 1;
    each([&doubt](Ground, const Weight& of) { doubt *= 1 - of.weight; });
    return 1 - doubt;
  }
  /// True if what was said is among them: alone, where and when tell nothing.
  [[nodiscard]] bool has_content() const noexcept {
    return has(Ground::tls_random) || has(Ground::same_bytes) || has(Ground::same_requests) ||
           has(Ground::same_start) || has(Ground::same_bytes_one_way);
  }
  /// True for what nobody else can have.
  [[nodiscard]] bool is_unmistakable() const noexcept { return has(Ground::tls_random) || has(Ground::bound_socket); }
  /// Visits all of them, the strongest first.
  template <class Visit>
  void each(Visit visit) const {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (has(static_cast<Ground>(i))) visit(static_cast<Ground>(i), weights[i]);
    }
  }

 private:
  static constexpr unsigned bit(Ground ground) noexcept { return 1U << static_cast<unsigned>(ground); }
  unsigned bits_ = 0;
};

}  // namespace proxytunnel
