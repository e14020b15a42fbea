// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far a long run has come, on standard error.
#include "progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace unproxy {
namespace {

constexpr std::uint64_t packets_between_lines = 1U << 16;

class ProgressReader final : public CaptureReader {
 public:
  ProgressReader(std::unique_ptr<CaptureReader> reader, const std::string& path) : reader_(std::move(reader)) {
    std::error_code none;
    size_ = path == "-" || !std::filesystem::is_regular_file(path, none) ? 0 : std::filesystem::file_size(path, none);
    name_ = path == "-" ? "standard input" : path;
  }
  ~ProgressReader() override { std::fputs("\n", stderr); }

  const Packet* next() override {
    const Packet* packet = reader_->next();
    const bool at_end = packet == nullptr;
    if (at_end || ++packets_ % packets_between_lines == 0) show(at_end);
    return packet;
  }
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return reader_->interfaces(); }
  [[nodiscard]] bool has_several_interfaces() const override { return reader_->has_several_interfaces(); }
  std::vector<NameRecord> take_names() override { return reader_->take_names(); }
  std::vector<Secrets> take_secrets() override { return reader_->take_secrets(); }
  [[nodiscard]] DroppedBlocks dropped_blocks() const override { return reader_->dropped_blocks(); }
  [[nodiscard]] const std::optional<Damage>& damage() const override { return reader_->damage(); }
  [[nodiscard]] std::uint64_t position() const override { return reader_->position(); }

 private:
  void show(bool at_end) const {
    const auto packets = static_cast<unsigned long long>(packets_);
    if (size_ != 0 && !at_end) {
      const double percent = 100.0 * static_cast<double>(position()) / static_cast<double>(size_);
      std::fprintf(stderr, "\r%s: %3.0f%%, %llu packets", name_.c_str(), percent, packets);
    } else {
      std::fprintf(stderr, "\r%s: %llu packets      ", name_.c_str(), packets);
    }
  }

  std::unique_ptr<CaptureReader> reader_;
  std::string name_;
  std::uint64_t size_ = 0;
  std::uint64_t packets_ = 0;
};

}  // namespace

std::unique_ptr<CaptureReader> with_progress(std::unique_ptr<CaptureReader> reader, const std::string& path,
                                             Progress progress) {
  const bool wanted = progress == Progress::always || (progress == Progress::automatic && isatty(STDERR_FILENO) == 1);
  if (!wanted) return reader;
  return std::make_unique<ProgressReader>(std::move(reader), path);
}

}  // namespace unproxy
