// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is written: one capture file, or a ring of them, each complete by itself.
// spec: dumpcap(1), --ring-buffer
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "capture/capture.hpp"
#include "capture/capture_output.hpp"
#include "capture/writer.hpp"
#include "capture/written_names.hpp"

namespace unproxy {

/// When the next file is begun, and how many are kept. 0: no such limit.
struct Ring {
  std::uint64_t bytes = 0;    ///< the file that gets as large is full
  std::uint64_t packets = 0;  ///< likewise
  Time duration = 0;          ///< of a file, in the time of the capture
  std::uint64_t files = 0;
  std::vector<std::string> inputs;  ///< whose place no file may take

  [[nodiscard]] bool is_on() const noexcept { return bytes != 0 || packets != 0 || duration != 0; }
};

/// "out_00001_20261126093000.pcapng" for "out.pcapng": the number and the local time of the beginning, as dumpcap has
/// it.
std::string ring_name(const std::string& path, std::uint64_t number, Time begun);

/// Without a ring, one CaptureWriter. With one, a file begins with the first packet that has no other, and has its name
/// when it is full. All files have the same interfaces, in the same order, and all secrets; of names those of the ends
/// of their packets. Functions throw as those of CaptureWriter.
class CaptureFiles final : public CaptureOutput {
 public:
  CaptureFiles(std::string path, Format format, WriterIdentity identity, Ring ring);

  std::uint32_t interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) override;
  /// As of CaptureWriter.
  std::uint32_t add_interface(const Interface& interface);
  [[nodiscard]] std::optional<std::uint32_t> single_link_type() const noexcept override;
  void packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
              FrameNumber source_frame, std::string_view comment, std::span<const Address> ends) override;
  void captured(const Packet& packet, std::uint32_t interface, std::span<const std::uint8_t> options,
                std::span<const Address> ends);
  /// A name that was written lately is not written again.
  void name(const NameRecord& record) override;
  void secrets(const Secrets& secrets) override;
  void set_statistics(StatisticsSource source) override { statistics_ = std::move(source); }
  /// A file ends whose time is over.
  void idle(Time now) override;
  /// Also makes a file if there was nothing to write.
  void finish() override;
  [[nodiscard]] std::string told() const override;

  /// Files of a ring so far, and those of them that were not removed.
  [[nodiscard]] std::uint64_t files() const noexcept { return number_; }
  [[nodiscard]] const std::deque<std::string>& kept() const noexcept { return kept_; }

 private:
  struct OutputInterface {
    Interface interface;
    bool is_added;  ///< by add_interface()
  };

  void begin_packet(Time time, std::span<const Address> ends);
  void begin(Time time);
  void end();
  [[nodiscard]] bool is_full() const;
  void write_names_of(const Address& address);

  std::string path_;
  Format format_;
  WriterIdentity identity_;
  Ring ring_;
  std::optional<CaptureWriter> file_;
  StatisticsSource statistics_ = [] { return std::nullopt; };
  WrittenNames names_{proxytunnel::limits::names};

  // Of a ring only.
  std::vector<OutputInterface> interfaces_;
  std::vector<Secrets> secrets_;  // at most PendingBlocks::most_secrets
  std::size_t secrets_size_ = 0;
  std::uint64_t number_ = 0;
  std::string file_name_;
  Time begun_ = 0;
  std::uint64_t packets_ = 0;
  std::set<Address> named_;       // whose names the file has
  std::deque<std::string> kept_;  // complete files, the oldest first
};

}  // namespace unproxy
