// SPDX-License-Identifier: GPL-2.0-or-later
// summary: options of pcapng blocks that are carried over, in whatever byte order they came.
// spec: draft-ietf-opsawg-pcapng sections 3.5, 4.2 and 4.3
#pragma once

#include <cstdint>
#include <vector>

#include "capture/byte_order.hpp"
#include "capture/capture.hpp"

namespace unproxy::pcapng {

/// What the codes of options mean depends on the block.
enum class OptionsOf : std::uint8_t { interface_description, packet };

/// Options as they stand in a block, without the end marker, in little-endian order. Of a packet that was `changed`
/// those that are left out that say something of its bytes (epb_hash).
std::vector<std::uint8_t> little_endian(const BlockOptions& options, OptionsOf block);
std::vector<std::uint8_t> of_changed_packet(const BlockOptions& options);

/// Adds an option to others; at most 65535 bytes of `value`.
void add_option(std::uint16_t code, Bytes value, std::vector<std::uint8_t>& options);

}  // namespace unproxy::pcapng
