// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the blocks of pcapng, one after the other.
// spec: draft-ietf-opsawg-pcapng sections 3 and 4
#include "capture/pcapng_reader.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "capture/packet_options.hpp"
#include "capture/pcapng_format.hpp"
#include "capture/pcapng_options.hpp"

namespace unproxy {
namespace {

using namespace pcapng;
using proxytunnel::get32;
using proxytunnel::text_of;

/// Longer blocks are taken for damage: no program writes them, and a wrong length must not swallow the rest of the
/// file.
constexpr std::uint32_t max_block = std::uint32_t{256} << 20;
/// Names of interfaces are shorter; what is longer could only serve to fill the memory.
constexpr std::size_t max_interface_name = 255;
/// What an interface says of itself is kept; more than this is left out.
constexpr std::size_t max_interface_options = 4096;
constexpr std::uint32_t block_overhead = 12;  // type and the two lengths

bool is_packet(std::uint32_t type) noexcept {
  return type == block_type::enhanced_packet || type == block_type::simple_packet ||
         type == block_type::obsolete_packet;
}

bool is_parsed(std::uint32_t type) noexcept {
  return is_packet(type) || type == block_type::section_header || type == block_type::interface_description ||
         type == block_type::name_resolution || type == block_type::decryption_secrets;
}

bool counts_as_frame(std::uint32_t type) noexcept {
  using namespace block_type;
  return type == journal_entry || type == custom || type == custom_not_copied || type == sysdig_event ||
         type == sysdig_event_flags || (type >= sysdig_event_v2 && type <= sysdig_event_v2_flags) ||
         (type >= sysdig_event_v2_large && type <= sysdig_event_v2_flags_large);
}

/// Section 4.2, if_tsresol: the exponent of a negative power of 10, or of 2 if the top bit is set.
std::optional<std::uint64_t> units_per_second(std::uint8_t resolution) noexcept {
  if ((resolution & 0x80) != 0) {
    const unsigned exponent = resolution & 0x7f;
    return exponent < 64 ? std::optional(std::uint64_t{1} << exponent) : std::nullopt;
  }
  if (resolution > 19) return std::nullopt;
  std::uint64_t units = 1;
  for (unsigned i = 0; i < resolution; ++i) units *= 10;
  return units;
}

}  // namespace

bool PcapngReader::recognizes(Bytes beginning) noexcept {
  if (beginning.size() < 4 || get32(beginning.data()) != block_type::section_header) return false;
  return beginning.size() < 12 || load32(&beginning[8], ByteOrder::little) == byte_order_magic ||
         load32(&beginning[8], ByteOrder::big) == byte_order_magic;
}

bool PcapngReader::read_packet() {
  Outcome outcome = Outcome::other;
  while (outcome == Outcome::other) outcome = read_block();
  return outcome == Outcome::packet;
}

std::string PcapngReader::name_of(std::uint32_t type) const {
  if (is_packet(type)) return this_packet();
  switch (type) {
    case block_type::section_header:
      return "a section header";
    case block_type::interface_description:
      return "an interface description";
    case block_type::name_resolution:
      return "a name resolution block";
    case block_type::decryption_secrets:
      return "a decryption secrets block";
    default:
      return "a block of type " + std::to_string(type);
  }
}

// 4 type | 4 total length | body, padded to 32 bits | 4 total length again
PcapngReader::Outcome PcapngReader::read_block() {
  const std::uint64_t offset = window_.offset();
  const Bytes head = window_.peek(8);
  if (head.empty() && window_.file().error() == 0) return Outcome::end;
  if (head.size() < 8) return cut_short(offset, "a block"), Outcome::end;
  // The type of a section header reads the same in both byte orders.
  if (get32(head.data()) == block_type::section_header && !find_byte_order(offset)) return Outcome::end;
  const Bytes start = window_.peek(8);
  const std::uint32_t type = load32(start.data(), order_), length = load32(&start[4], order_);
  if (length < block_overhead || length > max_block) {
    return damaged(offset, name_of(type) + " claims a length of " + std::to_string(length) + " bytes"), Outcome::end;
  }
  if (!is_parsed(type)) return skip_block(type, length, offset);
  // Some writers leave the padding out of the length; Wireshark puts up with it.
  const std::size_t size = padded(length);
  const Bytes block = window_.peek(size);
  if (block.size() < size) return cut_short(offset, name_of(type)), Outcome::end;
  if (padded(load32(&block[size - 4], order_)) != size) {
    return damaged(offset, "the two lengths differ in " + name_of(type)), Outcome::end;
  }
  const Outcome outcome = read_body(type, block.subspan(8, size - block_overhead), offset);
  if (outcome != Outcome::end) window_.consume(size);
  return outcome;
}

PcapngReader::Outcome PcapngReader::skip_block(std::uint32_t type, std::uint32_t length, std::uint64_t offset) {
  const std::size_t size = padded(length);
  if (!window_.skip(size - 4)) return cut_short(offset, name_of(type)), Outcome::end;
  const Bytes trailer = window_.peek(4);
  if (trailer.size() < 4) return cut_short(offset, name_of(type)), Outcome::end;
  if (padded(load32(trailer.data(), order_)) != size) {
    return damaged(offset, "the two lengths differ in " + name_of(type)), Outcome::end;
  }
  window_.consume(4);
  if (counts_as_frame(type)) ++packet_.number;
  return Outcome::other;
}

PcapngReader::Outcome PcapngReader::read_body(std::uint32_t type, Bytes body, std::uint64_t offset) {
  bool fine = true;
  switch (type) {
    case block_type::section_header:
      fine = read_section(body, offset);
      break;
    case block_type::interface_description:
      fine = read_interface(body, offset);
      break;
    case block_type::name_resolution:
      read_names(body);
      break;
    case block_type::decryption_secrets:
      read_secrets(body);
      break;
    default:
      return read_packet_block(type, body, offset) ? Outcome::packet : Outcome::end;
  }
  return fine ? Outcome::other : Outcome::end;
}

bool PcapngReader::find_byte_order(std::uint64_t offset) {
  const Bytes head = window_.peek(12);
  if (head.size() < 12) return cut_short(offset, "a section header");
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    if (load32(&head[8], order) != byte_order_magic) continue;
    order_ = order;
    return true;
  }
  return damaged(offset, "a section header without byte-order magic");
}

// 4 byte-order magic | 2 major version | 2 minor version | 8 section length | options
bool PcapngReader::read_section(Bytes body, std::uint64_t offset) {
  if (body.size() < 16) return damaged(offset, "a section header that is too short");
  const unsigned major = load16(&body[4], order_);
  if (major != 1) return damaged(offset, "a section of the unknown pcapng version " + std::to_string(major));
  first_interface_ = interfaces_.size();
  return true;
}

// 2 link type | 2 reserved | 4 snap length | options
bool PcapngReader::read_interface(Bytes body, std::uint64_t offset) {
  if (body.size() < 8) return damaged(offset, "an interface description that is too short");
  if (interfaces_.size() >= max_interfaces) return damaged(offset, "more interfaces than can be real");
  Interface interface {
    load16(body.data(), order_), load32(&body[4], order_), {}
  };
  const Bytes options = body.subspan(8);
  OptionWalk walk(options, order_);
  while (const std::optional<Option> option = walk.next()) {
    if (option->code == option::interface_name) interface.name = text_of(option->value).substr(0, max_interface_name);
  }
  interface.clock = clock_from(options, order_);
  if (options.size() <= max_interface_options) {
    interface.options = little_endian({options, order_}, OptionsOf::interface_description);
  }
  interfaces_.push_back(std::move(interface));
  return true;
}

Clock PcapngReader::clock_from(Bytes options, ByteOrder order) noexcept {
  Clock clock = Clock::microseconds();
  OptionWalk walk(options, order);
  while (const std::optional<Option> option = walk.next()) {
    if (option->code == option::interface_time_resolution && option->value.size() == 1) {
      // An exponent that makes no sense is as good as none: microseconds.
      clock.units_per_second = units_per_second(option->value[0]).value_or(clock.units_per_second);
    } else if (option->code == option::interface_time_offset && option->value.size() == 8) {
      clock.offset_seconds = static_cast<std::int64_t>(load64(option->value.data(), order));
    }
  }
  constexpr std::uint64_t billion = 1'000'000'000;
  clock.nanoseconds_per_unit = billion % clock.units_per_second == 0 ? billion / clock.units_per_second : 0;
  return clock;
}

// enhanced: 4 interface               | 8 timestamp, high word first | 4 captured | 4 length on the wire | bytes
// obsolete: 2 interface | 2 drops     | as above
// simple:   4 length on the wire | bytes; of the section's first interface, no time
bool PcapngReader::read_packet_block(std::uint32_t type, Bytes body, std::uint64_t offset) {
  const std::size_t fields = type == block_type::simple_packet ? 4 : 20;
  if (body.size() < fields) return damaged(offset, this_packet() + " is in a block that is too short");
  std::size_t number = 0;
  if (type == block_type::enhanced_packet) number = load32(body.data(), order_);
  if (type == block_type::obsolete_packet) number = load16(body.data(), order_);
  if (number >= interfaces_.size() - first_interface_) {
    return damaged(offset, this_packet() + " names interface " + std::to_string(number) + ", which does not exist,");
  }
  packet_.interface = static_cast<std::uint32_t>(first_interface_ + number);
  packet_.wire_length = load32(&body[fields - 4], order_);
  if (type == block_type::simple_packet) {
    const std::uint32_t snap_length = interfaces_[packet_.interface].snap_length;
    packet_.time = 0;
    packet_.timestamp = 0;
    return take_packet(body.subspan(fields),
                       snap_length == 0 ? packet_.wire_length : std::min(packet_.wire_length, snap_length), offset);
  }
  const std::uint64_t timestamp = std::uint64_t{load32(&body[4], order_)} << 32 | load32(&body[8], order_);
  packet_.time = time_of(timestamp, interfaces_[packet_.interface].clock);
  packet_.timestamp = timestamp;
  return take_packet(body.subspan(fields), load32(&body[12], order_), offset);
}

bool PcapngReader::take_packet(Bytes rest, std::uint32_t captured, std::uint64_t offset) {
  if (captured > rest.size() || captured > max_packet_size(interfaces_[packet_.interface].link_type)) {
    return damaged(offset, this_packet() + " claims " + std::to_string(captured) +
                               " captured bytes, which is more than there can be,");
  }
  ++packet_.number;
  packet_.data = rest.first(captured);
  packet_.options = {rest.subspan(std::min(rest.size(), padded(captured))), order_};
  packet_.wire_length = std::max(packet_.wire_length, captured);
  return true;
}

// records of: 2 type | 2 length | 4 or 16 address | names, each with a zero byte behind it | padding
void PcapngReader::read_names(Bytes body) {
  OptionWalk walk(body, order_);
  while (const std::optional<Option> record = walk.next()) {
    const std::size_t size = record->code == name_record::ipv4 ? 4 : record->code == name_record::ipv6 ? 16 : 0;
    if (size == 0 || record->value.size() < size) continue;
    const Address address = Address::from(record->value.first(size));
    std::string_view names = text_of(record->value.subspan(size));
    while (!names.empty()) {
      const std::string_view name = names.substr(0, names.find('\0'));
      names.remove_prefix(std::min(names.size(), name.size() + 1));
      if (!name.empty()) pending_.add_name(address, name);
    }
  }
}

// 4 type of the secrets | 4 length | the secrets | padding and options
void PcapngReader::read_secrets(Bytes body) {
  if (body.size() < 8) return;
  const std::size_t size = load32(&body[4], order_);
  if (size <= body.size() - 8) pending_.add_secrets(load32(body.data(), order_), body.subspan(8, size));
}

}  // namespace unproxy
