// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the table of --list: one line for each attempt.
#include <algorithm>
#include <array>

#include "report/report.hpp"
#include "report/text.hpp"

namespace proxytunnel {
namespace {

constexpr std::size_t columns = 9;
constexpr std::size_t widest_target = 64;  // one hostile name must not make every line as long
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
          shortened(target_text(attempt), widest_target),
          origin,
          status,
          std::to_string(attempt.payload[Direction::from_client].bytes()),
          std::to_string(attempt.payload[Direction::from_server].bytes())};
}

std::string line_of(const Row& row, const std::array<std::size_t, columns>& sizes) {
  std::string line;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::string padding(sizes[i] - row[i].size(), ' ');
    const bool is_number = i == 0 || i >= columns - 2;
    line += (i == 0 ? "" : "  ") + (is_number ? padding + row[i] : row[i] + padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

void write_list(const Report& report, const Put& put) {
  const Row title = {"id", "protocol", "client", "proxy", "target", "origin", "status", "sent", "received"};
  std::array<std::size_t, columns> sizes{};
  const auto measure = [&sizes](const Row& row) {
    for (std::size_t i = 0; i < columns; ++i) sizes[i] = std::max(sizes[i], row[i].size());
  };
  measure(title);
  for (const auto& entry : report.tunnels) measure(row_of(entry));
  put(line_of(title, sizes));
  for (const auto& entry : report.tunnels) put(line_of(row_of(entry), sizes));
}

}  // namespace proxytunnel
