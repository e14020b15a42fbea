// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace proxytunnel {

/// What the table says of one attempt: its cells, with tabs between them. No cell has a tab in it.
[[nodiscard]] std::string list_row(const ReportEntry& entry);

/// The room that each column of a table wants, and the room that it needs at least, in bytes.
struct ListSize {
  std::size_t most = 0, least = 0;
};

/// What is known of a table when all its rows were measured; rows themselves are not kept.
class ListSizes {
 public:
  ListSizes();
  void measure(std::string_view row);
  [[nodiscard]] const std::vector<ListSize>& of_columns() const noexcept { return sizes_; }

 private:
  std::vector<ListSize> sizes_;
};

/// Rows as lines of a table. A column is as wide as its widest cell. Where that is wider than `width` (0: it never is),
/// cells are shortened, and if that does not do, columns are left out: docs/contract.md says which.
class ListTable {
 public:
  ListTable(const ListSizes& sizes, std::size_t width);
  [[nodiscard]] std::string title() const;
  /// With the end of the line.
  [[nodiscard]] std::string line(std::string_view row) const;

 private:
  std::vector<std::size_t> widths_;  ///< 0: left out
};

/// The table of a report that is in memory.
[[nodiscard]] std::string list_text(const Report& report, std::size_t width);

}  // namespace proxytunnel
