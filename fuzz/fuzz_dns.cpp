// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes names: DNS responses, the address book that remembers them, and what it chooses.
//
// Input: messages, each behind one byte (bit 0-1 who asked, bit 2: the name is told by a hosts file, too) and its
// 16-bit length.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "demand.hpp"
#include "names/address_book.hpp"
#include "names/canonical_name.hpp"
#include "names/dns.hpp"

using namespace proxytunnel;

namespace {

void check(const DnsAnswer& answer, Bytes message) {
  demand(answer.addresses.size() * 4 <= message.size(), "no more addresses than there is room for");
  if (answer.name.empty()) {
    demand(answer.addresses.empty(), "addresses have a name");
    return;
  }
  demand(answer.name.size() <= longest_dns_name, "a name that DNS can hold");
  demand(answer.name == canonical_name(answer.name), "a canonical name");
  demand(answer.name.find('\0') == std::string::npos, "a name that text can hold");
}

void check(const NameChoice& choice) {
  demand(choice.candidates.size() < limits::answers_per_name, "evidence is bounded");
  if (choice.address) {
    demand(choice.provenance == Provenance::dns_in_capture || choice.provenance == Provenance::hosts_file, "evidence");
    demand(!choice.address->is_unspecified(), "an address of somebody");
    demand(!default_synthetic4.contains(*choice.address) && !default_synthetic6.contains(*choice.address),
           "what is synthetic is no evidence");
  } else {
    demand(choice.candidates.empty(), "without an address there are no others");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Address askers[] = {*Address::parse("10.0.0.1"), *Address::parse("10.0.0.2"), *Address::parse("fd00::1"),
                            *Address::parse("::ffff:10.0.0.1")};
  AddressBook book(default_synthetic4, default_synthetic6, 4);  // few, so that names are dropped, too
  Reader reader({bytes, size});
  while (reader.complete() && !reader.rest().empty()) {
    const unsigned how = reader.u8();
    const std::size_t length = std::min<std::size_t>(reader.u16(), reader.rest().size());
    const Bytes taken = reader.take(length);
    const std::vector<std::uint8_t> message(taken.begin(), taken.end());
    const DnsAnswer answer = read_dns_answer(message);
    check(answer, message);
    if ((how & 4U) != 0 && !answer.addresses.empty()) {
      book.record(Provenance::hosts_file, answer.name, answer.addresses.back());
    }
    book.answer(answer.name, answer.addresses, askers[how & 3U]);
    for (const Address& proxy : askers) check(book.choose(answer.name, proxy));
    // Of what was cut off nothing is known.
    for (std::size_t cut = 0; cut < std::min<std::size_t>(message.size(), 300); cut += 7) {
      const std::vector<std::uint8_t> beginning(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(cut));
      check(read_dns_answer(beginning), beginning);
    }
  }
  return 0;
}
