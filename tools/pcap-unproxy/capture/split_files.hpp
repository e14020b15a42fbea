// SPDX-License-Identifier: GPL-2.0-or-later
// summary: many files that are written at once, of which few are open: each has some of the packets.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/capture_output.hpp"
#include "capture/writer.hpp"

namespace unproxy {

/// What the tunnels of one file have in common.
enum class SplitBy : std::uint8_t { nothing, tunnel, client, origin, proxy, target };

struct Split {
  SplitBy by = SplitBy::nothing;
  std::size_t max_open_files = 256;
  std::vector<std::string> inputs;  ///< whose place no file may take

  [[nodiscard]] bool is_on() const noexcept { return by != SplitBy::nothing; }
};

/// Each file has the interfaces of its packets, all secrets, and of names those of the ends of its packets. A file
/// comes into being with its first packet; of files that are not open there is nothing in memory but what they have,
/// less than a kilobyte, with what a file knows of names bounded.
class SplitFiles final : public CaptureOutput {
 public:
  /// Copies of secrets in all files together, of which a capture may make many by few bytes. Beyond, files lack them.
  static constexpr std::uint64_t most_copied = std::uint64_t{1} << 30;
  /// Names of an address that a file gets at once, the latest ones.
  static constexpr std::size_t most_names = 64;
  /// Addresses of which a file knows that it has the names; beyond, some come again.
  static constexpr std::size_t most_addresses = 1024;
  static constexpr std::size_t buffer_size = std::size_t{64} << 10;

  SplitFiles(Format format, WriterIdentity identity, Split split);

  /// Another file, which has no packets yet; its number.
  std::size_t add(std::string path);
  /// Where packets go from now on.
  void choose(std::size_t file) noexcept { chosen_ = file; }
  [[nodiscard]] std::size_t count() const noexcept { return files_.size(); }

  std::uint32_t interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) override;
  [[nodiscard]] std::optional<std::uint32_t> single_link_type() const noexcept override;
  void packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
              FrameNumber source_frame, std::string_view comment, std::span<const Address> ends) override;
  void name(const NameRecord& record) override;
  void secrets(const Secrets& secrets) override;
  void set_statistics(StatisticsSource source) override { statistics_ = std::move(source); }
  void idle(Time now) override;
  /// All of them have what they need before the first one gets its name.
  void finish() override;
  [[nodiscard]] std::string told() const override;

 private:
  struct OutputInterface {
    std::uint32_t link_type, snap_length;
    std::string name;
  };
  struct Names {
    std::set<std::string> known;
    std::vector<const std::string*> in_order;
  };
  /// How many of an address's names a file has, of those since names were forgotten for the last time.
  struct Named {
    std::uint32_t generation = 0, written = 0;
  };
  struct File {
    std::string path;
    std::unique_ptr<CaptureWriter> writer;
    std::optional<std::list<std::size_t>::iterator> open;           ///< its place in open_
    std::optional<std::pair<std::uint32_t, std::uint32_t>> latest;  ///< an interface, and its number in the file
    std::size_t secrets = 0;                                        ///< that it has, or goes without
    std::map<Address, Named> named;
  };

  CaptureWriter& opened(std::size_t number);
  void create(File& file) const;
  std::uint32_t interface_in(File& file, std::uint32_t interface);
  void write_secrets(File& file);
  [[nodiscard]] bool lacks_names(const Address& address, const Named& named) const;
  void write_names(CaptureWriter& writer, const Address& address, Named& named);

  Format format_;
  WriterIdentity identity_;
  Split split_;
  StatisticsSource statistics_ = [] { return std::nullopt; };
  std::deque<File> files_;
  std::list<std::size_t> open_;  ///< those that are open, what was written last in front
  std::size_t chosen_ = 0;
  std::vector<OutputInterface> interfaces_;
  std::vector<Secrets> secrets_;  ///< at most PendingBlocks::most_secrets
  std::size_t secrets_size_ = 0;
  std::uint64_t copied_ = 0, not_copied_ = 0;  ///< bytes of secrets in files; files that lack some
  std::map<Address, Names> names_;             ///< at most limits::names
  std::size_t name_count_ = 0;
  std::uint32_t generation_ = 1;
};

}  // namespace unproxy
