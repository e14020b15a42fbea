// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#include <algorithm>
#include <array>

#include "report/report.hpp"
#include "report/text.hpp"

namespace proxytunnel {
namespace {

constexpr std::size_t columns = 9;
using Row = std::array<std::string, columns>;

Row row_of(const ReportEntry& entry) {
  const auto& attempt = entry.attempt;
  std::string origin = "-";
  if (attempt.origin) {
    origin = attempt.origin->endpoint.text() + " (" + std::string(name_of(attempt.origin->provenance)) + ")";
  }
  std::string status(name_of(attempt.status));
  if (attempt.status != Status::established && attempt.reply_code >= 0) {
    status += " (" + std::to_string(attempt.reply_code) + ")";
  }
  return {std::to_string(attempt.id),
          std::string(std::size_t{2} * attempt.layer, ' ') + std::string(name_of(attempt.protocol)),
          attempt.client.text(),
          attempt.proxy.text(),
          target_text(attempt),
          origin,
          status,
          std::to_string(attempt.payload[Direction::from_client].bytes()),
          std::to_string(attempt.payload[Direction::from_server].bytes())};
}

}  // namespace

std::string list_of(const Report& report) {
  std::vector<Row> rows = {{"id", "protocol", "client", "proxy", "target", "origin", "status", "sent", "received"}};
  for (const auto& entry : report.tunnels) rows.push_back(row_of(entry));
  std::array<std::size_t, columns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      const bool is_number = i == 0 || i >= columns - 2;
      line += (i == 0 ? "" : "  ") + (is_number ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace proxytunnel
