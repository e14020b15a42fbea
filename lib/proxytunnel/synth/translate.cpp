// SPDX-License-Identifier: GPL-2.0-or-later
// summary: makes virtual segments: a parent's segment with other addresses, or the three that open a conversation.
#include "synth/translate.hpp"

#include <algorithm>
#include <cstring>

#include "synth/ip_header.hpp"

namespace proxytunnel {
namespace {

constexpr std::size_t tcp_header = 20, checksum_at = 16;
enum Option : std::uint8_t { end_of_options = 0, nop = 1, mss = 2, window_scale = 3, sack_permitted = 4, sack = 5 };

// Cuts and moves the blocks of a SACK option of `size` bytes; freed room becomes NOPs in front.
void change_sack(std::uint8_t* option, std::size_t size, const Translation::Sack& change) noexcept {
  std::array<std::uint8_t, 40> blocks{};
  std::size_t kept = 0;
  const auto place = [&change](const std::uint8_t* edge) {
    const auto behind_floor = static_cast<std::int32_t>(get32(edge) - change.floor);
    if (behind_floor < 0) return std::uint32_t{0};
    const auto behind = static_cast<std::uint32_t>(behind_floor);
    return change.size ? std::min(behind, *change.size) : behind;
  };
  for (std::size_t i = 2; i + 8 <= size; i += 8) {
    const std::uint32_t left = place(option + i), right = place(option + i + 4);
    if (right <= left) continue;
    put32(&blocks[kept], change.floor + left - change.shift);
    put32(&blocks[kept + 4], change.floor + right - change.shift);
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
template <class Byte, class Visit>
void each_option(Byte* at, std::size_t size, Visit visit) noexcept {
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
  return Sum(0xffff) -
         (pseudo_header(Transport::tcp, segment.sender, segment.receiver, tcp_length) + Sum::of(segment.header));
}

bool left_to_network_card(const Segment& segment) noexcept {
  const auto tcp_length = static_cast<std::uint32_t>(segment.header.size()) + segment.length;
  return left_to_network_card(Transport::tcp, segment.sender, segment.receiver, tcp_length, segment.checksum());
}

// The sum of what is shown. What follows it is subtracted as far as it was captured; where it was not, only the
// captured bytes can speak.
Sum shown_payload(const Segment& segment, const Translation& change, const VirtualPacket& shown) noexcept {
  if (change.checksums == Checksums::compute || left_to_network_card(segment)) return Sum::of(shown.payload);
  const std::size_t begin = std::min<std::size_t>(change.cut, segment.payload.size());
  if (begin < change.cut) return Sum::of(shown.payload);  // nobody knows what was cut (snaplen_96)
  const std::uint32_t end = change.cut + shown.length;
  if (end < segment.length && segment.payload.size() < segment.length) return Sum::of(shown.payload);
  Sum rest = implied_payload(segment);
  if (begin > 0) rest = rest - Sum::of(segment.payload.first(begin));
  if (end < segment.length) {
    const Sum behind = Sum::of(segment.payload.subspan(end));
    rest = rest - (end % 2 == 0 ? behind : behind.swapped());
  }
  return begin % 2 == 0 ? rest : rest.swapped();
}

void write_tcp_checksum(VirtualPacket& packet, Sum payload) noexcept {
  std::uint8_t* tcp = packet.headers.data() + packet.ip_size;
  put16(tcp + checksum_at, 0);
  const Sum total =
      pseudo_header(Transport::tcp, packet.sender, packet.receiver, packet.transport_size + packet.length) +
      Sum::of({tcp, packet.transport_size}) + payload;
  put16(tcp + checksum_at, total.checksum());
}

// The urgent pointer counts from the first byte that is shown, which is `cut` bytes further on.
void cut_urgent(std::uint8_t* tcp, std::uint32_t cut) noexcept {
  constexpr std::uint8_t urgent = 0x20;
  if ((tcp[13] & urgent) == 0 || cut == 0) return;
  const std::uint32_t pointer = get16(tcp + 18);
  if (pointer <= cut) tcp[13] = static_cast<std::uint8_t>(tcp[13] & ~urgent);
  put16(tcp + 18, pointer <= cut ? 0 : pointer - cut);
}

void write_ports(const VirtualPacket& packet, std::uint8_t* tcp) noexcept {
  put16(tcp, packet.sender.port);
  put16(tcp + 2, packet.receiver.port);
}

}  // namespace

void translate(const Segment& segment, const Translation& change, VirtualPacket& result) noexcept {
  result.transport = Transport::tcp;
  result.sender = change.sender;
  result.receiver = change.receiver;
  result.ip = segment.ip;
  if (change.checksums == Checksums::compute) result.ip.checksum_error = 0;
  result.transport_size = static_cast<std::uint8_t>(segment.header.size());
  result.payload = segment.payload.subspan(std::min<std::size_t>(change.cut, segment.payload.size()));
  result.payload = result.payload.first(std::min<std::size_t>(change.keep, result.payload.size()));
  result.length = std::min(segment.length - change.cut, change.keep);
  result.frame = segment.frame;
  result.frame.carried_in = 0;
  write_ip(result);

  std::uint8_t* tcp = result.headers.data() + result.ip_size;
  std::memcpy(tcp, segment.header.data(), segment.header.size());
  write_ports(result, tcp);
  put32(tcp + 4, change.sequence);
  const bool drops_syn = segment.has(tcp_flag::syn) && !change.keeps_syn;
  tcp[13] = static_cast<std::uint8_t>(tcp[13] & ~((drops_syn ? tcp_flag::syn : 0) | change.dropped_flags));
  cut_urgent(tcp, change.cut + (drops_syn ? 1 : 0));
  if (segment.has(tcp_flag::ack)) put32(tcp + 8, change.acknowledgment);
  if (change.sack) {
    each_option(tcp + tcp_header, result.transport_size - tcp_header, [&](std::uint8_t* option, std::size_t size) {
      if (option[0] == Option::sack) change_sack(option, size, *change.sack);
    });
  }
  write_tcp_checksum(result, shown_payload(segment, change, result));
}

bool sacks_behind(const Segment& segment, std::uint32_t floor) noexcept {
  const Bytes options = segment.options();
  bool found = false;
  each_option(options.data(), options.size(), [&](const std::uint8_t* option, std::size_t length) {
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
  const Bytes options = syn.options();
  each_option(options.data(), options.size(), [&found](const std::uint8_t* option, std::size_t length) {
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

void synthesize(const Opening& opening, VirtualPacket& result) noexcept {
  result.kind = opening.kind;
  result.transport = Transport::tcp;
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
  result.transport_size = static_cast<std::uint8_t>(tcp_header + options);
  write_ip(result);
  write_ports(result, tcp);
  put32(tcp + 4, opening.sequence);
  if (opening.kind != VirtualKind::syn) put32(tcp + 8, opening.acknowledgment);
  tcp[12] = static_cast<std::uint8_t>(result.transport_size / 4 << 4);
  tcp[13] = opening.kind == VirtualKind::syn       ? tcp_flag::syn
            : opening.kind == VirtualKind::syn_ack ? tcp_flag::syn | tcp_flag::ack
                                                   : tcp_flag::ack;
  put16(tcp + 14, opening.window);
  write_tcp_checksum(result, Sum());
}

}  // namespace proxytunnel
