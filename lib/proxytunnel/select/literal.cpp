// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as they are written in an expression, and how facts compare with them.
#include "select/literal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "report/text.hpp"

namespace proxytunnel {
namespace {

constexpr std::array<std::string_view, 9> comparisons = {"==", "!=", "<", "<=", ">", ">=", "in", "matches", "contains"};

template <class Number>
std::optional<Number> whole_text(std::string_view text) noexcept {
  Number number{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

// As many digits as there are, and nothing else.
std::optional<int> digits(std::string_view text) noexcept {
  const bool is_number = std::all_of(text.begin(), text.end(), [](char each) { return each >= '0' && each <= '9'; });
  return is_number ? whole_text<int>(text) : std::nullopt;
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": days since 1970-01-01.
std::int64_t days_from(int year, int month, int day) noexcept {
  const std::int64_t shifted = month <= 2 ? year - 1 : year;
  const std::int64_t era = shifted / 400, year_of_era = shifted % 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

std::optional<std::int64_t> parse_date(std::string_view text) noexcept {
  constexpr int first_year = 1678, last_year = 2261;  // whose nanoseconds fit into a Time
  constexpr std::array<int, 12> lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text.substr(0, 4)), month = digits(text.substr(5, 2)), day = digits(text.substr(8, 2));
  if (!year || !month || !day || *year < first_year || *year > last_year) return std::nullopt;
  if (*month < 1 || *month > 12 || *day < 1) return std::nullopt;
  const bool is_leap_year = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);
  const int last_day = *month == 2 && is_leap_year ? 29 : lengths[static_cast<std::size_t>(*month - 1)];
  if (*day > last_day) return std::nullopt;
  return days_from(*year, *month, *day);
}

// "08:41:44.155118Z" in nanoseconds
std::optional<Time> parse_time_of_day(std::string_view text) noexcept {
  if (text.size() < 9 || text[2] != ':' || text[5] != ':' || text.back() != 'Z') return std::nullopt;
  const auto hour = digits(text.substr(0, 2)), minute = digits(text.substr(3, 2)), second = digits(text.substr(6, 2));
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  Time fraction = 0;
  if (std::string_view rest = text.substr(8, text.size() - 9); !rest.empty()) {
    rest.remove_prefix(1);
    const auto value = digits(rest);
    if (text[8] != '.' || rest.size() > 9 || !value) return std::nullopt;
    fraction = *value;
    for (std::size_t i = rest.size(); i < 9; ++i) fraction *= 10;
  }
  return Time{(*hour * 60 + *minute) * 60 + *second} * 1'000'000'000 + fraction;
}

bool is_number(FactType type) noexcept {
  return type == FactType::count || type == FactType::number || type == FactType::port || type == FactType::moment ||
         type == FactType::interval;
}

template <class Number>
bool compare(Number value, Comparison comparison, Number with) noexcept {
  switch (comparison) {
    case Comparison::equal:
    case Comparison::in:
      return value == with;
    case Comparison::not_equal:
      return value != with;
    case Comparison::less:
      return value < with;
    case Comparison::at_most:
      return value <= with;
    case Comparison::greater:
      return value > with;
    case Comparison::at_least:
      return value >= with;
    case Comparison::matches:
    case Comparison::contains:
      break;
  }
  return false;
}

struct Holds {
  Comparison comparison;
  const Literal& literal;

  bool operator()(bool value) const noexcept { return with(value); }
  bool operator()(std::int64_t value) const noexcept { return with(value); }
  bool operator()(double value) const noexcept { return with(value); }
  bool operator()(Moment value) const noexcept {
    const auto* moment = std::get_if<Moment>(&literal);
    return moment != nullptr && compare(value.time, comparison, moment->time);
  }
  bool operator()(const std::string& value) const noexcept {
    if (const auto* network = std::get_if<Prefix>(&literal)) {
      const auto address = Address::parse(value);
      return address && network->contains(*address) == (comparison != Comparison::not_equal);
    }
    const auto* text = std::get_if<std::string>(&literal);
    if (text == nullptr) return false;
    if (comparison == Comparison::matches) return matches_glob(value, *text);
    return (value == *text) == (comparison != Comparison::not_equal);
  }
  bool operator()(const Words& words) const noexcept {
    const auto* word = std::get_if<std::string>(&literal);
    return word != nullptr && std::find(words.begin(), words.end(), *word) != words.end();
  }
  template <class Other>
  bool operator()(const Other&) const noexcept {
    return false;
  }

 private:
  template <class Plain>
  [[nodiscard]] bool with(Plain value) const noexcept {
    const auto* plain = std::get_if<Plain>(&literal);
    return plain != nullptr && compare(value, comparison, *plain);
  }
};

struct AsWritten {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    std::array<char, 64> text{};
    return {text.begin(), std::to_chars(text.begin(), text.end(), value).ptr};
  }
  std::string operator()(Moment value) const { return rfc3339(value.time); }
  std::string operator()(const std::string& value) const {
    const char quote = value.find('"') == std::string::npos ? '"' : '\'';
    return quote + value + quote;
  }
  std::string operator()(const Prefix& value) const {
    return value.length == value.address.bytes().size() * 8 ? value.address.text() : value.text();
  }
};

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::size_t character_at(std::string_view text, std::size_t at) noexcept {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) ++end;
  return end - at;
}

}  // namespace

std::string_view name_of(Comparison comparison) noexcept {
  return comparisons[static_cast<std::size_t>(comparison)];
}

std::optional<Comparison> comparison_of(std::string_view name) noexcept {
  const auto found = std::find(comparisons.begin(), comparisons.end(), name);
  if (found == comparisons.end()) return std::nullopt;
  return static_cast<Comparison>(found - comparisons.begin());
}

bool fits(FactType type, Comparison comparison) noexcept {
  const bool is_of_words = type == FactType::words || type == FactType::set;
  const bool is_text = type == FactType::text || type == FactType::enumeration;
  switch (comparison) {
    case Comparison::equal:
    case Comparison::not_equal:
      return !is_of_words;
    case Comparison::less:
    case Comparison::at_most:
    case Comparison::greater:
    case Comparison::at_least:
      return is_number(type);
    case Comparison::in:
      return is_number(type) || is_text || type == FactType::address;
    case Comparison::matches:
      return is_text;
    case Comparison::contains:
      return is_of_words;
  }
  return false;
}

std::string_view words_for(FactType type) noexcept {
  switch (type) {
    case FactType::boolean:
      return "true or false";
    case FactType::count:
    case FactType::number:
      return "a number";
    case FactType::moment:
      return "a time";
    case FactType::interval:
      return "seconds";
    case FactType::text:
    case FactType::enumeration:
      return "a text";
    case FactType::address:
      return "an address";
    case FactType::port:
      return "a port";
    case FactType::words:
    case FactType::set:
      return "words";
  }
  return "";
}

std::optional<Literal> literal_of(FactType type, Comparison comparison, Written written) noexcept {
  const auto [text, is_quoted] = written;
  const bool is_text =
      type == FactType::text || type == FactType::enumeration || type == FactType::words || type == FactType::set;
  if (is_text != is_quoted) return std::nullopt;
  switch (type) {
    case FactType::boolean:
      if (text == "true" || text == "false") return text == "true";
      return std::nullopt;
    case FactType::count:
      return whole_text<std::int64_t>(text);
    case FactType::port:
      if (const auto port = parse_port(text)) return std::int64_t{*port};
      return std::nullopt;
    case FactType::number:
    case FactType::interval:
      if (const auto number = whole_text<double>(text); number && std::isfinite(*number)) return *number;
      return std::nullopt;
    case FactType::moment:
      if (const auto time = parse_time(text)) return Moment{*time};
      return std::nullopt;
    case FactType::address:
      if (const auto address = Address::parse(text)) {
        return Prefix{*address, static_cast<unsigned>(address->bytes().size() * 8)};
      }
      return comparison == Comparison::in ? Prefix::parse(text) : std::nullopt;
    case FactType::text:
    case FactType::enumeration:
    case FactType::words:
    case FactType::set:
      return std::string(text);
  }
  return std::nullopt;
}

std::string_view expected_of(FactType type, Comparison comparison) noexcept {
  switch (type) {
    case FactType::boolean:
      return "true or false";
    case FactType::count:
      return "a whole number";
    case FactType::number:
    case FactType::interval:
      return "a number";
    case FactType::port:
      return "a number from 0 to 65535";
    case FactType::moment:
      return "a time, such as 2026-11-22T08:41:44Z or 2026-11-22,";
    case FactType::address:
      return comparison == Comparison::in ? "an address or a network, such as 10.0.0.0/8," : "an address";
    case FactType::text:
    case FactType::enumeration:
    case FactType::words:
    case FactType::set:
      return "a text in quotes";
  }
  return "";
}

std::string text_of(const Literal& literal) {
  return std::visit(AsWritten(), literal);
}

bool holds(const Value& value, Comparison comparison, const Literal& literal) noexcept {
  return std::visit(Holds{comparison, literal}, value);
}

bool is_nothing(const Value& value) noexcept {
  const auto* words = std::get_if<Words>(&value);
  return std::holds_alternative<Absent>(value) || std::holds_alternative<Null>(value) ||
         (words != nullptr && words->empty());
}

// The latest star takes one character more whenever what follows it does not fit.
bool matches_glob(std::string_view text, std::string_view glob) noexcept {
  std::size_t at = 0, in_glob = 0, behind_star = std::string_view::npos, retry = 0;
  while (at < text.size()) {
    if (in_glob < glob.size() && glob[in_glob] == '*') {
      behind_star = ++in_glob;
      retry = at;
    } else if (in_glob < glob.size() && glob[in_glob] == '?') {
      at += character_at(text, at);
      ++in_glob;
    } else if (in_glob < glob.size() && lower(glob[in_glob]) == lower(text[at])) {
      ++at;
      ++in_glob;
    } else if (behind_star != std::string_view::npos) {
      retry += character_at(text, retry);
      at = retry;
      in_glob = behind_star;
    } else {
      return false;
    }
  }
  while (in_glob < glob.size() && glob[in_glob] == '*') ++in_glob;
  return in_glob == glob.size();
}

std::optional<Time> parse_time(std::string_view text) noexcept {
  const auto days = parse_date(text.substr(0, 10));
  if (!days) return std::nullopt;
  const Time midnight = *days * 86'400'000'000'000;
  if (text.size() == 10) return midnight;
  const auto time_of_day = text[10] == 'T' ? parse_time_of_day(text.substr(11)) : std::nullopt;
  if (!time_of_day) return std::nullopt;
  return midnight + *time_of_day;
}

}  // namespace proxytunnel
