// SPDX-License-Identifier: GPL-2.0-or-later
// summary: options of pcapng blocks that are carried over, in whatever byte order they came.
#include "capture/packet_options.hpp"

#include <algorithm>

#include "capture/pcapng_format.hpp"
#include "capture/pcapng_options.hpp"

namespace unproxy::pcapng {
namespace {

/// Bytes of the number that a value begins with; 0: it has no byte order.
std::size_t number_size(std::uint16_t code, OptionsOf block) noexcept {
  constexpr std::uint16_t custom_text = 2988, custom_bytes = 2989, not_copied = 16384;
  const auto plain = static_cast<std::uint16_t>(code & ~not_copied);
  if (plain == custom_text || plain == custom_bytes) return 4;  // an enterprise number
  if (block == OptionsOf::packet) {
    const bool is_word = code == option::packet_flags || code == option::packet_queue;
    const bool is_long = code == option::packet_drop_count || code == option::packet_id;
    return is_word ? 4 : is_long ? 8 : 0;
  }
  const bool is_long = code == option::interface_speed || code == option::interface_time_offset ||
                       code == option::interface_transmit_speed || code == option::interface_receive_speed;
  return is_long ? 8 : code == option::interface_time_zone ? 4 : 0;
}

void append(const Option& option, std::size_t number, ByteOrder order, std::vector<std::uint8_t>& to) {
  const std::size_t at = to.size();
  to.resize(at + 4);
  store16(&to[at], option.code);
  store16(&to[at + 2], static_cast<std::uint16_t>(option.value.size()));
  to.insert(to.end(), option.value.begin(), option.value.end());
  const bool is_turned = order == ByteOrder::big && number <= option.value.size();
  if (is_turned)
    std::reverse(to.begin() + static_cast<std::ptrdiff_t>(at + 4),
                 to.begin() + static_cast<std::ptrdiff_t>(at + 4 + number));
  to.resize(padded(to.size()));
}

}  // namespace

std::vector<std::uint8_t> little_endian(const BlockOptions& options, OptionsOf block) {
  std::vector<std::uint8_t> copied;
  OptionWalk walk(options.bytes, options.order);
  while (const auto option = walk.next()) append(*option, number_size(option->code, block), options.order, copied);
  return copied;
}

std::vector<std::uint8_t> of_changed_packet(const BlockOptions& options) {
  std::vector<std::uint8_t> copied;
  OptionWalk walk(options.bytes, options.order);
  while (const auto option = walk.next()) {
    if (option->code == option::packet_hash) continue;
    append(*option, number_size(option->code, OptionsOf::packet), options.order, copied);
  }
  return copied;
}

void add_option(std::uint16_t code, Bytes value, std::vector<std::uint8_t>& options) {
  append({code, value.first(std::min<std::size_t>(value.size(), 0xffff))}, 0, ByteOrder::little, options);
}

}  // namespace unproxy::pcapng
