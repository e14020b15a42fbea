// SPDX-License-Identifier: GPL-2.0-or-later
// summary: remembers which addresses are named for which names, and chooses the one that a proxy most likely used.
#include "names/address_book.hpp"

#include <algorithm>
#include <utility>

#include "names/canonical_name.hpp"

namespace proxytunnel {
namespace {

void keep_strongest(std::vector<Candidate>& evidence) {
  if (evidence.size() > limits::answers_per_name) evidence.resize(limits::answers_per_name);
}

// What DNS can hold.
bool is_possible(std::string_view canonical) noexcept {
  return !canonical.empty() && canonical.size() <= longest_dns_name;
}

bool holds(std::span<const Candidate> evidence, const Candidate& wanted) noexcept {
  return std::find(evidence.begin(), evidence.end(), wanted) != evidence.end();
}

// Behind all that may be chosen.
std::vector<Candidate>::iterator first_unasked(std::vector<Candidate>& evidence) noexcept {
  return std::find_if(evidence.begin(), evidence.end(),
                      [](const Candidate& known) { return known.provenance == Provenance::dns_unasked; });
}

}  // namespace

AddressBook::AddressBook(const Prefix& synthetic4, const Prefix& synthetic6, std::size_t names) noexcept
    : synthetic_{synthetic4, synthetic6}, most_(names) {}

AddressBook::AddressBook(const AddressBook& from)
    : synthetic_(from.synthetic_), most_(from.most_), dropped_names_(from.dropped_names_) {
  for (const std::string_view name : from.by_age_) {
    const auto [entry, is_new] =
        entries_.try_emplace(std::string(name), Entry{from.entries_.find(name)->second.evidence, {}});
    entry->second.age = by_age_.insert(by_age_.end(), entry->first);
  }
}

std::vector<Candidate> AddressBook::usable_of(std::span<const Address> addresses, const Address& asked_by,
                                              Provenance provenance) const {
  std::vector<Candidate> candidates;
  for (const Address& address : addresses) {
    if (candidates.size() == limits::answers_per_name) break;
    const auto plain = usable(address);
    if (!plain) continue;
    const Candidate candidate{*plain, asked_by.unmapped(), provenance};
    if (!holds(candidates, candidate)) candidates.push_back(candidate);
  }
  return candidates;
}

void AddressBook::answer(std::string_view name, std::span<const Address> addresses, const Address& asked_by) noexcept {
  const std::vector<Candidate> latest = usable_of(addresses, asked_by, Provenance::dns_in_capture);
  if (latest.empty()) return;
  std::vector<Candidate>* evidence = evidence_for(name);
  if (evidence == nullptr) return;
  std::erase_if(*evidence, [&](Candidate known) {
    if (known.provenance == Provenance::dns_unasked) known.provenance = Provenance::dns_in_capture;
    return holds(latest, known);
  });
  evidence->insert(evidence->begin(), latest.begin(), latest.end());
  keep_strongest(*evidence);
}

void AddressBook::unasked(std::string_view name, std::span<const Address> addresses, const Address& answered) noexcept {
  std::vector<Candidate> latest = usable_of(addresses, answered, Provenance::dns_unasked);
  std::string canonical = canonical_name(name);
  if (latest.empty() || !is_possible(canonical)) return;
  const auto known = entries_.find(canonical);
  if (known == entries_.end() && entries_.size() >= most_) {
    ++dropped_names_;
    return;
  }
  std::vector<Candidate>& evidence = known == entries_.end() ? add(std::move(canonical)) : known->second.evidence;
  std::erase_if(latest, [&evidence](Candidate candidate) {
    candidate.provenance = Provenance::dns_in_capture;
    return holds(evidence, candidate);  // the same came for the asking
  });
  std::erase_if(evidence, [&latest](const Candidate& candidate) { return holds(latest, candidate); });
  evidence.insert(first_unasked(evidence), latest.begin(), latest.end());
  keep_strongest(evidence);
}

void AddressBook::record(Provenance source, std::string_view name, const Address& address) noexcept {
  const auto plain = usable(address);
  if (!plain) return;
  std::vector<Candidate>* evidence = evidence_for(name);
  if (evidence == nullptr) return;
  const Candidate candidate{*plain, std::nullopt, source};
  if (holds(*evidence, candidate)) return;
  const auto weaker = std::find_if(evidence->begin(), evidence->end(),
                                   [source](const Candidate& known) { return known.provenance > source; });
  evidence->insert(weaker, candidate);
  keep_strongest(*evidence);
}

NameChoice AddressBook::choose(std::string_view name, std::span<const Address> proxy) const noexcept {
  NameChoice choice;
  const auto found = entries_.find(canonical_name(name));
  if (found == entries_.end()) return choice;
  choice.candidates = found->second.evidence;
  const auto unasked = first_unasked(choice.candidates);
  if (unasked == choice.candidates.begin()) return choice;
  std::stable_partition(choice.candidates.begin(), unasked, [proxy](const Candidate& candidate) {
    return std::any_of(proxy.begin(), proxy.end(),
                       [&](const Address& address) { return candidate.asked_by == address.unmapped(); });
  });
  choice.address = choice.candidates.front().address;
  choice.provenance = choice.candidates.front().provenance;
  choice.asked_by = choice.candidates.front().asked_by;
  choice.candidates.erase(choice.candidates.begin());
  return choice;
}

std::optional<Address> AddressBook::usable(const Address& address) const noexcept {
  const Address plain = address.unmapped();
  if (plain.is_unspecified() || synthetic_.contain(plain)) return std::nullopt;
  return plain;
}

// The evidence for a name, which counts as renewed; null for what can be no name.
std::vector<Candidate>* AddressBook::evidence_for(std::string_view name) {
  std::string canonical = canonical_name(name);
  if (!is_possible(canonical)) return nullptr;
  if (const auto known = entries_.find(canonical); known != entries_.end()) {
    by_age_.splice(by_age_.end(), by_age_, known->second.age);
    return &known->second.evidence;
  }
  if (entries_.size() >= most_) drop_oldest();
  return &add(std::move(canonical));
}

std::vector<Candidate>& AddressBook::add(std::string canonical) {
  const auto added = entries_.emplace(std::move(canonical), Entry{}).first;
  added->second.age = by_age_.insert(by_age_.end(), added->first);
  return added->second.evidence;
}

void AddressBook::drop_oldest() {
  if (by_age_.empty()) return;
  entries_.erase(entries_.find(by_age_.front()));
  by_age_.pop_front();
  ++dropped_names_;
}

}  // namespace proxytunnel
