// SPDX-License-Identifier: GPL-2.0-or-later
// summary: remembers which addresses are named for which names, and chooses the one that a proxy most likely used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/limits.hpp"
#include "base/provenance.hpp"
#include "names/synthetic_prefixes.hpp"

namespace proxytunnel {

struct NameChoice {
  std::optional<Address> address;  ///< absent: nothing is known of the name
  Provenance provenance = Provenance::synthetic;
  std::optional<Address> asked_by;  ///< to whom the answer was given that has it
  /// All other evidence for the name, strongest first. An address is in it more than once (and the chosen one, too) if
  /// it was given to more than one asker or by more than one source.
  std::vector<Candidate> candidates;
};

/// Evidence for names, in the order in which it arrives: what counts as the latest answer is what arrived last. Names
/// are compared without letter case and without a dot at the end; those that DNS could not hold (empty, more than 253
/// bytes) are ignored. Addresses that cannot be evidence are ignored as well: those in the synthetic prefixes and
/// 0.0.0.0 and :: (which is how blocking resolvers and hosts files say "nowhere"). ::ffff:a.b.c.d is kept as a.b.c.d.
///
/// Bounded: of each name the strongest limits::answers_per_name pieces of evidence; of all names `names`: beyond that,
/// the name whose latest evidence is oldest is dropped and counted.
class AddressBook {
 public:
  /// The prefixes of synthetic addresses.
  explicit AddressBook(const Prefix& synthetic4 = default_synthetic4, const Prefix& synthetic6 = default_synthetic6,
                       std::size_t names = limits::names) noexcept;
  AddressBook(const AddressBook& from);
  AddressBook& operator=(const AddressBook&) = delete;
  ~AddressBook() = default;

  /// A DNS answer in the capture: the addresses of a name in record order, given to `asked_by`. Views are not kept.
  void answer(std::string_view name, std::span<const Address> addresses, const Address& asked_by) noexcept;

  /// The same of an answer to a question that is not in the capture: anybody may have sent it. It is listed as a
  /// candidate, never chosen, and makes no name with other evidence older or forgotten.
  void unasked(std::string_view name, std::span<const Address> addresses, const Address& answered) noexcept;

  /// What another source says (name_resolution_block, hosts_file, dns_live); within a source the first record counts.
  void record(Provenance source, std::string_view name, const Address& address) noexcept;

  /// The address for a name, of all that arrived until now: from the latest DNS answer that was given to the proxy, its
  /// first record; from the latest one given to anyone else; name resolution block; hosts file; live lookup. Unasked
  /// answers are candidates only.
  /// `proxy` holds the addresses by which the proxy is known: a proxy with two legs asks from the other one.
  [[nodiscard]] NameChoice choose(std::string_view name, std::span<const Address> proxy) const noexcept;
  [[nodiscard]] NameChoice choose(std::string_view name, const Address& proxy) const noexcept {
    return choose(name, std::span(&proxy, 1));
  }

  /// Names that were dropped because there were too many.
  [[nodiscard]] std::uint64_t dropped_names() const noexcept { return dropped_names_; }

 private:
  struct Entry {
    /// As choose() wants it for a proxy that never asked: by provenance; DNS answers latest first, each in record
    /// order; other records as they came.
    std::vector<Candidate> evidence;
    std::list<std::string_view>::iterator age;
  };

  [[nodiscard]] std::vector<Candidate> usable_of(std::span<const Address> addresses, const Address& asked_by,
                                                 Provenance provenance) const;
  [[nodiscard]] std::optional<Address> usable(const Address& address) const noexcept;
  std::vector<Candidate>* evidence_for(std::string_view name);
  std::vector<Candidate>& add(std::string canonical);
  void drop_oldest();

  SyntheticPrefixes synthetic_;
  std::size_t most_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::list<std::string_view> by_age_;  ///< keys of `entries_`, oldest evidence first
  std::uint64_t dropped_names_ = 0;
};

}  // namespace proxytunnel
