// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --sequence: a capture that was cut into files, as a ring buffer leaves it, is read as one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "capture/capture.hpp"
#include "capture/digest.hpp"
#include "capture/file_state.hpp"
#include "report/report.hpp"
#include "window.hpp"

namespace unproxy {

/// One of the files.
struct SequenceFile {
  std::string path;
  std::optional<Time> first_time;  ///< of its first packet; absent: it has none, or cannot be read
  std::string unreadable;          ///< empty: nothing is known against it
  std::optional<FileState> state;  ///< before it was opened; absent: it was not
};

/// The files in the order of their first packets; those of a ring in that of the numbers in their names, where times
/// say the same or nearly so. What has no packet stays behind what it was named after. Each is opened and looked into,
/// unless its time is among `known`.
std::vector<SequenceFile> in_order_of_time(const std::vector<std::string>& paths,
                                           const std::map<std::string, Time>& known, const StopFlag* stop);

/// Files that should lie between two, by the numbers that dumpcap puts into names (NAME_00001_20260131235959.pcapng);
/// 0 where names have none, or do not belong together.
std::uint64_t files_missing_between(const std::string& one, const std::string& next);

/// Hands out the packets of one file after another. Their numbers tell the file (base/frame_number.hpp). A file that is
/// damaged or cannot be opened any more is told in its summary, and the next one follows.
class SequenceReader final : public CaptureReader {
 public:
  enum class Hash { no, yes };
  /// `window`: only that, and what is looked at around it, is read; only files in it are hashed. `stop` is borrowed,
  /// and may be null.
  SequenceReader(std::vector<SequenceFile> files, const std::optional<Window>& window, Hash hash, const StopFlag* stop);

  const Packet* next() override;
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] bool has_several_interfaces() const override;
  std::vector<NameRecord> take_names() override;
  std::vector<Secrets> take_secrets() override;
  [[nodiscard]] DroppedBlocks dropped_blocks() const override;
  /// Of no file: these have their own, in summaries().
  [[nodiscard]] const std::optional<Damage>& damage() const override { return damage_; }
  /// Of all files so far.
  [[nodiscard]] std::uint64_t position() const override;

  /// Of each file, in order; complete when next() has returned nullptr. A file that was not reached is one without
  /// packets.
  [[nodiscard]] const std::vector<proxytunnel::InputSummary>& summaries() const { return summaries_; }

 private:
  /// All that an interface says of itself.
  using Kind = std::tuple<std::uint32_t, std::uint32_t, std::string, std::uint64_t, std::uint64_t, std::int64_t,
                          std::vector<std::uint8_t>>;

  bool open_next();
  void close();
  void take_side_blocks();
  bool take_interfaces();
  void note(const Packet& packet);

  std::vector<SequenceFile> files_;
  std::optional<Window> window_;
  Hash hash_;
  const StopFlag* stop_;
  std::size_t opened_, end_;               ///< files before these are read
  std::unique_ptr<CaptureReader> reader_;  ///< of the file before files_[opened_]; null: none is open
  std::unique_ptr<InputHash> digest_;
  std::vector<std::uint32_t> numbers_;  ///< of its interfaces, in interfaces_
  std::vector<Interface> interfaces_;
  std::map<Kind, std::vector<std::uint32_t>> kinds_;                ///< numbers of those that are alike
  std::map<const std::vector<std::uint32_t>*, std::size_t> taken_;  ///< so many of a kind the file has so far
  std::vector<NameRecord> names_;
  std::vector<Secrets> secrets_;
  DroppedBlocks dropped_;
  std::optional<Damage> damage_;
  std::uint64_t position_ = 0;  ///< of files that are done
  std::optional<Time> latest_;
  std::string path_before_;  ///< of the latest file that was read
  Packet packet_;
  std::vector<proxytunnel::InputSummary> summaries_;
};

}  // namespace unproxy
