// SPDX-License-Identifier: GPL-2.0-or-later
// summary: an expression over the facts of an attempt, such as `origin.port == 443 and not inside_tls == true`: read,
//          checked and asked. docs/contract.md, "Selecting", has the language.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "select/literal.hpp"

namespace proxytunnel {

/// A fact, and what it is compared with.
struct Test {
  const Fact* fact;
  Comparison comparison;
  std::vector<Literal> values;  ///< one; of `in` one or more; none: null
};

/// What makes a truth of the latest one, or of the latest two.
enum class Join : std::uint8_t { negation, conjunction, disjunction };

/// What is wrong, and at which byte of the text.
struct Mistake {
  std::size_t place;
  std::string message;
};

class Expression {
 public:
  /// Bytes of the longest text, and with it what an expression may cost.
  static constexpr std::size_t longest = std::size_t{64} << 10;

  /// The text may be anything. Texts of the capture that a message repeats are not yet printable().
  [[nodiscard]] static std::variant<Expression, Mistake> parse(std::string_view text);

  /// Whether it is true of an attempt. A comparison with what is null is false, unless it asks for null. The target of
  /// a UDP association is null: what is known at its opening has to be true in the end.
  [[nodiscard]] bool matches(const ReportEntry& entry) const;

  /// The first fact it asks for that is known of a tunnel at its end only; null: there is none.
  [[nodiscard]] const Fact* late_fact() const noexcept;
  /// Whether it asks for this fact.
  [[nodiscard]] bool asks_for(std::string_view fact) const noexcept;

  /// The same expression with all brackets: parse(text()) has the same text.
  [[nodiscard]] std::string text() const;

 private:
  friend class ExpressionParser;
  Expression() = default;
  using Step = std::variant<Test, Join>;

  /// Operands stand before what joins them: nothing that runs through them needs to go deeper.
  std::vector<Step> steps_;
};

}  // namespace proxytunnel
