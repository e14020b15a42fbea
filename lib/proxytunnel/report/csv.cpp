// SPDX-License-Identifier: GPL-2.0-or-later
// summary: attempts as CSV: one line for each, with what the report has of it that is one value.
#include "report/csv.hpp"

#include "report/rows.hpp"

namespace proxytunnel {

std::string csv_title() {
  return rows_head(RowForm::csv, fact_columns(), "", 0);
}

std::string csv_row(const ReportEntry& entry) {
  return row_text(RowForm::csv, fact_columns(), facts_of(entry));
}

std::string csv_text(const Report& report) {
  std::string text = csv_title();
  for (const auto& entry : report.tunnels) text += csv_row(entry) + "\n";
  return text;
}

}  // namespace proxytunnel
