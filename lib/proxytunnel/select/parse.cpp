// SPDX-License-Identifier: GPL-2.0-or-later
// summary: from the text of an expression to its steps, without recursion: operators wait until what they join is there
//          (Dijkstra's shunting yard).
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "select/expression.hpp"

namespace proxytunnel {
namespace {

struct Token {
  enum class Kind : std::uint8_t { word, quoted, symbol, end };
  Kind kind;
  std::string_view text;
  std::size_t place;

  [[nodiscard]] bool is(std::string_view what) const noexcept { return kind != Kind::quoted && text == what; }
};

// How many changes of a letter make one name of the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < b.size(); ++k) {
      const std::size_t changed = diagonal + (a[i] == b[k] ? 0 : 1);
      diagonal = std::exchange(row[k + 1], std::min({changed, row[k] + 1, row[k + 1] + 1}));
    }
  }
  return row.back();
}

// A part of a name is near to it: "port".
std::size_t farness(std::string_view name, std::string_view word) {
  const bool is_part = word.size() > 1 && name.find(word) != std::string_view::npos;
  return is_part ? 0 : distance(name, word);
}

std::string unknown_fact(std::string_view word) {
  constexpr std::size_t most_looked_at = 64, shown = 3;
  const std::string_view beginning = word.substr(0, most_looked_at);
  std::vector<std::pair<std::size_t, std::string_view>> names;
  for (const Fact& fact : facts()) names.emplace_back(farness(fact.name, beginning), fact.name);
  std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text = "there is no '" + std::string(beginning) + "'; the nearest are ";
  for (std::size_t i = 0; i < shown; ++i) {
    text += i == 0 ? "" : i + 1 == shown ? " and " : ", ";
    text += names[i].second;
  }
  return text;
}

std::string in_quotes(std::string_view what) {
  return "'" + std::string(what) + "'";
}

}  // namespace

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : text_(text), token_(read()) {}

  std::variant<Expression, Mistake> operator()() {
    if (text_.size() > Expression::longest) {
      fail(Expression::longest, "more than " + std::to_string(Expression::longest) + " bytes");
    }
    bool is_operand_next = true;
    while (!mistake_ && (is_operand_next || token_.kind != Token::Kind::end)) {
      is_operand_next = is_operand_next ? !operand() : joined();
    }
    while (!mistake_ && !waiting_.empty()) {
      if (waiting_.back().is_bracket) fail(waiting_.back().place, "this bracket is never closed");
      settle();
    }
    if (mistake_) return std::move(*mistake_);
    return std::move(expression_);
  }

 private:
  /// An operator whose operands are not complete, or a bracket that is open.
  struct Waiting {
    bool is_bracket;
    Join join;
    std::size_t place;
  };

  // The first one counts.
  void fail(std::size_t place, std::string message) {
    if (!mistake_) mistake_ = Mistake{place, std::move(message)};
  }

  Token symbol(std::size_t size) { return take(Token::Kind::symbol, size); }

  Token take(Token::Kind kind, std::size_t size) {
    const Token token{kind, text_.substr(at_, size), at_};
    at_ += token.text.size();
    return token;
  }

  Token quoted() {
    const std::size_t begin = at_, end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) {
      fail(begin, "this quote is never closed");
      return take(Token::Kind::end, std::string_view::npos);
    }
    at_ = end + 1;
    return {Token::Kind::quoted, text_.substr(begin + 1, end - begin - 1), begin};
  }

  Token read() {
    constexpr std::string_view spaces = " \t\r\n", ends = " \t\r\n(){},=!<>&|\"'";
    at_ = std::min(text_.find_first_not_of(spaces, at_), text_.size());
    if (at_ == text_.size()) return take(Token::Kind::end, 0);
    const char first = text_[at_];
    if (first == '"' || first == '\'') return quoted();
    if (std::string_view("(){},").find(first) != std::string_view::npos) return symbol(1);
    if (std::string_view("=!<>&|").find(first) != std::string_view::npos) {
      const bool is_longer = at_ + 1 < text_.size() && (text_[at_ + 1] == '=' || text_[at_ + 1] == first);
      return symbol(is_longer ? 2 : 1);
    }
    const std::size_t end = text_.find_first_of(ends, at_);
    return take(Token::Kind::word, end == std::string_view::npos ? end : end - at_);
  }

  void next() { token_ = read(); }

  [[nodiscard]] std::string found() const {
    return token_.kind == Token::Kind::end ? "the end" : in_quotes(token_.text);
  }

  // What waits is complete.
  void settle() {
    if (!waiting_.back().is_bracket) expression_.steps_.emplace_back(waiting_.back().join);
    waiting_.pop_back();
  }

  /// True if an operand is complete.
  bool operand() {
    const std::size_t place = token_.place;
    if (token_.is("(")) {
      waiting_.push_back({true, Join::negation, place});
      next();
      return false;
    }
    if (token_.is("not")) {
      waiting_.push_back({false, Join::negation, place});
      next();
      return false;
    }
    test();
    return true;
  }

  /// Behind an operand. True if another one comes next.
  bool joined() {
    if (token_.is(")")) {
      while (!waiting_.empty() && !waiting_.back().is_bracket) settle();
      if (waiting_.empty()) {
        fail(token_.place, "no bracket is open here");
      } else {
        settle();
      }
      next();
      return false;
    }
    const bool is_and = token_.is("and");
    if (!is_and && !token_.is("or")) {
      fail(token_.place, "'and' or 'or' is expected here, not " + found());
      return false;
    }
    // The names of Join are in the order of their strength.
    const Join join = is_and ? Join::conjunction : Join::disjunction;
    while (!waiting_.empty() && !waiting_.back().is_bracket && waiting_.back().join <= join) settle();
    waiting_.push_back({false, join, token_.place});
    next();
    return true;
  }

  void test() {
    constexpr std::array<std::string_view, 4> reserved = {"and", "or", "in", "null"};
    const bool is_name =
        token_.kind == Token::Kind::word && std::find(reserved.begin(), reserved.end(), token_.text) == reserved.end();
    if (!is_name) return fail(token_.place, "the name of a fact is expected here, not " + found());
    const auto all = facts();
    const auto fact = std::find_if(all.begin(), all.end(), [this](const Fact& it) { return it.name == token_.text; });
    if (fact == all.end()) return fail(token_.place, unknown_fact(token_.text));
    next();
    Test test{&*fact, Comparison::equal, {}};
    if (!comparison(test)) return;
    if (token_.is("null")) {
      const bool asks = test.comparison == Comparison::equal || test.comparison == Comparison::not_equal;
      if (!asks) return fail(token_.place, "only == and != ask for null");
      next();
    } else if (token_.is("{") && test.comparison == Comparison::in) {
      list(test);
    } else {
      value(test);
    }
    expression_.steps_.emplace_back(std::move(test));
  }

  bool comparison(Test& test) {
    const FactType type = test.fact->type;
    const auto given = token_.kind == Token::Kind::quoted ? std::nullopt : comparison_of(token_.text);
    // Of words, too, it can be asked whether there are any.
    const std::size_t place = token_.place;
    const Token operation = token_;
    if (given) {
      next();
      test.comparison = *given;
      const bool asks_for_null = token_.is("null") && (*given == Comparison::equal || *given == Comparison::not_equal);
      if (fits(type, *given) || asks_for_null) return true;
    }
    std::string those;
    for (unsigned i = 0; i <= static_cast<unsigned>(Comparison::contains); ++i) {
      const auto each = static_cast<Comparison>(i);
      if (fits(type, each)) those += (those.empty() ? "" : ", ") + std::string(name_of(each));
    }
    const std::string wrong = operation.kind == Token::Kind::end ? "the end" : in_quotes(operation.text);
    fail(place, std::string(test.fact->name) + " is " + std::string(words_for(type)) + ", and compared by " + those +
                    "; not by " + wrong);
    return false;
  }

  void value(Test& test) {
    const bool is_value = token_.kind == Token::Kind::word || token_.kind == Token::Kind::quoted;
    const FactType type = test.fact->type;
    auto literal =
        is_value ? literal_of(type, test.comparison, {token_.text, token_.kind == Token::Kind::quoted}) : std::nullopt;
    if (!literal) {
      return fail(token_.place, std::string(expected_of(type, test.comparison)) + " is expected here, not " + found());
    }
    test.values.push_back(std::move(*literal));
    next();
  }

  void list(Test& test) {
    const std::size_t place = token_.place;
    do {
      next();
      value(test);
    } while (!mistake_ && token_.is(","));
    if (mistake_) return;
    if (token_.kind == Token::Kind::end) return fail(place, "this list is never closed");
    if (!token_.is("}")) return fail(token_.place, "',' or '}' is expected here, not " + found());
    next();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<Mistake> mistake_;
  std::vector<Waiting> waiting_;
  Expression expression_;
  Token token_;  // last: reading the first one uses the others
};

std::variant<Expression, Mistake> Expression::parse(std::string_view text) {
  return ExpressionParser(text)();
}

}  // namespace proxytunnel
