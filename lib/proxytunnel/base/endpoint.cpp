// SPDX-License-Identifier: GPL-2.0-or-later
// summary: IP addresses and endpoints as values, and their canonical text.
#include "base/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace proxytunnel {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<Address> parse_v4(std::string_view text) noexcept {
  Address address;
  for (std::size_t i = 0; i < 4; ++i) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || value > 255 || digits > 3 || (digits > 1 && text[0] == '0')) return std::nullopt;
    address.octets[i] = static_cast<std::uint8_t>(value);
    text.remove_prefix(digits);
    if (i == 3) break;
    if (text.empty() || text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
  return text.empty() ? std::optional(address) : std::nullopt;
}

// One or two runs of 16-bit groups, parted by at most one "::"; the last 32 bits may be a dotted quad.
std::optional<Address> parse_v6(std::string_view text) noexcept {
  std::array<std::uint8_t, 16> octets{};
  std::size_t filled = 0;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t stop = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, stop);
    if (group.find('.') != std::string_view::npos) {
      const auto tail = parse_v4(group);
      if (!tail || stop != text.size() || filled > 12) return std::nullopt;
      std::copy_n(tail->octets.begin(), 4, octets.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += 4;
      break;
    }
    unsigned value = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (error != std::errc{} || end != group.data() + group.size() || group.size() > 4 || filled > 14) {
      return std::nullopt;
    }
    put16(&octets[filled], value);
    filled += 2;
    text.remove_prefix(stop);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.empty()) return std::nullopt;  // a single colon at the end
    if (text[0] == ':') {
      if (gap) return std::nullopt;
      gap = filled;
      text.remove_prefix(1);
    }
  }
  if (gap ? filled > 14 : filled != 16) return std::nullopt;
  if (gap) {
    const auto begin = octets.begin();
    const auto from = static_cast<std::ptrdiff_t>(*gap);
    const auto used = static_cast<std::ptrdiff_t>(filled);
    std::move_backward(begin + from, begin + used, octets.end());
    std::fill(begin + from, octets.end() - (used - from), std::uint8_t{0});
  }
  Address address;
  address.version = 6;
  address.octets = octets;
  return address;
}

void append_v4(std::string& text, const std::uint8_t* octets) {
  for (int i = 0; i < 4; ++i) {
    if (i) text += '.';
    text += std::to_string(octets[i]);
  }
}

void append_group(std::string& text, unsigned value) {
  std::array<char, 8> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  text.append(digits.data(), end);
}

// RFC 5952 section 4: the longest run of two or more zero groups becomes "::", the first of equals.
std::string v6_text(const std::array<std::uint8_t, 16>& octets) {
  std::size_t best = 8, best_length = 1;
  for (std::size_t start = 0; start < 8; ++start) {
    std::size_t end = start;
    while (end < 8 && get16(&octets[2 * end]) == 0) ++end;
    if (end - start > best_length) {
      best = start;
      best_length = end - start;
    }
  }
  std::string text;
  for (std::size_t i = 0; i < 8;) {
    if (i == best) {
      text += "::";
      i += best_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_group(text, get16(&octets[2 * i]));
    ++i;
  }
  return text;
}

}  // namespace

Address Address::from(Bytes bytes) noexcept {
  Address address;
  if (bytes.size() != 4 && bytes.size() != 16) return address;
  address.version = bytes.size() == 4 ? 4 : 6;
  std::memcpy(address.octets.data(), bytes.data(), bytes.size());
  return address;
}

std::optional<Address> Address::parse(std::string_view text) noexcept {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

Address Address::mapped() const noexcept {
  if (version == 6) return *this;
  Address address;
  address.version = 6;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.octets.begin());
  std::copy_n(octets.begin(), 4, address.octets.begin() + 12);
  return address;
}

Address Address::unmapped() const noexcept {
  if (version == 4 || !std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets.begin())) return *this;
  return from(Bytes(octets).subspan(12));
}

std::string Address::text() const {
  if (version == 6 && unmapped().version == 6) return v6_text(octets);
  std::string text = version == 6 ? "::ffff:" : "";
  append_v4(text, octets.data() + (version == 6 ? 12 : 0));
  return text;
}

std::string Endpoint::text() const {
  const std::string host = address.text();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<Prefix> Prefix::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = Address::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (!address || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (length > address->bytes().size() * 8) return std::nullopt;
  Prefix prefix{*address, length};
  for (std::size_t bit = length; bit < address->bytes().size() * 8; ++bit) {
    prefix.address.octets[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  }
  return prefix;
}

bool Prefix::contains(const Address& candidate) const noexcept {
  if (candidate.version != address.version) return false;
  const std::size_t whole = length / 8;
  if (std::memcmp(candidate.octets.data(), address.octets.data(), whole) != 0) return false;
  if (length % 8 == 0) return true;
  const unsigned mask = 0xff00U >> length % 8 & 0xffU;
  return (candidate.octets[whole] & mask) == (address.octets[whole] & mask);
}

std::string Prefix::text() const {
  return address.text() + "/" + std::to_string(length);
}

}  // namespace proxytunnel
