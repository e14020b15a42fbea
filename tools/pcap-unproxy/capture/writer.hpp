// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes captures, as pcapng or pcap, with times in nanoseconds.
// spec: draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/capture.hpp"
#include "capture/cursor.hpp"
#include "capture/output_file.hpp"

namespace unproxy {

enum class Format : std::uint8_t { pcapng, pcap };
/// Of packets that are written: as the capture has it, none, or Ethernet where the capture has another.
enum class Link : std::uint8_t { keep, raw, ethernet };

/// What the section header of a pcapng file says about its origin.
struct WriterIdentity {
  std::string tool = "pcap-unproxy";
  std::string version;
  std::string contents;  ///< what is in it, and of which capture
};

/// The same calls give the same bytes. All functions throw CaptureError as OutputFile does, which see for how the file
/// comes into being; without finish() there is none.
///
/// A pcap file holds packets of one link type, without comments, frame numbers, names and secrets: these are left out,
/// and a second link type is a CaptureError. A caller that cannot know all link types before the first packet makes
/// every packet linktype::raw.
class CaptureWriter {
 public:
  /// Bytes of a name that are written.
  static constexpr std::size_t longest_name = 255;

  /// `path` "-" is standard output.
  CaptureWriter(const std::string& path, Format format, const WriterIdentity& identity,
                std::size_t buffer_size = OutputFile::default_size);

  /// The number to give to packet(): of a new interface for each new pair of link type (16 bits) and name.
  std::uint32_t interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name);
  /// The number of the next interface, which is as the input has it, whatever others there are.
  std::uint32_t add_interface(const Interface& interface);
  /// The link type that every packet of a pcap file must have; nullopt before the first one, and for pcapng.
  [[nodiscard]] std::optional<std::uint32_t> single_link_type() const noexcept { return single_link_type_; }

  /// One packet: the bytes of `pieces`, one behind the other. `wire_length` is raised to that size if it is less.
  /// `source_frame` goes into epb_packetid unless it is 0, `comment` into a comment unless it is empty. A time before
  /// 1970 (for pcap: or after 2106) is written as the nearest that the format can express.
  void packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
              FrameNumber source_frame, std::string_view comment);
  /// One packet as it was captured, of an interface of add_interface(). `options` are pcapng's, little-endian, without
  /// the end marker; a pcap file has none.
  void captured(const Packet& packet, std::uint32_t interface, std::span<const std::uint8_t> options);
  /// A name resolution block. Longer names are cut.
  void names(std::span<const NameRecord> records);
  /// A decryption secrets block; to be of use, before the packets that need it.
  void secrets(const Secrets& secrets);
  /// An interface statistics block: what was dropped is so by kernel and interface together, as dumpcap writes it.
  void statistics(std::uint32_t interface, const LiveStatistics& statistics);
  /// Hands on what is buffered.
  void flush() { file_.flush(); }
  /// As of OutputFile: what is written next opens the file again.
  void suspend() { file_.suspend(); }
  /// The capture is complete.
  void finish();

  /// Bytes of the file so far.
  [[nodiscard]] std::uint64_t size() const noexcept { return file_.size(); }

 private:
  void write_section(const WriterIdentity& identity);
  void write_interface(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name,
                       const Clock& clock = {});
  void write_pcap_header(std::uint32_t link_type);
  /// All of a block but its options, for which it leaves `options_size` bytes: they are the caller's to write.
  [[nodiscard]] pcapng::Cursor enhanced_packet(std::uint64_t timestamp, std::uint32_t interface,
                                               std::span<const Bytes> pieces, std::uint32_t captured,
                                               std::uint32_t wire_length, std::size_t options_size);
  void pcap_packet(Time time, std::span<const Bytes> pieces, std::uint32_t captured, std::uint32_t wire_length);

  OutputFile file_;
  Format format_;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> interfaces_;
  std::vector<Clock> clocks_;  // of all interfaces
  std::optional<std::uint32_t> single_link_type_;
};

}  // namespace unproxy
