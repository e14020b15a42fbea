// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "report/report.hpp"

namespace proxytunnel {

/// What the table says of one attempt: its cells, with tabs between them. No cell has a tab in it.
[[nodiscard]] std::string list_row(const ReportEntry& entry);

/// Rows as lines of a table. A column is as wide as its widest cell, so every row is measured before the first line is
/// made; rows themselves are not kept.
class ListTable {
 public:
  ListTable();
  void measure(std::string_view row);
  [[nodiscard]] std::string title() const;
  /// With the end of the line.
  [[nodiscard]] std::string line(std::string_view row) const;

 private:
  static constexpr std::size_t columns = 9;
  std::array<std::size_t, columns> sizes_{};
};

}  // namespace proxytunnel
