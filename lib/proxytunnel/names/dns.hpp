// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a DNS response over UDP proves about the name that was asked for.
// spec: RFC 1035 section 4 (messages), RFC 3596 (AAAA)
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace proxytunnel {

/// What a query asks, and what the response to it repeats.
struct DnsQuestion {
  std::uint16_t id = 0;    ///< of the transaction
  std::uint16_t type = 0;  ///< of records
  std::string name;        ///< lower case, no dot at the end; "" for the root

  auto operator<=>(const DnsQuestion&) const = default;
};

/// The question of a message, be it a query or a response of whatever outcome; nullopt unless it is of a standard query
/// with one question of class IN whose name text can hold.
[[nodiscard]] std::optional<DnsQuestion> read_dns_question(Bytes message) noexcept;

/// Which of both a message with a question is.
[[nodiscard]] bool is_dns_answer(Bytes message) noexcept;

/// The question's name (lower case, no dot at the end) and the addresses that the answer proves for it, in record
/// order. Without addresses nothing is proved.
struct DnsAnswer {
  std::string name;
  std::vector<Address> addresses;
};

/// Reads a response: QR set, a standard query, no error, one question of class IN; from the question's name through
/// aliases (CNAME, in whatever order the records are) to addresses (A, AAAA). What is not such a response, or a query
/// without such an answer, gives no addresses.
///
/// `message` is the captured UDP payload. Where it was cut (by the snapshot length, or by the server: TC), complete
/// records count, and the rest is as if it were not there. A name that text cannot hold (a label with a dot or a zero
/// byte) and one that breaks the format (a pointer not backwards, over-long) make their record count for nothing.
[[nodiscard]] DnsAnswer read_dns_answer(Bytes message) noexcept;
/// With what read_dns_question() said of the same message.
[[nodiscard]] DnsAnswer read_dns_answer(Bytes message, const DnsQuestion& question) noexcept;

}  // namespace proxytunnel
