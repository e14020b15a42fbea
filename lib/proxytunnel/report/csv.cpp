// SPDX-License-Identifier: GPL-2.0-or-later
// summary: attempts as CSV: one line for each, with what the report has of it that is one value.
#include "report/csv.hpp"

#include "report/facts.hpp"

namespace proxytunnel {
namespace {

// What comes from the capture might begin like what a spreadsheet computes. Numbers are ours, and may be negative.
std::string csv_cell(const Value& value) {
  std::string text = text_of(value);
  const bool is_text = std::holds_alternative<std::string>(value) || std::holds_alternative<Words>(value);
  if (is_text && !text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos) {
    text.insert(0, 1, '\'');
  }
  if (text.find_first_of(",\"") == std::string::npos) return text;  // ends of lines are escaped
  std::string quoted = "\"";
  for (const char letter : text) quoted.append(letter == '"' ? 2 : 1, letter);
  return quoted + "\"";
}

}  // namespace

std::string csv_title() {
  std::string line;
  for (const Fact& fact : facts()) line += (line.empty() ? "" : ",") + std::string(fact.name);
  return line + "\n";
}

std::string csv_row(const ReportEntry& entry) {
  std::string line;
  for (const Fact& fact : facts()) line += (line.empty() ? "" : ",") + csv_cell(fact.read(entry));
  return line;
}

std::string csv_text(const Report& report) {
  std::string text = csv_title();
  for (const auto& entry : report.tunnels) text += csv_row(entry) + "\n";
  return text;
}

}  // namespace proxytunnel
