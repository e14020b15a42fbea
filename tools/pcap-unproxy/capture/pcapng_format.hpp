// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the numbers of pcapng that the reader and the writer share.
// spec: draft-ietf-opsawg-pcapng
#pragma once

#include <cstddef>
#include <cstdint>

namespace unproxy::pcapng {

/// Section 11.1, and for the last group the formats of others that Wireshark counts as frames.
namespace block_type {
constexpr std::uint32_t section_header = 0x0a0d0d0a, interface_description = 1, obsolete_packet = 2, simple_packet = 3,
                        name_resolution = 4, interface_statistics = 5, enhanced_packet = 6, decryption_secrets = 10;
constexpr std::uint32_t journal_entry = 9, custom = 0xbad, custom_not_copied = 0x40000bad;
constexpr std::uint32_t sysdig_event = 0x204, sysdig_event_flags = 0x208, sysdig_event_v2 = 0x216,
                        sysdig_event_v2_flags = 0x217, sysdig_event_v2_large = 0x221,
                        sysdig_event_v2_flags_large = 0x222;
}  // namespace block_type

namespace option {
constexpr std::uint16_t end = 0, comment = 1;
constexpr std::uint16_t section_application = 4;
constexpr std::uint16_t interface_name = 2, interface_time_resolution = 9, interface_time_offset = 14;
constexpr std::uint16_t packet_flags = 2, packet_hash = 3, packet_drop_count = 4, packet_id = 5, packet_queue = 6;
constexpr std::uint16_t interface_description = 3, interface_speed = 8, interface_time_zone = 10,
                        interface_transmit_speed = 16, interface_receive_speed = 17;
constexpr std::uint16_t statistics_begun = 2, statistics_ended = 3, statistics_received = 4, statistics_dropped = 5;
}  // namespace option

namespace name_record {
constexpr std::uint16_t end = 0, ipv4 = 1, ipv6 = 2;
}

constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;

/// Everything is padded to 32 bits (section 3.1).
constexpr std::size_t padded(std::size_t size) noexcept {
  return (size + 3) & ~std::size_t{3};
}

}  // namespace unproxy::pcapng
