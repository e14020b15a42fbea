// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as text for people and for JSON.
#include "report/text.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace proxytunnel {
namespace {

constexpr Time second = 1'000'000'000;

// The length of the well-formed UTF-8 sequence (RFC 3629 section 4) at the head of the text; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xc2 ? 0
                           : first < 0xe0 ? 2
                           : first < 0xf0 ? 3
                           : first < 0xf5 ? 4
                                          : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0U) != 0x80U) return 0;
  }
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool outside = (first == 0xed && at(1) >= 0xa0) || (first == 0xf4 && at(1) >= 0x90);
  return overlong || outside ? 0 : size;
}

bool goes_on(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

bool is_control(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
}

// C1 controls (terminals obey them), line separators, marks that turn the direction of text.
bool is_unseen(std::string_view character) {
  if (character.size() == 2) return character >= "\xc2\x80" && character <= "\xc2\x9f";
  if (character.size() != 3) return false;
  // NOLINTNEXTLINE(misc-misleading-bidirectional): these are what is looked for
  return (character >= "\xe2\x80\x8b" && character <= "\xe2\x80\x8f") ||
         // NOLINTNEXTLINE(misc-misleading-bidirectional)
         (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") ||
         (character >= "\xe2\x81\xa0" && character <= "\xe2\x81\xaf") || character == "\xef\xbb\xbf";
}

}  // namespace

std::string rfc3339(Time time) {
  Time seconds = time / second, nanoseconds = time % second;
  if (nanoseconds < 0) {
    --seconds;
    nanoseconds += second;
  }
  const auto unix_time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&unix_time, &parts);
  std::string text = "0000-00-00T00:00:00.000000000Z";
  const auto put = [&text](std::size_t last, std::int64_t number) {  // nothing that Time can tell has more digits
    for (; number != 0; number /= 10) text[last--] = static_cast<char>('0' + number % 10);
  };
  put(3, parts.tm_year + 1900);
  put(6, parts.tm_mon + 1);
  put(9, parts.tm_mday);
  put(12, parts.tm_hour);
  put(15, parts.tm_min);
  put(18, parts.tm_sec);
  put(28, nanoseconds);
  return text;
}

std::string printable(std::string_view text) {
  const auto is_plain = [](char letter) { return letter >= ' ' && letter <= '~'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string clean;
  bool escaped = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = utf8_length(text.substr(i));
    if (size == 0 || is_control(text[i]) || is_unseen(text.substr(i, size))) {
      const auto byte = static_cast<unsigned char>(text[i]);
      clean += "\\x";
      clean += digits[byte >> 4];
      clean += digits[byte & 15];
      escaped = true;
      ++i;
      continue;
    }
    clean += text[i] == '\\' ? "\\\\" : text.substr(i, size);
    i += size;
  }
  return escaped ? clean : std::string(text);
}

std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && goes_on(text[most])) --most;  // not inside a character
  return text.substr(0, most) + "...";
}

std::string shortened_target(const std::string& target, std::size_t most) {
  if (target.size() <= most) return target;
  std::size_t name = target.rfind(':');
  if (name == std::string::npos || !parse_port(std::string_view(target).substr(name + 1))) name = target.size();
  const bool has_brackets = name >= 2 && target.front() == '[' && target[name - 1] == ']';
  const std::string_view inside = std::string_view(target).substr(has_brackets ? 1 : 0, name - (has_brackets ? 2 : 0));
  if (Address::parse(inside)) return target;
  const std::size_t around = target.size() - name + 3;  // the port and the dots
  const std::size_t room = most > around ? most - around : 0;
  std::size_t tail = name - room / 2;
  while (tail < name && goes_on(target[tail])) ++tail;
  return shortened(target.substr(0, name), room - room / 2) + target.substr(tail);
}

std::string client_text(const Attempt& attempt) {
  return attempt.knows_client_port() ? attempt.client.text() : attempt.client.address.text();
}

std::string target_text(const Attempt& attempt) {
  return printable(attempt.target ? attempt.target->text() : attempt.target_text);
}

}  // namespace proxytunnel
