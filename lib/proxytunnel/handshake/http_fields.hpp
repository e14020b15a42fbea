// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the header fields of an HTTP/1.x message, and which of them say anything here.
// spec: RFC 9110 section 5, RFC 9112 section 5
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proxytunnel {

/// A field line, folded lines joined by a blank (RFC 9112 section 5.2). The name is empty for a line without a colon.
class HttpField {
 public:
  HttpField(std::string_view called, std::string_view value) noexcept : name(called), line_(value) {}
  [[nodiscard]] std::string_view value() const noexcept { return joined_.empty() ? line_ : joined_; }
  /// What a folded line goes on with.
  void fold(std::string_view more);

  std::string_view name;

 private:
  std::string_view line_;
  std::string joined_;  ///< where it was folded
};
/// Takes the first one off `fields`, which its views are into. nullopt when none is left.
[[nodiscard]] std::optional<HttpField> take_field(std::string_view& fields) noexcept;

/// What a field is about, by its name.
enum class HttpFieldName : std::uint8_t {
  other,
  age,
  cache_status,
  content_length,
  forwarded,
  proxy,  ///< Proxy-Connection and any other Proxy-* but the next one
  proxy_authorization,
  transfer_encoding,
  upgrade,
  x_cache,
  x_forwarded_for,
  x_squid_error
};

/// The fields of a head that say something of proxies or of the message's end, in their order: a head is read once for
/// all who ask, and most of its lines say nothing here. Views are into the lines that it was made of.
class HttpFields {
 public:
  struct Named {
    HttpFieldName name;
    HttpField field;
  };

  explicit HttpFields(std::string_view lines);

  [[nodiscard]] std::vector<Named>::const_iterator begin() const noexcept { return list_.begin(); }
  [[nodiscard]] std::vector<Named>::const_iterator end() const noexcept { return list_.end(); }
  [[nodiscard]] bool has(HttpFieldName name) const noexcept;

 private:
  std::vector<Named> list_;
};

}  // namespace proxytunnel
