// SPDX-License-Identifier: GPL-2.0-or-later
// summary: made-up addresses for names of which nothing better is known, the same in every run and program.
#include "names/synthetic.hpp"

#include <utility>

#include "names/canonical_name.hpp"

namespace proxytunnel {
namespace {

/// IPv6 addresses tried for one name. With 32 host bits or more even the second is hardly ever needed.
constexpr unsigned most_tries = 16;

/// Names can be far longer than DNS allows (a CONNECT's is bounded by its message head): bounds all names together.
constexpr std::size_t bytes_per_name = 256;

std::uint64_t fnv1a(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash;
}

class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) noexcept : seed_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t word = seed_ += 0x9e3779b97f4a7c15U;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9U;
    word = (word ^ word >> 27) * 0x94d049bb133111ebU;
    return word ^ word >> 31;
  }

 private:
  std::uint64_t seed_;
};

// The low bits of high:low become the host part.
Address address_in(const Prefix& prefix, std::uint64_t high, std::uint64_t low) noexcept {
  Address address = prefix.address;
  const std::size_t bits = address.bytes().size() * 8;
  const std::size_t host_bits = bits - prefix.length;
  std::size_t ones = 0;
  for (std::size_t i = 0; i < host_bits; ++i) {
    const std::uint64_t word = i < 64 ? low : high;
    if ((word >> i % 64 & 1) == 0) continue;
    ++ones;
    address.octets[(bits - 1 - i) / 8] |= static_cast<std::uint8_t>(1U << i % 8);
  }
  if (host_bits > 1 && (ones == 0 || ones == host_bits)) address.octets[bits / 8 - 1] ^= 1;
  return address;
}

}  // namespace

SyntheticAddresses::SyntheticAddresses(const Prefix& v4, const Prefix& v6, std::size_t names) noexcept
    : prefixes_{v4, v6}, most_(names) {}

SyntheticAddresses::SyntheticAddresses(const SyntheticAddresses& from)
    : prefixes_(from.prefixes_),
      most_(from.most_),
      made_(from.made_),
      name_bytes_(from.name_bytes_),
      given_(from.given_),
      occurring_(from.occurring_) {
  for (const auto made : from.by_age_) by_age_.push_back(made_.find(made->first));
}

void SyntheticAddresses::occurs(const Address& address) noexcept {
  if (!is_synthetic(address) || occurring_.size() >= most_) return;
  occurring_.insert(address.unmapped());
}

SyntheticAddress SyntheticAddresses::of(std::string_view name) noexcept {
  std::string canonical = canonical_name(name);
  if (const auto known = made_.find(canonical); known != made_.end()) return known->second;
  const SyntheticAddress made = make(canonical);
  remember(std::move(canonical), made);
  return made;
}

bool SyntheticAddresses::is_of(std::string_view name, const Address& address) const noexcept {
  const auto known = made_.find(canonical_name(name));
  return known != made_.end() && known->second.address == address;
}

SyntheticAddress SyntheticAddresses::make(std::string_view canonical) const noexcept {
  SplitMix64 words(fnv1a(canonical));
  SyntheticAddress made;
  made.address = address_in(prefixes_.v4, 0, words.next());
  made.fallback = why_taken(made.address);
  if (made.fallback == SyntheticFallback::none) return made;
  for (unsigned i = 0; i < most_tries; ++i) {
    const std::uint64_t high = words.next(), low = words.next();
    made.address = address_in(prefixes_.v6, high, low);
    if (why_taken(made.address) == SyntheticFallback::none) break;
  }
  return made;
}

SyntheticFallback SyntheticAddresses::why_taken(const Address& address) const noexcept {
  if (occurring_.contains(address)) return SyntheticFallback::occurs_in_capture;
  return given_.contains(address) ? SyntheticFallback::name_collision : SyntheticFallback::none;
}

void SyntheticAddresses::remember(std::string canonical, const SyntheticAddress& made) {
  const std::size_t size = canonical.size();
  while (!by_age_.empty() && (by_age_.size() >= most_ || name_bytes_ + size > most_ * bytes_per_name)) forget_oldest();
  by_age_.push_back(made_.emplace(std::move(canonical), made).first);
  given_.insert(made.address);
  name_bytes_ += size;
}

void SyntheticAddresses::forget_oldest() {
  const Made::iterator oldest = by_age_.front();
  by_age_.pop_front();
  name_bytes_ -= oldest->first.size();
  given_.erase(given_.find(oldest->second.address));
  made_.erase(oldest);
}

}  // namespace proxytunnel
