// SPDX-License-Identifier: GPL-2.0-or-later
// summary: attempts as CSV: one line for each, with what the report has of it that is one value.
// spec: RFC 4180, but for the ends of lines
#pragma once

#include <string>

#include "report/report.hpp"

namespace proxytunnel {

/// The names of the columns, with the end of the line.
[[nodiscard]] std::string csv_title();
/// The line of an attempt, without its end.
[[nodiscard]] std::string csv_row(const ReportEntry& entry);

/// All lines of a report that is in memory.
[[nodiscard]] std::string csv_text(const Report& report);

}  // namespace proxytunnel
