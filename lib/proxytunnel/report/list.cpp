// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#include "report/list.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "report/text.hpp"

namespace proxytunnel {
namespace {

// Nothing that one hostile client says makes every line as long.
constexpr std::size_t widest_text = 64;
// What is left of a cell tells it from others.
constexpr std::size_t least_text = 12, least_target = 26;
constexpr std::size_t between_columns = 2;

std::string text_or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

std::string protocol_cell(const Attempt& attempt) {
  return std::string(std::size_t{2} * attempt.layer, ' ') + std::string(name_of(attempt.protocol));
}

// Of an association that is its flows' target, or how many they are.
std::string target_cell(const Attempt& attempt) {
  if (attempt.flows.size() <= 1) return text_or_dash(shortened_target(target_text(attempt), widest_text));
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

std::string status_cell(const Attempt& attempt) {
  std::string status(name_of(attempt.status));
  if (attempt.status != Status::established && attempt.reply_code >= 0) {
    status += " (" + std::to_string(attempt.reply_code) + ")";
  }
  return status;
}

// "2023-11-14 22:13:20"
std::string time_cell(const Attempt& attempt) {
  if (attempt.request.frame == 0) return "-";
  std::string text = rfc3339(attempt.request.time);
  text.erase(text.find('.'));
  text[text.find('T')] = ' ';
  return text;
}

std::string anomalies_cell(const Attempt& attempt) {
  std::string text;
  for (const std::string& anomaly : attempt.anomalies) text += (text.empty() ? "" : ",") + anomaly;
  return text_or_dash(std::move(text));
}

/// How a cell may be shortened. Neither an address nor a port ever is.
enum class Shorten { never, end, target, remark };

struct Column {
  std::string_view title;
  std::string (*cell)(const Attempt&);
  bool is_number;
  /// Where there is no room: the column with the lowest rank is the first to be shortened, and to be left out.
  unsigned rank;
  Shorten shorten = Shorten::never;
};

constexpr unsigned stays = 100;  // is never left out, and shortened last

constexpr std::array columns = {
    Column{"id", [](const Attempt& it) { return std::to_string(it.id); }, true, stays},
    Column{"time (UTC)", time_cell, false, 5},
    Column{"protocol", protocol_cell, false, 10},
    Column{"command", [](const Attempt& it) { return text_or_dash(std::string(name_of(it.command))); }, false, 2},
    Column{"tls", [](const Attempt& it) { return std::string(it.inside_tls ? "yes" : "-"); }, false, 1},
    Column{"client", [](const Attempt& it) { return client_text(it); }, false, stays},
    Column{"proxy", [](const Attempt& it) { return it.proxy.text(); }, false, 9},
    Column{"user",
           [](const Attempt& it) {
             return text_or_dash(shortened(printable(it.credentials.username.value_or("")), widest_text));
           },
           false, 4, Shorten::end},
    Column{"target", target_cell, false, stays, Shorten::target},
    Column{"origin", origin_cell, false, 8, Shorten::remark},
    Column{"status", status_cell, false, stays},
    Column{"sent", [](const Attempt& it) { return std::to_string(it.payload[Direction::from_client].bytes()); }, true,
           7},
    Column{"received", [](const Attempt& it) { return std::to_string(it.payload[Direction::from_server].bytes()); },
           true, 6},
    Column{"anomalies", anomalies_cell, false, 3, Shorten::end},
};

// Indices of columns, those that give way first.
std::array<std::size_t, columns.size()> by_rank() {
  std::array<std::size_t, columns.size()> indices{};
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  std::stable_sort(indices.begin(), indices.end(),
                   [](std::size_t a, std::size_t b) { return columns[a].rank < columns[b].rank; });
  return indices;
}

std::size_t least_size(Shorten how, std::string_view cell) {
  switch (how) {
    case Shorten::never:
      break;
    case Shorten::end:
      return std::min(cell.size(), least_text);
    case Shorten::target:
      return shortened_target(std::string(cell), least_target).size();
    case Shorten::remark:
      return std::min(cell.size(), cell.substr(0, cell.find(' ')).size() + std::string_view(" ...").size());
  }
  return cell.size();
}

std::string fitted(Shorten how, std::string_view cell, std::size_t width) {
  if (cell.size() <= width) return std::string(cell);
  const std::string text(cell);
  return how == Shorten::target ? shortened_target(text, width)
                                : shortened(text, width - std::string_view("...").size());
}

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

}  // namespace

std::string list_row(const ReportEntry& entry) {
  std::string row;
  for (const Column& column : columns) {
    if (!row.empty()) row += '\t';
    row += column.cell(entry.attempt);
  }
  return row;
}

ListSizes::ListSizes() {
  for (const Column& column : columns) sizes_.push_back({column.title.size(), column.title.size()});
}

void ListSizes::measure(std::string_view row) {
  each_cell(row, [this](std::size_t column, std::string_view cell) {
    ListSize& size = sizes_[column];
    size.most = std::max(size.most, cell.size());
    size.least = std::max(size.least, least_size(columns[column].shorten, cell));
  });
}

ListTable::ListTable(const ListSizes& sizes, std::size_t width) {
  const auto& wanted = sizes.of_columns();
  std::size_t needed = 0, used = 0;
  for (const ListSize& size : wanted) {
    widths_.push_back(size.most);
    needed += size.least + between_columns;
    used += size.most + between_columns;
  }
  if (width == 0) return;
  const std::size_t room = std::min(width, used) + between_columns;  // behind the last column there is none
  const auto columns_by_rank = by_rank();
  for (const std::size_t i : columns_by_rank) {
    if (needed <= room || columns[i].rank == stays) break;
    needed -= wanted[i].least + between_columns;
    used -= wanted[i].most + between_columns;
    widths_[i] = 0;
  }
  for (const std::size_t i : columns_by_rank) {
    if (used <= room) break;
    if (widths_[i] == 0) continue;
    const std::size_t cut = std::min(used - room, wanted[i].most - wanted[i].least);
    widths_[i] -= cut;
    used -= cut;
  }
}

std::string ListTable::title() const {
  std::string row;
  for (const Column& column : columns) row += (row.empty() ? "" : "\t") + std::string(column.title);
  return line(row);
}

std::string ListTable::line(std::string_view row) const {
  std::string text;
  each_cell(row, [&](std::size_t column, std::string_view cell) {
    if (widths_[column] == 0) return;
    const std::string shown = fitted(columns[column].shorten, cell, widths_[column]);
    const std::string padding(widths_[column] - shown.size(), ' ');
    if (!text.empty()) text.append(between_columns, ' ');
    text += columns[column].is_number ? padding + shown : shown + padding;
  });
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string list_text(const Report& report, std::size_t width) {
  ListSizes sizes;
  std::vector<std::string> rows;
  rows.reserve(report.tunnels.size());
  for (const auto& entry : report.tunnels) sizes.measure(rows.emplace_back(list_row(entry)));
  const ListTable table(sizes, width);
  std::string text = table.title();
  for (const auto& row : rows) text += table.line(row);
  return text;
}

}  // namespace proxytunnel
