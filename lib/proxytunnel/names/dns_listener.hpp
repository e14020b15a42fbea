// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts DNS questions and answers together: an answer that nobody asked for is no evidence.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/endpoint.hpp"
#include "base/limits.hpp"
#include "base/recent.hpp"
#include "base/segment.hpp"
#include "names/address_book.hpp"
#include "names/dns.hpp"

namespace proxytunnel {

/// A question as an answer repeats it: who asked whom, the transaction, the name, the type.
struct DnsExchange {
  Endpoint asker, server;
  DnsQuestion question;

  auto operator<=>(const DnsExchange&) const = default;
};

/// Whether one end is a DNS server, by its port. Multicast DNS has another one.
constexpr std::uint16_t dns_port = 53;
[[nodiscard]] constexpr bool is_of_dns(const Datagram& datagram) noexcept {
  return datagram.sender.port == dns_port || datagram.receiver.port == dns_port;
}

/// Hears the DNS messages of a capture. Of questions the latest limits::dns_questions are known.
///
/// A capture of several taps may have an answer in front of its question. It counts from the question on, if by its
/// time stamp it came behind it; limits::early_answers wait.
class DnsListener {
 public:
  explicit DnsListener(std::size_t questions = limits::dns_questions,
                       std::size_t early_answers = limits::early_answers) noexcept
      : asked_(questions), early_(early_answers) {}

  /// Takes a datagram to or from a DNS server. `message` is what was
  /// captured of the message in it. An answer to a question that was heard is evidence in the book, as given to its
  /// receiver; any other is kept there as unasked.
  void hear(const Datagram& datagram, Bytes message, AddressBook& names) noexcept;

 private:
  struct Asked {};
  struct Early {
    Time time = 0;
    DnsAnswer answer;
  };

  Recent<DnsExchange, Asked> asked_;
  Recent<DnsExchange, Early> early_;
};

}  // namespace proxytunnel
