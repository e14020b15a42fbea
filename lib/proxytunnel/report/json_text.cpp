// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as JSON, written at once.
#include "report/json_text.hpp"

namespace proxytunnel {

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + "\"";
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "[" : ",") + json_text(text);
  return list.empty() ? "[]" : list + "]";
}

}  // namespace proxytunnel
