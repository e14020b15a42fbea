// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the texts of an HTTP/1.x head are made of: words without regard to case, blanks, lines.
// spec: RFC 9110 section 5.6, RFC 9112 section 2.2
#pragma once

#include <algorithm>
#include <string_view>

namespace proxytunnel {

constexpr std::string_view http_blanks = " \t";

inline char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
inline bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

/// Letters A to Z without regard to case.
[[nodiscard]] inline bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Without the blanks around it.
[[nodiscard]] inline std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes a line off `text`, up to LF or CRLF, which is not in the result. All of it where no line ends.
inline std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const bool has_return = end > 0 && end < text.size() && text[end - 1] == '\r';
  const std::string_view line = text.substr(0, has_return ? end - 1 : end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace proxytunnel
