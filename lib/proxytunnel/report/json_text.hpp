// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as JSON, written at once: of a million attempts no tree is built.
// spec: RFC 8259 sections 6 and 7
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace proxytunnel {

/// A string. Texts are as printable() makes them, so that little is left to escape.
[[nodiscard]] std::string json_text(std::string_view text);
/// The same, behind what is in `to`.
void add_json_text(std::string_view text, std::string& to);
/// An array of strings.
[[nodiscard]] std::string json_list(const std::vector<std::string>& texts);

/// An object that grows by members, in the order in which they are added.
class JsonObject {
 public:
  /// `json` is the text of a value.
  void add(std::string_view name, std::string_view json) { member(name) += json; }
  /// The same, for who puts the value behind what is there.
  std::string& member(std::string_view name) {
    next();
    add_json_text(name, text_);
    return text_ += ':';
  }
  /// The same; `key` is the text of the name and the colon behind it.
  std::string& member_of(std::string_view key) {
    next();
    return text_.append(key);
  }
  void reserve(std::size_t size) { text_.reserve(size); }
  void clear() noexcept { text_.clear(); }
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::string text() const { return (text_.empty() ? "{" : text_) + "}"; }

 private:
  void next() { text_ += text_.empty() ? '{' : ','; }

  std::string text_;
};

}  // namespace proxytunnel
