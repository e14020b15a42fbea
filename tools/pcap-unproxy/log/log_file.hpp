// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one log: rows of one table in one form, in a file that appears when it is complete.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "capture/output_file.hpp"
#include "report/rows.hpp"

namespace unproxy {

class LogFile {
 public:
  /// `name` and `columns` are borrowed. Throws OutputError. What goes wrong later is told by finish(): it costs no
  /// other output anything.
  LogFile(const std::string& path, std::string_view name, proxytunnel::RowForm form,
          std::span<const proxytunnel::Column> columns);

  /// The time that the log says of itself: the first one that is given.
  void begin(proxytunnel::Time open) noexcept {
    if (!open_) open_ = open;
  }
  /// A row, without its end.
  void add(std::string_view row);
  /// Rows that were added since then are forgotten.
  void mark() noexcept { mark_ = file_.size(); }
  void cut_to_mark();
  /// Throws OutputError if anything could not be written; then there is no file.
  void finish(proxytunnel::Time close);

 private:
  template <class Write>
  void attempt(Write write);
  void put_head();
  void put(std::string_view text) { file_.write(proxytunnel::bytes_of(text)); }

  OutputFile file_;
  std::string_view name_;
  proxytunnel::RowForm form_;
  std::span<const proxytunnel::Column> columns_;
  std::optional<proxytunnel::Time> open_;
  std::uint64_t mark_ = 0;
  std::optional<OutputError> error_;
};

}  // namespace unproxy
