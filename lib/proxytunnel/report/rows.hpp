// SPDX-License-Identifier: GPL-2.0-or-later
// summary: rows of values as text: CSV, NDJSON, and Zeek's two forms of logs.
// spec: RFC 4180, but for the ends of lines; ndjson.org; docs.zeek.org, "Zeek Log Formats and Inspection"
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "report/facts.hpp"

namespace proxytunnel {

struct Column {
  std::string_view name;
  FactType type;
};

enum class RowForm : std::uint8_t { csv, ndjson, zeek, zeek_json };

/// What stands before the first row. `path` is the log's name, as Zeek has it; `open` the time that it says of itself.
[[nodiscard]] std::string rows_head(RowForm form, std::span<const Column> columns, std::string_view path, Time open);
/// A line without its end. There is a value for each column.
[[nodiscard]] std::string row_text(RowForm form, std::span<const Column> columns, std::span<const Value> values);
/// What stands behind the last row.
[[nodiscard]] std::string rows_tail(RowForm form, Time close);

/// "vector[string]"
[[nodiscard]] std::string_view zeek_type_of(FactType type) noexcept;

/// The facts of attempts as columns, and one attempt's values for them.
[[nodiscard]] std::span<const Column> fact_columns();
[[nodiscard]] std::vector<Value> facts_of(const ReportEntry& entry);

}  // namespace proxytunnel
