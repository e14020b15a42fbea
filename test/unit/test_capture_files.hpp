// SPDX-License-Identifier: GPL-2.0-or-later
// summary: captures built byte by byte, files for them that vanish, and everything that a reader says about one.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/byte_order.hpp"
#include "capture/open.hpp"

namespace capture_test {

using unproxy::ByteOrder;

/// Bytes in the byte order of choice, one value after the other.
class Builder {
 public:
  explicit Builder(ByteOrder order = ByteOrder::little) : order_(order) {}
  Builder& u8(unsigned value) {
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Builder& u16(unsigned value) {
    return order_ == ByteOrder::big ? u8(value >> 8).u8(value & 255) : u8(value & 255).u8(value >> 8);
  }
  Builder& u32(std::uint32_t value) {
    return order_ == ByteOrder::big ? u16(value >> 16).u16(value & 0xffff) : u16(value & 0xffff).u16(value >> 16);
  }
  Builder& u64(std::uint64_t value) {
    const auto high = static_cast<std::uint32_t>(value >> 32), low = static_cast<std::uint32_t>(value);
    return order_ == ByteOrder::big ? u32(high).u32(low) : u32(low).u32(high);
  }
  Builder& text(const std::string& value) {
    bytes_ += value;
    return *this;
  }
  Builder& pad() {
    while (bytes_.size() % 4 != 0) u8(0);
    return *this;
  }
  Builder& option(unsigned code, const std::string& value) {
    return u16(code).u16(static_cast<unsigned>(value.size())).text(value).pad();
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  ByteOrder order_;
  std::string bytes_;
};

inline std::string pcap_header(ByteOrder order, std::uint32_t magic, std::uint32_t link_type = 1) {
  return Builder(order).u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(link_type).bytes();
}
inline std::string pcap_record(ByteOrder order, std::uint32_t seconds, std::uint32_t fraction, const std::string& bytes,
                               std::uint32_t wire_length) {
  return Builder(order)
      .u32(seconds)
      .u32(fraction)
      .u32(static_cast<std::uint32_t>(bytes.size()))
      .u32(wire_length)
      .text(bytes)
      .bytes();
}

inline std::string block(std::uint32_t type, const std::string& body, ByteOrder order = ByteOrder::little) {
  const std::string padded = Builder(order).text(body).pad().bytes();
  const auto size = static_cast<std::uint32_t>(padded.size() + 12);
  return Builder(order).u32(type).u32(size).text(padded).u32(size).bytes();
}
inline std::string section(ByteOrder order = ByteOrder::little) {
  return block(0x0a0d0d0a, Builder(order).u32(0x1a2b3c4d).u16(1).u16(0).u64(~std::uint64_t{0}).bytes(), order);
}
inline std::string interface_block(unsigned link_type, const std::string& options = "", std::uint32_t snap_length = 0,
                                   ByteOrder order = ByteOrder::little) {
  return block(1, Builder(order).u16(link_type).u16(0).u32(snap_length).text(options).bytes(), order);
}
inline std::string enhanced_packet(std::uint32_t interface, std::uint64_t timestamp, const std::string& bytes,
                                   ByteOrder order = ByteOrder::little) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  Builder body(order);
  body.u32(interface).u32(static_cast<std::uint32_t>(timestamp >> 32)).u32(static_cast<std::uint32_t>(timestamp));
  return block(6, body.u32(size).u32(size).text(bytes).bytes(), order);
}

/// A directory that vanishes with everything in it.
class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "capture-test.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string file(const std::string& name, const std::string& contents) const {
    std::ofstream(path(name), std::ios::binary) << contents;
    return path(name);
  }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct PacketCopy {
  unproxy::FrameNumber number;
  unproxy::Time time;
  std::uint32_t interface;
  std::string bytes;
  std::uint32_t wire_length;
};

/// Everything that a reader says, in full.
struct Reading {
  std::vector<PacketCopy> packets;
  std::vector<unproxy::Interface> interfaces;
  std::vector<unproxy::NameRecord> names;
  std::vector<unproxy::Secrets> secrets;
  unproxy::DroppedBlocks dropped;
  std::optional<unproxy::Damage> damage;
  std::uint64_t position = 0;
};

inline Reading read_all(unproxy::CaptureReader& reader) {
  Reading reading;
  while (const unproxy::Packet* packet = reader.next()) {
    reading.packets.push_back({packet->number, packet->time, packet->interface,
                               std::string(proxytunnel::text_of(packet->data)), packet->wire_length});
  }
  reading.interfaces = reader.interfaces();
  reading.names = reader.take_names();
  reading.secrets = reader.take_secrets();
  reading.dropped = reader.dropped_blocks();
  reading.damage = reader.damage();
  reading.position = reader.position();
  return reading;
}

inline Reading read_file(const std::string& path, std::size_t window = unproxy::InputWindow::default_size) {
  return read_all(*unproxy::open_capture(path, nullptr, nullptr, window));
}

/// The message of the CaptureError that `action` throws; empty if it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const unproxy::CaptureError& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace capture_test
