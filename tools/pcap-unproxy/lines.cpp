// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is told of attempts and connections, line by line.
#include "lines.hpp"

#include "report/csv.hpp"
#include "report/list.hpp"

namespace unproxy {

using proxytunnel::no_tunnel;
using proxytunnel::TunnelId;
using proxytunnel::Value;

proxytunnel::RowForm form_of(Table table, const Options& options) noexcept {
  using proxytunnel::RowForm;
  switch (table) {
    case Table::list:
    case Table::list_csv:
    case Table::csv:
      return RowForm::csv;
    case Table::report:
    case Table::skipped:
    case Table::legs:
    case Table::correlation:
    case Table::ndjson:
      return RowForm::ndjson;
    case Table::conn:
    case Table::socks:
    case Table::tunnel:
    case Table::proxytunnel:
      break;
  }
  return options.log_json ? RowForm::zeek_json : RowForm::zeek;
}

// As a row of these three columns, less what stands around a row.
std::string numbers_text(Table table, const Options& options, const Numbers& numbers) {
  const auto [id, input, parent] = numbers;
  if (table == Table::list) return std::to_string(id);
  Value outer = proxytunnel::Null{};
  if (parent != no_tunnel) outer = std::int64_t{parent};
  const Value values[] = {std::int64_t{id}, static_cast<std::int64_t>(input), outer};
  const std::string row =
      proxytunnel::row_text(form_of(table, options), proxytunnel::fact_columns().first(std::size(values)), values);
  return row.front() == '{' ? row.substr(1, row.size() - 2) : row;
}

std::string_view renumbered(const Line& line, const Options& options, std::size_t input, TunnelId base,
                            std::string& room) {
  if (line.id == no_tunnel || base == 0) return line.text;
  const std::size_t size = numbers_text(line.table, options, {line.id, input, line.parent}).size();
  const TunnelId parent = line.parent == no_tunnel ? no_tunnel : base + line.parent;
  room = line.text.substr(0, line.numbers_at);
  room += numbers_text(line.table, options, {base + line.id, input, parent});
  room += line.text.substr(line.numbers_at + size);
  return room;
}

void tell_attempt(const proxytunnel::ReportEntry& entry, const Options& options, LineSink& sink) {
  using proxytunnel::Passwords;
  const auto tell = [&](Table table, const std::string& text) {
    sink.add({table, entry.attempt.id, entry.attempt.parent, text.front() == '{' ? 1U : 0U, text});
  };
  const auto passwords = options.show_credentials ? Passwords::show : Passwords::redact;
  if (!options.report.empty()) tell(Table::report, proxytunnel::tunnel_json(entry, passwords));
  if (options.list == List::table) tell(Table::list, proxytunnel::list_row(entry));
  if (options.list == List::csv) tell(Table::list_csv, proxytunnel::csv_row(entry));
}

void tell_skipped(const proxytunnel::SkippedEvent& event, const Options& options, LineSink& sink) {
  if (options.report.empty()) return;
  const std::string text = proxytunnel::skipped_json(event);
  sink.add({Table::skipped, no_tunnel, no_tunnel, 0, text});
}

}  // namespace unproxy
