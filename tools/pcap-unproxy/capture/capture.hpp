// SPDX-License-Identifier: GPL-2.0-or-later
// summary: captures as the tool sees them, whatever the file format: interfaces, packets, side blocks, damage.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/segment.hpp"
#include "capture/byte_order.hpp"
#include "capture/clock.hpp"
#include "decode/decode.hpp"

namespace unproxy {

using proxytunnel::Address;
using proxytunnel::Bytes;
using proxytunnel::FrameNumber;
using proxytunnel::Time;

namespace linktype = proxytunnel::linktype;

/// Set (from a signal handler, say) to make a reader end as if the file ended at the latest whole packet.
using StopFlag = std::atomic<bool>;

struct Interface {
  std::uint32_t link_type = 0;
  std::uint32_t snap_length = 0;  ///< 0: no limit
  std::string name;               ///< may be empty
  Clock clock{};
  std::vector<std::uint8_t> options{};  ///< of its pcapng block, little-endian, without the end marker
};

/// Options of a pcapng block as they stand there.
struct BlockOptions {
  Bytes bytes;
  ByteOrder order = ByteOrder::little;
};

struct Packet {
  FrameNumber number = 0;  ///< from 1, as Wireshark counts
  Time time = 0;
  std::uint32_t interface = 0;               ///< index into CaptureReader::interfaces()
  Bytes data;                                ///< captured bytes; valid until the next call of next()
  std::uint32_t wire_length = 0;             ///< never less than data.size(), whatever the file says
  std::optional<std::uint64_t> timestamp{};  ///< as the interface's clock has it, where the time may lose something
  BlockOptions options{};                    ///< valid as long as the data

  [[nodiscard]] proxytunnel::CapturedFrame of_link_type(std::uint32_t link_type) const noexcept {
    return {number, time, link_type, data, wire_length};
  }
};

/// From a pcapng name resolution block (section 4.5 of the pcapng draft).
struct NameRecord {
  Address address;
  std::string name;
};

/// A pcapng decryption secrets block, to be carried over as it is.
struct Secrets {
  std::uint32_t type = 0;
  std::vector<std::uint8_t> data;
};

/// Names and secrets that were left out, since there were too many for memory.
struct DroppedBlocks {
  std::uint64_t names = 0, secrets = 0;
};

/// What stopped the reader early.
struct Damage {
  std::uint64_t offset = 0;  ///< bytes into the (uncompressed) file
  std::string message;       ///< what is wrong and what to do, without the file's name
};

/// The file cannot be read (or written) at all. what() names the file, the offset where there is one, and what to do.
class CaptureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same for what is written: the output cannot be made or completed.
class OutputError : public CaptureError {
 public:
  using CaptureError::CaptureError;
};

/// The command line asks for something that cannot be. what() is for the user.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the system tells of a capture from an interface.
struct LiveStatistics {
  Time begun = 0, now = 0;
  std::uint64_t received = 0;              ///< packets that the filter let pass, with those that were dropped then
  std::uint64_t dropped = 0;               ///< by the kernel, for want of room in its buffer
  std::uint64_t dropped_by_interface = 0;  ///< by the network card or its driver
};

/// One input. Reads packets one by one; nothing but the current packet is kept.
class CaptureReader {
 public:
  virtual ~CaptureReader() = default;
  CaptureReader() = default;
  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  /// The next packet, or nullptr at the end or at damage. Valid until the next call.
  virtual const Packet* next() = 0;
  /// Grows while packets are read (pcapng); an index stays valid.
  [[nodiscard]] virtual const std::vector<Interface>& interfaces() const = 0;
  /// Whether the file is known to have more than one interface, with or without packets so far.
  [[nodiscard]] virtual bool has_several_interfaces() const { return interfaces().size() > 1; }
  /// Side blocks met since the last call; the caller takes them.
  virtual std::vector<NameRecord> take_names() { return {}; }
  virtual std::vector<Secrets> take_secrets() { return {}; }
  /// Of all that was read so far.
  [[nodiscard]] virtual DroppedBlocks dropped_blocks() const { return {}; }
  /// Set once next() returned nullptr because of damage; everything readable before it was delivered.
  [[nodiscard]] virtual const std::optional<Damage>& damage() const = 0;
  /// Bytes of the file taken so far (compressed size where it is compressed), for progress.
  [[nodiscard]] virtual std::uint64_t position() const = 0;

  /// Called with the time of the capture when next() finds that no packet waits, before it waits for one; and now and
  /// then where packets never stop. A file does not wait; of a pipe, the time is that of its latest packet, and what it
  /// waited since then.
  virtual void when_idle(const std::function<void(Time)>&) {}
  /// Absent: it is no interface.
  virtual std::optional<LiveStatistics> live_statistics() { return std::nullopt; }
};

}  // namespace unproxy
