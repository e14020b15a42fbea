// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as JSON, written at once.
#include "report/json_text.hpp"

#include <algorithm>

namespace proxytunnel {

void add_json_text(std::string_view text, std::string& to) {
  const auto is_special = [](char letter) { return letter == '"' || letter == '\\'; };
  to += '"';
  for (auto at = text.begin();;) {
    const auto special = std::find_if(at, text.end(), is_special);
    to.append(at, special);
    if (special == text.end()) break;
    to += '\\';
    to += *special;
    at = special + 1;
  }
  to += '"';
}

std::string json_text(std::string_view text) {
  std::string quoted;
  add_json_text(text, quoted);
  return quoted;
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "[" : ",") + json_text(text);
  return list.empty() ? "[]" : list + "]";
}

}  // namespace proxytunnel
