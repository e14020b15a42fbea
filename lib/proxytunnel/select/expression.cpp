// SPDX-License-Identifier: GPL-2.0-or-later
// summary: an expression over the facts of an attempt: asked, and as text.
#include "select/expression.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

Value value_of(const Fact& fact, const ReportEntry& entry) {
  const bool is_relayed = entry.attempt.command == Command::udp_associate;
  if (fact.known == Known::at_opening_unless_relayed && is_relayed) return Null{};
  return fact.read(entry);
}

bool is_true(const Test& test, const ReportEntry& entry) {
  const Value value = value_of(*test.fact, entry);
  if (test.values.empty()) return is_nothing(value) == (test.comparison == Comparison::equal);
  if (is_nothing(value)) return false;
  return std::any_of(test.values.begin(), test.values.end(),
                     [&](const Literal& literal) { return holds(value, test.comparison, literal); });
}

std::string text_of(const Test& test) {
  std::string values;
  for (const Literal& literal : test.values) values += (values.empty() ? "" : ", ") + text_of(literal);
  if (test.values.empty()) values = "null";
  if (test.comparison == Comparison::in) values = "{" + values + "}";
  return std::string(test.fact->name) + " " + std::string(name_of(test.comparison)) + " " + values;
}

template <class Operand>
Operand take(std::vector<Operand>& operands) {
  Operand last = std::move(operands.back());
  operands.pop_back();
  return last;
}

}  // namespace

bool Expression::matches(const ReportEntry& entry) const {
  std::vector<bool> truths;
  for (const Step& step : steps_) {
    if (const auto* test = std::get_if<Test>(&step)) {
      truths.push_back(is_true(*test, entry));
      continue;
    }
    const bool last = truths.back();
    const Join join = std::get<Join>(step);
    if (join == Join::negation) {
      truths.back() = !last;
      continue;
    }
    truths.pop_back();
    truths.back() = join == Join::conjunction ? truths.back() && last : truths.back() || last;
  }
  return truths.back();
}

const Fact* Expression::late_fact() const noexcept {
  for (const Step& step : steps_) {
    const auto* test = std::get_if<Test>(&step);
    if (test != nullptr && test->fact->known == Known::at_end) return test->fact;
  }
  return nullptr;
}

bool Expression::asks_for(std::string_view fact) const noexcept {
  return std::any_of(steps_.begin(), steps_.end(), [fact](const Step& step) {
    const auto* test = std::get_if<Test>(&step);
    return test != nullptr && test->fact->name == fact;
  });
}

std::string Expression::text() const {
  std::vector<std::string> texts;
  for (const Step& step : steps_) {
    if (const auto* test = std::get_if<Test>(&step)) {
      texts.push_back(text_of(*test));
      continue;
    }
    const std::string last = take(texts);
    const Join join = std::get<Join>(step);
    if (join == Join::negation) {
      texts.push_back("not " + last);
    } else {
      texts.push_back("(" + take(texts) + (join == Join::conjunction ? " and " : " or ") + last + ")");
    }
  }
  return texts.back();
}

}  // namespace proxytunnel
