// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes virtual segments: a parent's segment with other addresses, or the three that open a conversation.
#include "synth/translate.hpp"

#include <algorithm>
#include <cstring>

#include "synth/checksum.hpp"

namespace proxytunnel {
namespace {

constexpr std::uint8_t protocol_tcp = 6;
constexpr std::size_t tcp_header = 20, checksum_at = 16;
enum Option : std::uint8_t { end_of_options = 0, nop = 1, mss = 2, window_scale = 3, sack_permitted = 4, sack = 5 };

// RFC 9293 section 3.1 (IPv4), RFC 8200 section 8.1 (IPv6)
Sum pseudo_header(const Endpoint& sender, const Endpoint& receiver, std::uint32_t tcp_length) noexcept {
  return Sum::of(sender.address.bytes()) + Sum::of(receiver.address.bytes()) + Sum(protocol_tcp) +
         Sum(tcp_length >> 16) + Sum(tcp_length & 0xffffU);
}

std::uint8_t write_ipv4(const VirtualSegment& packet, std::uint32_t length, std::uint8_t* at) noexcept {
  std::memset(at, 0, 20);
  at[0] = 0x45;
  at[1] = packet.ip.traffic_class;
  put16(at + 2, length + 20 > 0xffff ? 0 : length + 20);
  put16(at + 4, packet.ip.identification);
  at[6] = packet.ip.dont_fragment ? 0x40 : 0;
  at[8] = packet.ip.hop_limit;
  at[9] = protocol_tcp;
  std::memcpy(at + 12, packet.sender.address.octets.data(), 4);
  std::memcpy(at + 16, packet.receiver.address.octets.data(), 4);
  const Sum right(Sum::of({at, 20}).checksum());
  put16(at + 10, (right + Sum(packet.ip.checksum_error)).folded());
  return 20;
}

std::uint8_t write_ipv6(const VirtualSegment& packet, std::uint32_t length, std::uint8_t* at) noexcept {
  put32(at,
        0x60000000U | static_cast<std::uint32_t>(packet.ip.traffic_class) << 20 | (packet.ip.flow_label & 0xfffffU));
  put16(at + 4, length > 0xffff ? 0 : length);
  at[6] = protocol_tcp;
  at[7] = packet.ip.hop_limit;
  std::memcpy(at + 8, packet.sender.address.octets.data(), 16);
  std::memcpy(at + 24, packet.receiver.address.octets.data(), 16);
  return 40;
}

void write_ip(VirtualSegment& packet) noexcept {
  const std::uint32_t length = packet.tcp_size + packet.length;
  packet.ip.version = packet.sender.address.version;
  packet.ip_size = packet.ip.version == 4 ? write_ipv4(packet, length, packet.headers.data())
                                          : write_ipv6(packet, length, packet.headers.data());
}

// Drops what lies below the floor from a SACK option of `size` bytes; freed room becomes NOPs in front.
void trim_sack(std::uint8_t* option, std::size_t size, std::uint32_t floor) noexcept {
  std::array<std::uint8_t, 40> blocks{};
  std::size_t kept = 0;
  for (std::size_t i = 2; i + 8 <= size; i += 8) {
    std::uint32_t left = get32(option + i);
    const std::uint32_t right = get32(option + i + 4);
    if (static_cast<std::int32_t>(right - floor) <= 0) continue;
    if (static_cast<std::int32_t>(left - floor) < 0) left = floor;
    put32(&blocks[kept], left);
    put32(&blocks[kept + 4], right);
    kept += 8;
  }
  const std::size_t used = kept == 0 ? 0 : kept + 2;
  std::memset(option, nop, size - used);
  if (used == 0) return;
  option += size - used;
  option[0] = sack;
  option[1] = static_cast<std::uint8_t>(used);
  std::memcpy(option + 2, blocks.data(), kept);
}

// Calls visit(option, size) for each well-formed option but NOP and end.
template <class Visit>
void each_option(std::uint8_t* at, std::size_t size, Visit visit) noexcept {
  for (std::size_t i = 0; i < size && at[i] != end_of_options;) {
    if (at[i] == nop) {
      ++i;
      continue;
    }
    if (i + 1 >= size || at[i + 1] < 2 || at[i + 1] > size - i) return;
    const std::size_t length = at[i + 1];
    visit(at + i, length);
    i += length;
  }
}

// The sum of the payload that the parent's checksum stands for, whether the payload was captured or not.
Sum implied_payload(const Segment& segment) noexcept {
  const auto tcp_length = static_cast<std::uint32_t>(segment.header.size()) + segment.length;
  return Sum(0xffff) - (pseudo_header(segment.sender, segment.receiver, tcp_length) + Sum::of(segment.header));
}

// A sender that leaves the checksum to its network card writes the pseudo header's sum, with the length or (large
// segments on some systems) without it.
bool left_to_network_card(const Segment& segment) noexcept {
  const auto tcp_length = static_cast<std::uint32_t>(segment.header.size()) + segment.length;
  const std::uint16_t have = segment.checksum();
  return have == pseudo_header(segment.sender, segment.receiver, tcp_length).folded() ||
         have == pseudo_header(segment.sender, segment.receiver, 0).folded();
}

Sum remaining_payload(const Segment& segment, const Translation& change) noexcept {
  const std::size_t cut = std::min<std::size_t>(change.cut, segment.payload.size());
  if (change.checksums == Checksums::compute || left_to_network_card(segment)) {
    return Sum::of(segment.payload.subspan(cut));
  }
  const Sum all = implied_payload(segment);
  if (cut == 0) return all;
  const Sum rest = all - Sum::of(segment.payload.first(cut));
  return cut % 2 == 0 ? rest : rest.swapped();
}

void write_tcp_checksum(VirtualSegment& packet, Sum payload) noexcept {
  std::uint8_t* tcp = packet.headers.data() + packet.ip_size;
  put16(tcp + checksum_at, 0);
  const Sum total = pseudo_header(packet.sender, packet.receiver, packet.tcp_size + packet.length) +
                    Sum::of({tcp, packet.tcp_size}) + payload;
  put16(tcp + checksum_at, total.checksum());
}

// The urgent pointer counts from the sequence number, which moved.
void cut_urgent(std::uint8_t* tcp, std::uint32_t cut) noexcept {
  constexpr std::uint8_t urgent = 0x20;
  if ((tcp[13] & urgent) == 0 || cut == 0) return;
  const std::uint32_t pointer = get16(tcp + 18);
  if (pointer <= cut) tcp[13] = static_cast<std::uint8_t>(tcp[13] & ~urgent);
  put16(tcp + 18, pointer <= cut ? 0 : pointer - cut);
}

void write_ports(const VirtualSegment& packet, std::uint8_t* tcp) noexcept {
  put16(tcp, packet.sender.port);
  put16(tcp + 2, packet.receiver.port);
}

}  // namespace

void translate(const Segment& segment, const Translation& change, VirtualSegment& result) noexcept {
  result.sender = change.sender;
  result.receiver = change.receiver;
  result.ip = segment.ip;
  if (change.checksums == Checksums::compute) result.ip.checksum_error = 0;
  result.tcp_size = static_cast<std::uint8_t>(segment.header.size());
  result.payload = segment.payload.subspan(std::min<std::size_t>(change.cut, segment.payload.size()));
  result.length = segment.length - change.cut;
  result.frame = segment.frame;
  write_ip(result);

  std::uint8_t* tcp = result.headers.data() + result.ip_size;
  std::memcpy(tcp, segment.header.data(), segment.header.size());
  write_ports(result, tcp);
  put32(tcp + 4, change.sequence);
  // A SYN that carried payload (RFC 7413) stands before the virtual one; what is shown of it is its payload.
  tcp[13] = static_cast<std::uint8_t>(tcp[13] & ~tcp_flag::syn);
  cut_urgent(tcp, change.sequence - segment.sequence());
  if (segment.has(tcp_flag::ack)) put32(tcp + 8, change.acknowledgment);
  if (change.sack_floor) {
    each_option(tcp + tcp_header, result.tcp_size - tcp_header, [&](std::uint8_t* option, std::size_t size) {
      if (option[0] == Option::sack) trim_sack(option, size, *change.sack_floor);
    });
  }
  write_tcp_checksum(result, remaining_payload(segment, change));
}

bool sacks_behind(const Segment& segment, std::uint32_t floor) noexcept {
  std::array<std::uint8_t, 40> options{};
  const Bytes given = segment.options();
  const std::size_t size = std::min(given.size(), options.size());
  if (size > 0) std::memcpy(options.data(), given.data(), size);
  bool found = false;
  each_option(options.data(), size, [&](const std::uint8_t* option, std::size_t length) {
    if (option[0] != Option::sack) return;
    for (std::size_t i = 2; i + 8 <= length; i += 8) {
      found = found || static_cast<std::int32_t>(get32(option + i + 4) - floor) > 0;
    }
  });
  return found;
}

SynOptions read_syn_options(const Segment& syn) noexcept {
  SynOptions found;
  found.window = syn.window();
  std::array<std::uint8_t, 40> options{};
  const Bytes given = syn.options();
  const std::size_t size = std::min(given.size(), options.size());
  if (size > 0) std::memcpy(options.data(), given.data(), size);
  each_option(options.data(), size, [&found](const std::uint8_t* option, std::size_t length) {
    if (option[0] == Option::mss && length == 4) found.mss = get16(option + 2);
    if (option[0] == Option::window_scale && length == 3) found.window_scale = option[2];
    if (option[0] == Option::sack_permitted && length == 2) found.sack_permitted = true;
  });
  return found;
}

namespace {

// The options of a synthetic SYN, padded to 32 bits; returns their size.
std::size_t write_syn_options(const SynOptions& options, std::uint8_t* at) noexcept {
  std::size_t size = 0;
  if (options.mss != 0) {
    at[0] = Option::mss;
    at[1] = 4;
    put16(at + 2, options.mss);
    size = 4;
  }
  if (options.sack_permitted) {
    at[size] = at[size + 1] = nop;
    at[size + 2] = Option::sack_permitted;
    at[size + 3] = 2;
    size += 4;
  }
  if (options.window_scale != 0xff) {
    at[size] = nop;
    at[size + 1] = Option::window_scale;
    at[size + 2] = 3;
    at[size + 3] = options.window_scale;
    size += 4;
  }
  return size;
}

}  // namespace

void synthesize(const Opening& opening, VirtualSegment& result) noexcept {
  result.kind = opening.kind;
  result.sender = opening.sender;
  result.receiver = opening.receiver;
  result.ip = opening.ip;
  result.ip.checksum_error = 0;
  result.payload = {};
  result.length = 0;
  result.ip_size = opening.sender.address.is_v4() ? 20 : 40;
  std::uint8_t* tcp = result.headers.data() + result.ip_size;
  std::memset(tcp, 0, tcp_header);
  const bool has_options = opening.kind != VirtualKind::ack;
  const std::size_t options = has_options ? write_syn_options(opening.options, tcp + tcp_header) : 0;
  result.tcp_size = static_cast<std::uint8_t>(tcp_header + options);
  write_ip(result);
  write_ports(result, tcp);
  put32(tcp + 4, opening.sequence);
  if (opening.kind != VirtualKind::syn) put32(tcp + 8, opening.acknowledgment);
  tcp[12] = static_cast<std::uint8_t>(result.tcp_size / 4 << 4);
  tcp[13] = opening.kind == VirtualKind::syn       ? tcp_flag::syn
            : opening.kind == VirtualKind::syn_ack ? tcp_flag::syn | tcp_flag::ack
                                                   : tcp_flag::ack;
  put16(tcp + 14, opening.window);
  write_tcp_checksum(result, Sum());
}

}  // namespace proxytunnel
