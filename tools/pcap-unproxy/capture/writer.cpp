// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the blocks of pcapng and the records of pcap as this program writes them.
// spec: draft-ietf-opsawg-pcapng section 4, draft-ietf-opsawg-pcap
#include "capture/writer.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "capture/block_builder.hpp"

namespace unproxy {
namespace {

using namespace pcapng;
using proxytunnel::bytes_of;

constexpr std::size_t max_option = 0xffff;
constexpr std::array<std::uint8_t, 3> padding{};

/// The beginning of `text` that an option has room for, without half a UTF-8 character at its end.
std::string_view option_text(std::string_view text) noexcept {
  if (text.size() <= max_option) return text;
  std::size_t size = max_option;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

std::uint32_t captured_size(std::span<const Bytes> pieces) noexcept {
  std::size_t size = 0;
  for (const Bytes piece : pieces) size += piece.size();
  return static_cast<std::uint32_t>(size);
}

}  // namespace

CaptureWriter::CaptureWriter(const std::string& path, Format format, const WriterIdentity& identity,
                             std::size_t buffer_size)
    : file_(path, buffer_size), format_(format) {
  if (format_ == Format::pcapng) write_section(identity);
}

// 4 byte-order magic | 2 major version | 2 minor version | 8 section length (-1: not known) | options
void CaptureWriter::write_section(const WriterIdentity& identity) {
  BlockBuilder block(block_type::section_header);
  block.put32(byte_order_magic).put16(1).put16(0).put32(0xffffffff).put32(0xffffffff);
  block.option(option::comment, bytes_of(option_text(identity.contents)));
  block.option(option::section_application, bytes_of(option_text(identity.tool + " " + identity.version)));
  file_.write(block.end_of_options().finish());
}

std::uint32_t CaptureWriter::interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) {
  if (format_ == Format::pcap) {
    if (!single_link_type_) write_pcap_header(link_type);
    if (*single_link_type_ == link_type) return 0;
    throw OutputError("cannot write " + file_.name() + ": a pcap file holds one link type, and packets of " +
                      std::to_string(*single_link_type_) + " and " + std::to_string(link_type) +
                      " are to be written; write pcapng instead");
  }
  const auto [known, is_new] =
      interfaces_.try_emplace({link_type, std::string(name)}, static_cast<std::uint32_t>(clocks_.size()));
  if (is_new) write_interface(link_type, snap_length, name);
  return known->second;
}

std::uint32_t CaptureWriter::add_interface(const Interface& interface) {
  if (format_ == Format::pcap) return interface_for(interface.link_type, interface.snap_length, interface.name);
  if (interface.options.empty()) {  // of a file without such blocks
    write_interface(interface.link_type, interface.snap_length, interface.name, interface.clock);
  } else {
    BlockBuilder block(block_type::interface_description);
    block.put16(static_cast<std::uint16_t>(interface.link_type)).put16(0).put32(interface.snap_length);
    file_.write(block.put(interface.options).end_of_options().finish());
    clocks_.push_back(interface.clock);
  }
  return static_cast<std::uint32_t>(clocks_.size() - 1);
}

// 2 link type | 2 reserved | 4 snap length | options
void CaptureWriter::write_interface(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name,
                                    const Clock& clock) {
  constexpr std::uint8_t microseconds = 6, nanoseconds = 9;
  const std::array<std::uint8_t, 1> resolution{clock.nanoseconds_per_unit == 1 ? nanoseconds : microseconds};
  BlockBuilder block(block_type::interface_description);
  block.put16(static_cast<std::uint16_t>(link_type)).put16(0).put32(snap_length);
  if (!name.empty()) block.option(option::interface_name, bytes_of(option_text(name)));
  block.option(option::interface_time_resolution, resolution);
  file_.write(block.end_of_options().finish());
  clocks_.push_back(clock.nanoseconds_per_unit == 1 ? Clock() : Clock::microseconds());
}

// 4 magic | 2 major version | 2 minor version | 4 + 4 unused | 4 snap length | 4 link type
void CaptureWriter::write_pcap_header(std::uint32_t link_type) {
  constexpr std::uint32_t magic_nanoseconds = 0xa1b23c4d, snap_length = 262144;
  std::array<std::uint8_t, 24> header{};
  store32(header.data(), magic_nanoseconds);
  store16(&header[4], 2);
  store16(&header[6], 4);
  store32(&header[16], snap_length);
  store32(&header[20], link_type);
  file_.write(header);
  single_link_type_ = link_type;
}

void CaptureWriter::packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
                           FrameNumber source_frame, std::string_view comment) {
  const std::uint32_t captured = captured_size(pieces);
  wire_length = std::max(wire_length, captured);
  if (format_ == Format::pcap) return pcap_packet(time, pieces, captured, wire_length);
  comment = option_text(comment);
  const std::size_t comment_size = comment.empty() ? 0 : 4 + padded(comment.size());
  const std::size_t id_size = source_frame == 0 ? 0 : 12;
  Cursor options = enhanced_packet(timestamp_of(time, clocks_[interface]), interface, pieces, captured, wire_length,
                                   comment_size + id_size);
  if (!comment.empty()) {
    options.put16(option::comment).put16(static_cast<std::uint16_t>(comment.size()));
    options.put(bytes_of(comment)).pad(comment.size());
  }
  if (source_frame == 0) return;
  options.put16(option::packet_id).put16(sizeof source_frame);
  options.put32(static_cast<std::uint32_t>(source_frame)).put32(static_cast<std::uint32_t>(source_frame >> 32));
}

// As packet(), with any options.
void CaptureWriter::captured(const Packet& packet, std::uint32_t interface, std::span<const std::uint8_t> options) {
  const auto captured = static_cast<std::uint32_t>(packet.data.size());
  const std::span<const Bytes> pieces(&packet.data, 1);
  if (format_ == Format::pcap) return pcap_packet(packet.time, pieces, captured, packet.wire_length);
  const std::uint64_t timestamp = packet.timestamp.value_or(timestamp_of(packet.time, clocks_[interface]));
  enhanced_packet(timestamp, interface, pieces, captured, packet.wire_length, options.size()).put(options);
}

// 4 seconds | 4 nanoseconds | 4 captured length | 4 length on the wire | bytes
void CaptureWriter::pcap_packet(Time time, std::span<const Bytes> pieces, std::uint32_t captured,
                                std::uint32_t wire_length) {
  constexpr Time second = 1'000'000'000, last = Time{std::numeric_limits<std::uint32_t>::max()} * second + second - 1;
  const Time expressible = std::clamp<Time>(time, 0, last);
  Cursor record(file_.extend(std::size_t{16} + captured));
  record.put32(static_cast<std::uint32_t>(expressible / second));
  record.put32(static_cast<std::uint32_t>(expressible % second));
  record.put32(captured).put32(wire_length);
  for (const Bytes piece : pieces) record.put(piece);
}

// 4 type | 4 length | 4 interface | 8 timestamp, high word first | 4 captured | 4 length on the wire | bytes, padded |
// options, and what ends them if there are any | 4 length
Cursor CaptureWriter::enhanced_packet(std::uint64_t timestamp, std::uint32_t interface, std::span<const Bytes> pieces,
                                      std::uint32_t captured, std::uint32_t wire_length, std::size_t options_size) {
  const std::size_t end_size = options_size == 0 ? 0 : 4;
  const auto size = static_cast<std::uint32_t>(28 + padded(captured) + options_size + end_size + 4);
  std::uint8_t* const block = file_.extend(size);
  Cursor record(block);
  record.put32(block_type::enhanced_packet).put32(size).put32(interface);
  record.put32(static_cast<std::uint32_t>(timestamp >> 32)).put32(static_cast<std::uint32_t>(timestamp));
  record.put32(captured).put32(wire_length);
  for (const Bytes piece : pieces) record.put(piece);
  record.pad(captured);
  Cursor end(block + size - 4 - end_size);
  if (end_size != 0) end.put32(option::end);
  end.put32(size);
  return record;
}

// records of: 2 type | 2 length | 4 or 16 address | names, each with a zero byte behind it | padding
void CaptureWriter::names(std::span<const NameRecord> records) {
  // Small enough for any reader, large enough to be few.
  constexpr std::size_t records_per_block = 1024;
  if (format_ == Format::pcap) return;
  for (; !records.empty(); records = records.subspan(std::min(records.size(), records_per_block))) {
    BlockBuilder block(block_type::name_resolution);
    for (const NameRecord& record : records.first(std::min(records.size(), records_per_block))) {
      const Bytes address = record.address.bytes();
      const Bytes name = bytes_of(std::string_view(record.name).substr(0, CaptureWriter::longest_name));
      block.put16(record.address.is_v4() ? name_record::ipv4 : name_record::ipv6);
      block.put16(static_cast<std::uint16_t>(address.size() + name.size() + 1));
      block.put(address).put(name).put(Bytes(padding).first(1)).pad();
    }
    file_.write(block.put32(name_record::end).finish());
  }
}

// 4 type of the secrets | 4 length | the secrets, padded
void CaptureWriter::secrets(const Secrets& secrets) {
  if (format_ == Format::pcap) return;
  BlockBuilder block(block_type::decryption_secrets);
  block.put32(secrets.type).put32(static_cast<std::uint32_t>(secrets.data.size())).put(secrets.data).pad();
  file_.write(block.finish());
}

// 4 interface | 8 timestamp, high word first | options, of which times are like the timestamp and counts like any
// number
void CaptureWriter::statistics(std::uint32_t interface, const LiveStatistics& statistics) {
  if (format_ == Format::pcap) return;
  BlockBuilder block(block_type::interface_statistics);
  const auto put_time = [&block](Time time) {
    const auto timestamp = static_cast<std::uint64_t>(std::max<Time>(time, 0));
    block.put32(static_cast<std::uint32_t>(timestamp >> 32)).put32(static_cast<std::uint32_t>(timestamp));
  };
  const auto put_count = [&block](std::uint16_t code, std::uint64_t count) {
    block.put16(code).put16(sizeof count);
    block.put32(static_cast<std::uint32_t>(count)).put32(static_cast<std::uint32_t>(count >> 32));
  };
  block.put32(interface);
  put_time(statistics.now);
  block.put16(option::statistics_begun).put16(sizeof(Time));
  put_time(statistics.begun);
  block.put16(option::statistics_ended).put16(sizeof(Time));
  put_time(statistics.now);
  put_count(option::statistics_received, statistics.received);
  put_count(option::statistics_dropped, statistics.dropped + statistics.dropped_by_interface);
  file_.write(block.end_of_options().finish());
}

void CaptureWriter::finish() {
  // A pcap file without packets still has a header, and the header a link type.
  if (format_ == Format::pcap && !single_link_type_) write_pcap_header(linktype::raw);
  file_.finish();
}

}  // namespace unproxy
