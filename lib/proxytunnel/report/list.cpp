// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#include "report/list.hpp"

#include <algorithm>
#include <vector>

#include "report/text.hpp"

namespace proxytunnel {
namespace {

constexpr std::size_t widest_target = 64;  // one hostile name must not make every line as long
constexpr std::string_view title_row = "id\tprotocol\tclient\tproxy\ttarget\torigin\tstatus\tsent\treceived";

// Visits the cells of a row with their columns.
template <class Visit>
void each_cell(std::string_view row, Visit visit) {
  for (std::size_t column = 0;; ++column) {
    const std::size_t end = row.find('\t');
    visit(column, row.substr(0, end));
    if (end == std::string_view::npos) return;
    row.remove_prefix(end + 1);
  }
}

// Of an association that is its flows' target, or how many they are.
std::string target_cell(const Attempt& attempt) {
  if (attempt.flows.size() <= 1) return shortened(target_text(attempt), widest_target);
  const bool are_more = attempt.has_noted("too-many-targets");
  return (are_more ? "over " : "") + std::to_string(attempt.flows.size()) + " targets";
}

// An association has as many as it has flows.
std::string origin_cell(const Attempt& attempt) {
  const Origin* origin = attempt.origin ? &*attempt.origin : nullptr;
  if (attempt.flows.size() == 1) origin = &attempt.flows.front().origin;
  if (origin == nullptr) return "-";
  return origin->endpoint.text() + " (" + std::string(name_of(origin->provenance)) + ")";
}

}  // namespace

std::string list_row(const ReportEntry& entry) {
  const auto& attempt = entry.attempt;
  std::string status(name_of(attempt.status));
  if (attempt.status != Status::established && attempt.reply_code >= 0) {
    status += " (" + std::to_string(attempt.reply_code) + ")";
  }
  const std::string indent(std::size_t{2} * attempt.layer, ' ');
  return std::to_string(attempt.id) + "\t" + indent + std::string(name_of(attempt.protocol)) + "\t" +
         attempt.client.text() + "\t" + attempt.proxy.text() + "\t" + target_cell(attempt) + "\t" +
         origin_cell(attempt) + "\t" + status + "\t" + std::to_string(attempt.payload[Direction::from_client].bytes()) +
         "\t" + std::to_string(attempt.payload[Direction::from_server].bytes());
}

ListTable::ListTable() {
  measure(title_row);
}

void ListTable::measure(std::string_view row) {
  each_cell(row, [this](std::size_t column, std::string_view cell) {
    sizes_[column] = std::max(sizes_[column], cell.size());
  });
}

std::string ListTable::title() const {
  return line(title_row);
}

std::string ListTable::line(std::string_view row) const {
  std::string text;
  each_cell(row, [&](std::size_t column, std::string_view cell) {
    const std::string padding(sizes_[column] - cell.size(), ' ');
    const bool is_number = column == 0 || column >= columns - 2;
    if (column != 0) text += "  ";
    if (is_number) text += padding;
    text += cell;
    if (!is_number) text += padding;
  });
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

void write_list(const Report& report, const Put& put) {
  ListTable table;
  std::vector<std::string> rows;
  rows.reserve(report.tunnels.size());
  for (const auto& entry : report.tunnels) table.measure(rows.emplace_back(list_row(entry)));
  put(table.title());
  for (const auto& row : rows) put(table.line(row));
}

}  // namespace proxytunnel
