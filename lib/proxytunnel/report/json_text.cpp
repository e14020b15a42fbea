// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as JSON, written at once.
#include "report/json_text.hpp"

namespace proxytunnel {

void add_json_text(std::string_view text, std::string& to) {
  to += '"';
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '"' && text[at] != '\\') continue;
    to.append(text.substr(begin, at - begin)) += '\\';
    begin = at;
  }
  to.append(text.substr(begin)) += '"';
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
