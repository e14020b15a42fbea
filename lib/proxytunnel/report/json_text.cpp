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

}  // namespace proxytunnel
