// SPDX-License-Identifier: GPL-2.0-or-later
// summary: rows of values as text: CSV, NDJSON, and Zeek's two forms of logs.
#include "report/rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "report/json_text.hpp"
#include "report/text.hpp"

namespace proxytunnel {
namespace {

bool is_nothing(const Value& value) {
  return std::holds_alternative<Absent>(value) || std::holds_alternative<Null>(value);
}

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

// "1700000000.000000": as many places as Zeek has.
std::string seconds(Time time) {
  constexpr int places = 6;
  std::array<char, 32> digits{};
  const double value = static_cast<double>(time) / 1e9;
  const auto end = std::to_chars(digits.begin(), digits.end(), value, std::chars_format::fixed, places).ptr;
  return {digits.begin(), end};
}

std::string json_cell(const Value& value, bool is_zeeks) {
  if (is_nothing(value)) return "null";
  if (const auto* text = std::get_if<std::string>(&value)) return json_text(*text);
  if (const auto* moment = std::get_if<Moment>(&value)) {
    return is_zeeks ? seconds(moment->time) : json_text(rfc3339(moment->time));
  }
  if (const auto* span = std::get_if<Interval>(&value)) return seconds(span->time);
  if (const auto* words = std::get_if<Words>(&value)) return json_list(*words);
  return text_of(value);
}

std::string json_row(std::span<const Column> columns, std::span<const Value> values, bool is_zeeks) {
  std::string row;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (is_zeeks && is_nothing(values[i])) continue;  // as Zeek does
    row += (row.empty() ? "{" : ",") + json_text(columns[i].name) + ":" + json_cell(values[i], is_zeeks);
  }
  return (row.empty() ? "{" : row) + "}";
}

// What would be read as something else, or as the end of a word.
std::string zeek_word(std::string_view text, bool is_element) {
  if (text.empty()) return "(empty)";
  if (text == "-") return "\\x2d";
  std::string word = text == "(empty)" ? "\\x28empty)" : std::string(text);
  if (!is_element) return word;
  for (std::size_t at = word.find(','); at != std::string::npos; at = word.find(',', at)) word.replace(at, 1, "\\x2c");
  return word;
}

std::string zeek_cell(const Value& value) {
  if (is_nothing(value)) return "-";
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "T" : "F";
  if (const auto* text = std::get_if<std::string>(&value)) return zeek_word(*text, false);
  if (const auto* moment = std::get_if<Moment>(&value)) return seconds(moment->time);
  if (const auto* span = std::get_if<Interval>(&value)) return seconds(span->time);
  if (const auto* words = std::get_if<Words>(&value)) {
    std::string list;
    for (const std::string& word : *words) list += (list.empty() ? "" : ",") + zeek_word(word, true);
    return list.empty() ? "(empty)" : list;
  }
  return text_of(value);
}

// Cells with separators between them.
template <class Cell>
std::string line_of(std::size_t count, char separator, Cell cell) {
  std::string line;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) line += separator;
    line += cell(i);
  }
  return line;
}

// "2023-11-14-22-13-20"
std::string zeek_time(Time time) {
  std::string text = rfc3339(time);
  text.erase(std::min(text.find('.'), text.size()));
  std::replace_if(
      text.begin(), text.end(), [](char letter) { return letter == ':' || letter == 'T'; }, '-');
  return text;
}

}  // namespace

std::string rows_head(RowForm form, std::span<const Column> columns, std::string_view path, Time open) {
  const auto names = [columns](char separator) {
    return line_of(columns.size(), separator, [columns](std::size_t i) { return std::string(columns[i].name); }) + "\n";
  };
  if (form == RowForm::csv) return names(',');
  if (form != RowForm::zeek) return "";
  const std::string types =
      line_of(columns.size(), '\t', [columns](std::size_t i) { return std::string(zeek_type_of(columns[i].type)); });
  return "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t" + std::string(path) +
         "\n#open\t" + zeek_time(open) + "\n#fields\t" + names('\t') + "#types\t" + types + "\n";
}

std::string row_text(RowForm form, std::span<const Column> columns, std::span<const Value> values) {
  switch (form) {
    case RowForm::csv:
      return line_of(values.size(), ',', [&](std::size_t i) { return csv_cell(values[i]); });
    case RowForm::zeek:
      return line_of(values.size(), '\t', [&](std::size_t i) { return zeek_cell(values[i]); });
    case RowForm::ndjson:
    case RowForm::zeek_json:
      return json_row(columns, values, form == RowForm::zeek_json);
  }
  return "";
}

std::string rows_tail(RowForm form, Time close) {
  return form == RowForm::zeek ? "#close\t" + zeek_time(close) + "\n" : "";
}

std::string_view zeek_type_of(FactType type) noexcept {
  switch (type) {
    case FactType::boolean:
      return "bool";
    case FactType::count:
      return "count";
    case FactType::number:
      return "double";
    case FactType::moment:
      return "time";
    case FactType::interval:
      return "interval";
    case FactType::text:
      return "string";
    case FactType::enumeration:
      return "enum";
    case FactType::address:
      return "addr";
    case FactType::port:
      return "port";
    case FactType::words:
      return "vector[string]";
    case FactType::set:
      return "set[string]";
  }
  return "";
}

std::span<const Column> fact_columns() {
  static const std::vector<Column> columns = [] {
    std::vector<Column> all;
    for (const Fact& fact : facts()) all.push_back({fact.name, fact.type});
    return all;
  }();
  return columns;
}

std::vector<Value> facts_of(const ReportEntry& entry) {
  std::vector<Value> values;
  values.reserve(facts().size());
  for (const Fact& fact : facts()) values.push_back(fact.read(entry));
  return values;
}

}  // namespace proxytunnel
