// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as they are written in an expression, and how facts compare with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/endpoint.hpp"
#include "report/facts.hpp"

namespace proxytunnel {

enum class Comparison : std::uint8_t {
  equal,
  not_equal,
  less,
  at_most,
  greater,
  at_least,
  in,       ///< equal to one of several; an address: in one of several networks
  matches,  ///< a glob, without regard to the case of ASCII letters
  contains  ///< of words: one of them is this one
};

/// As it is written: "==", "in".
[[nodiscard]] std::string_view name_of(Comparison comparison) noexcept;
[[nodiscard]] std::optional<Comparison> comparison_of(std::string_view name) noexcept;
/// Whether facts of a type can be compared so.
[[nodiscard]] bool fits(FactType type, Comparison comparison) noexcept;
/// "a port", "words"
[[nodiscard]] std::string_view words_for(FactType type) noexcept;

/// An address is a network of one.
using Literal = std::variant<bool, std::int64_t, double, Moment, std::string, Prefix>;

/// What stands for a value: a word, or a text that had quotes, which are gone.
struct Written {
  std::string_view text;
  bool is_quoted;
};

/// As facts of a type are compared with it; nullopt: it is none of these.
[[nodiscard]] std::optional<Literal> literal_of(FactType type, Comparison comparison, Written written) noexcept;
/// What literal_of() expects: "a number from 0 to 65535".
[[nodiscard]] std::string_view expected_of(FactType type, Comparison comparison) noexcept;
/// As it would be written.
[[nodiscard]] std::string text_of(const Literal& literal);

/// The value is of what `literal` was made for, and is something.
[[nodiscard]] bool holds(const Value& value, Comparison comparison, const Literal& literal) noexcept;
/// Absent, null, or no words at all.
[[nodiscard]] bool is_nothing(const Value& value) noexcept;

/// `*` stands for any characters, `?` for one; the case of ASCII letters does not count.
[[nodiscard]] bool matches_glob(std::string_view text, std::string_view glob) noexcept;

/// "2026-11-22T08:41:44.155118Z", or "2026-11-22" for its first moment.
[[nodiscard]] std::optional<Time> parse_time(std::string_view text) noexcept;

}  // namespace proxytunnel
