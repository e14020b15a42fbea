// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a DNS response over UDP proves about the name that was asked for.
// spec: RFC 1035 section 4 (messages), RFC 3596 (AAAA)
//
//   message   id(2) flags(2) questions(2) answers(2) authorities(2) additional(2) question* record*
//   question  name type(2) class(2)
//   record    name type(2) class(2) ttl(4) length(2) then `length` bytes: A 4, AAAA 16, CNAME a name
//   name      labels, ended by a zero byte or by a pointer: 11 and 14 bits, the offset of the rest in the message
//   label     length(1), 1 to 63, then that many bytes
#include "names/dns.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "names/canonical_name.hpp"

namespace proxytunnel {
namespace {

constexpr std::size_t header_size = 12;

// Of the flags: QR, OPCODE, RCODE.
constexpr std::uint16_t is_response = 0x8000, opcode = 0x7800, rcode = 0x000f;

constexpr std::uint16_t type_a = 1, type_cname = 5, type_aaaa = 28;
constexpr std::uint16_t class_in = 1;

/// Records read from one response; more than the largest UDP responses of real servers hold.
constexpr unsigned most_records = 512;
/// Aliases followed from the question; resolvers give up at about this many.
constexpr unsigned most_aliases = 16;
/// Pointers followed within a name: each leads to a label, and a name has at most 127.
constexpr unsigned most_pointers = 127;

struct Alias {
  std::string owner, target;
};
struct Host {
  std::string owner;
  Address address;
};
struct Records {
  std::vector<Alias> aliases;
  std::vector<Host> hosts;
};

// Passes over a name without following its pointer. False if there is no whole name.
bool skip_name(Reader& reader) noexcept {
  for (;;) {
    const unsigned length = reader.u8();
    if (!reader.complete()) return false;
    if (length == 0) return true;
    if (length < 64) {
      reader.skip(length);
    } else {
      reader.skip(1);
      return length >= 0xc0 && reader.complete();
    }
  }
}

bool adds_label(std::string& name, std::string_view label) {
  if (label.find('.') != std::string_view::npos || label.find('\0') != std::string_view::npos) return false;
  if (!name.empty()) name += '.';
  name += label;
  return name.size() <= longest_dns_name;
}

// The name at an offset of the message, in canonical form. Pointers must lead before the labels they end, so each
// starts nearer to the front and none can go round.
std::optional<std::string> name_at(Bytes message, std::size_t offset) {
  constexpr std::size_t usual = 64;
  std::string name;
  name.reserve(usual);
  Reader reader(message.subspan(offset));
  for (unsigned pointers = 0;;) {
    const unsigned length = reader.u8();
    if (!reader.complete()) return std::nullopt;
    if (length == 0) break;
    if (length < 64) {
      const Bytes label = reader.take(length);
      if (!reader.complete() || !adds_label(name, text_of(label))) return std::nullopt;
      continue;
    }
    const std::size_t target = (length & 0x3fU) << 8 | reader.u8();
    if (length < 0xc0 || !reader.complete() || ++pointers > most_pointers) return std::nullopt;
    if (target < header_size || target >= offset) return std::nullopt;
    offset = target;
    reader = Reader(message.subspan(offset));
  }
  if (name.empty()) return std::nullopt;
  return canonical_name(name);
}

// Reads one record; those that tell nothing are passed over. False if there is no whole record.
bool read_record(Bytes message, Reader& reader, Records& records) {
  const std::size_t owner_at = reader.position();
  if (!skip_name(reader)) return false;
  const std::uint16_t type = reader.u16(), record_class = reader.u16();
  reader.skip(4);
  const std::size_t size = reader.u16();
  const std::size_t content_at = reader.position();
  const Bytes content = reader.take(size);
  if (!reader.complete()) return false;
  if (record_class != class_in) return true;
  if ((type == type_a && size == 4) || (type == type_aaaa && size == 16)) {
    auto owner = name_at(message, owner_at);
    if (owner) records.hosts.push_back({std::move(*owner), Address::from(content)});
  } else if (type == type_cname) {
    Reader alias(content);
    if (!skip_name(alias) || !alias.rest().empty()) return true;
    auto owner = name_at(message, owner_at), target = name_at(message, content_at);
    if (owner && target) records.aliases.push_back({std::move(*owner), std::move(*target)});
  }
  return true;
}

// The name at the end of the aliases; nullopt if they go round or on for too long.
std::optional<std::string_view> follow(const std::vector<Alias>& aliases, std::string_view name) noexcept {
  for (unsigned followed = 0; followed <= most_aliases; ++followed) {
    const auto next = std::find_if(aliases.begin(), aliases.end(), [name](const Alias& a) { return a.owner == name; });
    if (next == aliases.end()) return name;
    name = next->target;
  }
  return std::nullopt;
}

}  // namespace

std::optional<DnsQuestion> read_dns_question(Bytes message) noexcept {
  Reader reader(message);
  DnsQuestion question;
  question.id = reader.u16();
  const unsigned flags = reader.u16(), questions = reader.u16();
  reader.skip(6);
  if (!reader.complete() || (flags & opcode) != 0 || questions != 1) return std::nullopt;
  const bool is_root = !reader.rest().empty() && reader.rest().front() == 0;
  if (!skip_name(reader)) return std::nullopt;
  question.type = reader.u16();
  const bool is_of_internet = reader.u16() == class_in && reader.complete();
  auto name = is_root ? std::optional<std::string>("") : name_at(message, header_size);
  if (!is_of_internet || !name) return std::nullopt;
  question.name = std::move(*name);
  return question;
}

bool is_dns_answer(Bytes message) noexcept {
  return message.size() >= header_size && (get16(&message[2]) & is_response) != 0;
}

DnsAnswer read_dns_answer(Bytes message) noexcept {
  const auto question = read_dns_question(message);
  return question ? read_dns_answer(message, *question) : DnsAnswer{};
}

DnsAnswer read_dns_answer(Bytes message, const DnsQuestion& question) noexcept {
  const bool is_good = is_dns_answer(message) && (get16(&message[2]) & rcode) == 0;
  if (!is_good || question.name.empty()) return {};
  const unsigned answers = get16(&message[6]);
  Reader reader(message);
  reader.skip(header_size);
  skip_name(reader);
  reader.skip(4);

  Records records;
  for (unsigned i = 0; i < std::min(answers, most_records); ++i) {
    if (!read_record(message, reader, records)) break;
  }
  DnsAnswer answer;
  const auto canonical = follow(records.aliases, question.name);
  for (const Host& host : records.hosts) {
    if (host.owner == canonical) answer.addresses.push_back(host.address);
  }
  answer.name = question.name;
  return answer;
}

}  // namespace proxytunnel
