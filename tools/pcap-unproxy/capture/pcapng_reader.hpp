// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads pcapng files of any number of sections, from files and pipes.
// spec: draft-ietf-opsawg-pcapng
#pragma once

#include <vector>

#include "capture/byte_order.hpp"
#include "capture/native_reader.hpp"
#include "capture/pending_blocks.hpp"

namespace unproxy {

/// Unknown blocks are skipped. Options that do not fit into their block end the options and are no damage.
/// Blocks that Wireshark shows as frames without being packets (journal entries, custom blocks, system calls) are
/// counted in the packet numbers and otherwise skipped.
class PcapngReader final : public NativeReader {
 public:
  /// Of all sections together; more are damage.
  static constexpr std::size_t max_interfaces = 65536;

  /// Whether a file that begins with these bytes is for this reader: the type of a section header block and, if there
  /// are bytes enough to see it, the byte-order magic.
  static bool recognizes(Bytes beginning) noexcept;

  /// The window stands at the beginning of a file that recognizes() accepted.
  explicit PcapngReader(InputWindow window) : NativeReader(std::move(window)) {}

  std::vector<NameRecord> take_names() override { return pending_.take_names(); }
  std::vector<Secrets> take_secrets() override { return pending_.take_secrets(); }
  [[nodiscard]] DroppedBlocks dropped_blocks() const override { return pending_.dropped(); }

 private:
  enum class Outcome { packet, other, end };

  bool read_packet() override;
  Outcome read_block();
  Outcome read_body(std::uint32_t type, Bytes body, std::uint64_t offset);
  Outcome skip_block(std::uint32_t type, std::uint32_t length, std::uint64_t offset);
  bool find_byte_order(std::uint64_t offset);
  bool read_section(Bytes body, std::uint64_t offset);
  bool read_interface(Bytes body, std::uint64_t offset);
  bool read_packet_block(std::uint32_t type, Bytes body, std::uint64_t offset);
  bool take_packet(Bytes rest, std::uint32_t captured, std::uint64_t offset);
  void read_names(Bytes body);
  void read_secrets(Bytes body);
  [[nodiscard]] std::string name_of(std::uint32_t type) const;

  static Clock clock_from(Bytes options, ByteOrder order) noexcept;

  ByteOrder order_ = ByteOrder::little;
  std::size_t first_interface_ = 0;  ///< of the current section, in interfaces_
  PendingBlocks pending_;
};

}  // namespace unproxy
