// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a DNS response over UDP proves about the name that was asked for.
// spec: RFC 1035 section 4 (messages), RFC 3596 (AAAA)
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/segment.hpp"
#include "names/address_book.hpp"

namespace proxytunnel {

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

/// Enters what a datagram from a DNS server proves in the book, as given to its receiver. Which ports are those of DNS
/// servers is the caller's to know.
void learn_names(const Datagram& datagram, AddressBook& names) noexcept;

}  // namespace proxytunnel
