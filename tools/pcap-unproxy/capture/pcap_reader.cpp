// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the pcap file header and its packet records.
// spec: draft-ietf-opsawg-pcap sections 4 and 5
#include "capture/pcap_reader.hpp"

#include <algorithm>
#include <optional>

namespace unproxy {
namespace {

constexpr std::uint32_t magic_microseconds = 0xa1b2c3d4, magic_nanoseconds = 0xa1b23c4d;
constexpr std::size_t file_header_size = 24, packet_header_size = 16;

struct Variant {
  ByteOrder order;
  std::uint32_t nanoseconds_per_unit;
};

std::optional<Variant> variant_of(Bytes beginning) noexcept {
  if (beginning.size() < 4) return std::nullopt;
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const std::uint32_t magic = load32(beginning.data(), order);
    if (magic == magic_microseconds) return Variant{order, 1000};
    if (magic == magic_nanoseconds) return Variant{order, 1};
  }
  return std::nullopt;
}

}  // namespace

bool PcapReader::recognizes(Bytes beginning) noexcept {
  const std::optional<Variant> variant = variant_of(beginning);
  if (!variant || beginning.size() < 8) return variant.has_value();
  return load16(&beginning[4], variant->order) == 2 && load16(&beginning[6], variant->order) == 4;
}

// 4 magic | 2 major version | 2 minor version | 4 + 4 unused | 4 snap length | 4 link type (low 16 bits; FCS length
// above)
PcapReader::PcapReader(InputWindow window) : NativeReader(std::move(window)) {
  const Bytes header = window_.peek(file_header_size);
  const Variant variant = variant_of(header).value_or(Variant{ByteOrder::little, 1000});
  order_ = variant.order;
  nanoseconds_per_unit_ = variant.nanoseconds_per_unit;
  if (header.size() < file_header_size) return;
  header_complete_ = true;
  const std::uint32_t link_type = load32(&header[20], order_) & 0xffff;
  const Clock clock = nanoseconds_per_unit_ == 1 ? Clock() : Clock::microseconds();
  interfaces_.push_back({link_type, load32(&header[16], order_), {}, clock});
  max_captured_ = max_packet_size(link_type);
  window_.consume(file_header_size);
}

// 4 seconds | 4 microseconds or nanoseconds | 4 captured length | 4 length on the wire | the captured bytes
bool PcapReader::read_packet() {
  const std::uint64_t offset = window_.offset();
  if (!header_complete_) return cut_short(offset, "the file header");
  const Bytes header = window_.peek(packet_header_size);
  if (header.empty() && window_.file().error() == 0) return false;
  if (header.size() < packet_header_size) return cut_short(offset, this_packet());
  const std::uint32_t captured = load32(&header[8], order_);
  if (captured > max_captured_) {
    return damaged(offset, this_packet() + " claims " + std::to_string(captured) + " captured bytes (at most " +
                               std::to_string(max_captured_) + " are possible)");
  }
  const Bytes record = window_.peek(packet_header_size + captured);
  if (record.size() < packet_header_size + captured) return cut_short(offset, this_packet());
  ++packet_.number;
  packet_.time = Time{load32(record.data(), order_)} * 1'000'000'000 +
                 Time{load32(&record[4], order_)} * Time{nanoseconds_per_unit_};
  packet_.data = record.subspan(packet_header_size);
  packet_.wire_length = std::max(load32(&record[12], order_), captured);
  window_.consume(record.size());
  return true;
}

}  // namespace unproxy
