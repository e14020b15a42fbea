// SPDX-License-Identifier: GPL-2.0-or-later
// summary: how far a long run has come, on standard error.
#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "report/text.hpp"
#include "terminal.hpp"

namespace unproxy {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t packets_between_looks = 1U << 12;
constexpr std::chrono::milliseconds between_lines{250};
/// Of a name; where there is no room for as much of it there is none of it.
constexpr std::size_t shortest_name = 8;
/// Before that nobody can say how fast it is.
constexpr std::chrono::seconds before_estimates{1};

/// "1.4 GB"; steps of 1000, as disks have.
std::string size_text(double bytes) {
  constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

/// "2:05", "1:02:05"
std::string time_text(double seconds) {
  const auto whole = static_cast<unsigned long long>(std::min(std::ceil(seconds), 1e9));
  char text[48];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%llu:%02llu", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

class ProgressReader final : public CaptureReader {
 public:
  ProgressReader(std::unique_ptr<CaptureReader> reader, const std::string& name, std::uint64_t size, bool always)
      : reader_(std::move(reader)),
        always_(always),
        name_(proxytunnel::printable(name == "-" ? "standard input" : name)),
        size_(size) {}
  ~ProgressReader() override { end_line(); }

  const Packet* next() override {
    const Packet* packet = reader_->next();
    if (packet == nullptr) {
      if (always_ || is_open_) show();
      end_line();
    } else if (++packets_ % packets_between_looks == 0 && Clock::now() - shown_ >= between_lines) {
      show();
    }
    return packet;
  }
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return reader_->interfaces(); }
  [[nodiscard]] bool has_several_interfaces() const override { return reader_->has_several_interfaces(); }
  std::vector<NameRecord> take_names() override { return reader_->take_names(); }
  std::vector<Secrets> take_secrets() override { return reader_->take_secrets(); }
  [[nodiscard]] DroppedBlocks dropped_blocks() const override { return reader_->dropped_blocks(); }
  [[nodiscard]] const std::optional<Damage>& damage() const override { return reader_->damage(); }
  [[nodiscard]] std::uint64_t position() const override { return reader_->position(); }
  void when_idle(const std::function<void(Time)>& idle) override {
    reader_->when_idle([this, idle](Time now) {
      if (packets_ != 0 && Clock::now() - shown_ >= between_lines) show();
      idle(now);
    });
  }
  std::optional<LiveStatistics> live_statistics() override { return reader_->live_statistics(); }

 private:
  // What a wider terminal would show is cut: a line that wraps cannot be written over.
  void show() {
    shown_ = Clock::now();
    const std::string figures = this->figures();
    const std::size_t room = terminal_width(STDERR_FILENO) - 1, needed = figures.size() + 2 + shortest_name;
    std::string line = figures.substr(0, room);
    if (room > needed) line = proxytunnel::shortened(name_, room - figures.size() - 2) + ": " + figures;
    const std::size_t size = line.size();
    if (size < last_size_) line.append(std::min(last_size_, room) - std::min(size, room), ' ');
    last_size_ = size;
    std::fprintf(stderr, "\r%s", line.c_str());
    is_open_ = true;
  }

  // Packets and bytes, and where it is known how much is left and how fast it goes, these.
  [[nodiscard]] std::string figures() const {
    const auto done = static_cast<double>(position());
    std::string text = std::to_string(packets_) + " packets, " + size_text(done);
    if (size_ != 0) {
      const auto all = static_cast<double>(size_);
      text += " of " + size_text(all) + " (" + std::to_string(static_cast<int>(100 * std::min(done / all, 1.0))) + "%)";
    }
    const double seconds = std::chrono::duration<double>(shown_ - begun_).count();
    if (shown_ - begun_ < before_estimates || done == 0) return text;
    text += ", " + size_text(done / seconds) + "/s";
    const double left = static_cast<double>(size_) - done;
    if (left > 0) text += ", " + time_text(seconds * left / done) + " left";
    return text;
  }

  void end_line() {
    if (is_open_) std::fputs("\n", stderr);
    is_open_ = false;
  }

  std::unique_ptr<CaptureReader> reader_;
  bool always_;  ///< even if there is no time to see it
  std::string name_;
  std::uint64_t size_;  ///< 0: not known
  std::uint64_t packets_ = 0;
  Clock::time_point begun_ = Clock::now(), shown_ = begun_;
  std::size_t last_size_ = 0;
  bool is_open_ = false;
};

bool is_wanted(const Options& options) {
  if (options.progress == Progress::always) return true;
  return options.progress != Progress::never && options.verbosity != Verbosity::quiet && isatty(STDERR_FILENO) == 1;
}

}  // namespace

std::unique_ptr<CaptureReader> with_progress(std::unique_ptr<CaptureReader> reader, const std::string& name,
                                             std::uint64_t size, const Options& options) {
  if (!is_wanted(options)) return reader;
  return std::make_unique<ProgressReader>(std::move(reader), name, size, options.progress == Progress::always);
}

std::uint64_t size_of_file(const std::string& path) {
  std::error_code none;
  return path == "-" || !std::filesystem::is_regular_file(path, none) ? 0 : std::filesystem::file_size(path, none);
}

InputsProgress::InputsProgress(std::size_t inputs, const Options& options)
    : inputs_(inputs), is_wanted_(is_wanted(options)) {}

void InputsProgress::show(std::size_t done, std::size_t running) {
  const std::string line = std::to_string(done) + " of " + std::to_string(inputs_) + " inputs done, " +
                           std::to_string(running) + " being read";
  if (!is_wanted_ || line == line_) return;
  clear();
  line_ = line;
  std::fprintf(stderr, "\r%s", line_.c_str());
}

void InputsProgress::clear() {
  if (!line_.empty()) std::fprintf(stderr, "\r%s\r", std::string(line_.size(), ' ').c_str());
  line_.clear();
}

}  // namespace unproxy
