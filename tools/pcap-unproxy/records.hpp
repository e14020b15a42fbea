// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the lines of an input, and what became of it, in a file between two processes of this program.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>

#include "capture/file_descriptor.hpp"
#include "input_run.hpp"

namespace unproxy {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

/// Writes to a file that it borrows.
class RecordWriter final : public LineSink {
 public:
  explicit RecordWriter(int file);

  void begin(proxytunnel::Time first_packet) override;
  void add(const Line& line) override;
  /// The last one. False if anything could not be written; the reason is in errno.
  [[nodiscard]] bool finish(const InputResult& result);

 private:
  void put(std::uint8_t kind, const Line& line);

  std::unique_ptr<std::FILE, CloseFile> file_;
};

/// Hands on what a RecordWriter wrote into `file`. No result: the writer did not come to its end.
std::optional<InputResult> read_records(int file, LineSink& lines);

}  // namespace unproxy
