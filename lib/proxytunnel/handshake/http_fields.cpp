// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the header fields of an HTTP/1.x message, read leniently as the whole head is.
#include "handshake/http_fields.hpp"

#include <algorithm>
#include <array>

#include "handshake/http_text.hpp"

namespace proxytunnel {
namespace {

struct Known {
  std::string_view text;
  HttpFieldName name;
};
constexpr std::string_view proxy_prefix = "Proxy-";
constexpr std::array<Known, 10> known{{{"Age", HttpFieldName::age},
                                       {"Cache-Status", HttpFieldName::cache_status},
                                       {"Content-Length", HttpFieldName::content_length},
                                       {"Forwarded", HttpFieldName::forwarded},
                                       {"Proxy-Authorization", HttpFieldName::proxy_authorization},
                                       {"Transfer-Encoding", HttpFieldName::transfer_encoding},
                                       {"Upgrade", HttpFieldName::upgrade},
                                       {"X-Cache", HttpFieldName::x_cache},
                                       {"X-Forwarded-For", HttpFieldName::x_forwarded_for},
                                       {"X-Squid-Error", HttpFieldName::x_squid_error}}};

HttpFieldName name_of(std::string_view text) noexcept {
  const auto found = std::find_if(known.begin(), known.end(), [text](const Known& each) {
    return each.text.size() == text.size() && lower(each.text[0]) == lower(text[0]) && same_word(each.text, text);
  });
  if (found != known.end()) return found->name;
  return same_word(text.substr(0, proxy_prefix.size()), proxy_prefix) ? HttpFieldName::proxy : HttpFieldName::other;
}

bool goes_on(std::string_view fields) noexcept {
  return !fields.empty() && is_blank(fields[0]);
}

}  // namespace

std::optional<HttpField> take_field(std::string_view& fields) noexcept {
  if (fields.empty()) return std::nullopt;
  const std::string_view line = take_line(fields);
  const std::size_t colon = line.find(':');
  HttpField field({}, {});
  if (colon != std::string_view::npos) field = HttpField(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  while (goes_on(fields)) {
    const std::string_view more = trim(take_line(fields));
    if (!field.name.empty() && !more.empty()) field.fold(more);
  }
  return field;
}

void HttpField::fold(std::string_view more) {
  if (joined_.empty()) joined_ = line_;
  if (!joined_.empty()) joined_ += ' ';
  joined_ += more;
}

HttpFields::HttpFields(std::string_view lines) {
  while (!lines.empty()) {
    std::string_view rest = lines;
    const std::string_view line = take_line(rest);
    const std::size_t colon = line.find(':');
    const bool is_field = colon != std::string_view::npos;
    const HttpFieldName name = is_field ? name_of(trim(line.substr(0, colon))) : HttpFieldName::other;
    if (name != HttpFieldName::other) {
      list_.push_back({name, *take_field(lines)});
      continue;
    }
    lines = rest;
    while (goes_on(lines)) take_line(lines);
  }
}

bool HttpFields::has(HttpFieldName name) const noexcept {
  return std::any_of(list_.begin(), list_.end(), [name](const Named& each) { return each.name == name; });
}

}  // namespace proxytunnel
