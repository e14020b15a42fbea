// SPDX-License-Identifier: GPL-2.0-or-later
// summary: for whom an HTTP request says that it was forwarded, and which of that is believed.
// spec: RFC 7239 sections 4 (the field), 5.2 (for), 6 (nodes), 7.4 (X-Forwarded-For), 8.1 (what may be forged)
#include "handshake/http_forwarded.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "handshake/http_text.hpp"

namespace proxytunnel {
namespace {

// Takes what stands before `end`, and drops the separator that stands there.
std::string_view take_to(std::size_t end, std::string_view& text) noexcept {
  const std::string_view part = trim(text.substr(0, end));
  text.remove_prefix(end < text.size() ? end + 1 : text.size());
  return part;
}

// Up to the next `separator` that is in no quoted string (RFC 9110 section 5.6.4). One that does not end goes on to the
// end of the field: what was joined to it cannot be told from it.
std::string_view take_part(std::string_view& text, char separator) noexcept {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (is_quoted || text[end] != separator); ++end) {
    if (text[end] == '"') is_quoted = !is_quoted;
    if (is_quoted && text[end] == '\\' && end + 1 < text.size()) ++end;
  }
  return take_to(end, text);
}

// A token as it is, a quoted string without quotes and backslashes; nullopt for a quoted string with something around
// it, or without an end.
std::optional<std::string> value_of(std::string_view text) {
  if (text.find('"') == std::string_view::npos) return std::string(text);
  if (text[0] != '"') return std::nullopt;
  std::string value;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1 == text.size() ? std::optional(value) : std::nullopt;
    if (text[at] == '\\' && ++at == text.size()) break;
    value += text[at];
  }
  return std::nullopt;
}

// An address, perhaps with a port behind it; IPv6 in brackets or, without a port, bare. A port that is obfuscated is
// not told (RFC 7239 section 6.3), and nobody is at an unspecified address.
std::optional<Endpoint> endpoint_of(std::string_view text) noexcept {
  std::string_view host = text, behind;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    behind = text.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (!Address::parse(text)) {
    host = text.substr(0, text.find(':'));
    behind = text.substr(host.size());
  }
  const auto address = Address::parse(host);
  if (!address || address->unmapped().is_unspecified()) return std::nullopt;
  Endpoint found{address->unmapped(), 0};
  if (behind.empty() || behind.starts_with(":_")) return found;
  const auto port = behind.starts_with(':') ? parse_port(behind.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  found.port = *port;
  return found;
}

/// The nodes of one kind of field, of which the last ones are kept.
class Nodes {
 public:
  explicit Nodes(ForwardedList& list) noexcept : list_(list) {}

  void add(std::string_view text, std::optional<Endpoint> end) {
    if (text.size() > limits::forwarded_text) list_.is_cut = true;
    if (list_.nodes.size() == limits::forwarded_nodes) {
      list_.nodes.erase(list_.nodes.begin());
      list_.is_cut = true;
    }
    list_.nodes.push_back({std::string(text.substr(0, limits::forwarded_text)), end});
  }

 private:
  ForwardedList& list_;
};

// [ token "=" value ] *( ";" [ token "=" value ] ): what it says of `for`, if anything: a node that
// says nothing is a node, too. Said twice it is no address.
bool add_element(std::string_view element, Nodes& nodes) {
  std::optional<std::string> text;
  std::optional<Endpoint> end;
  while (!element.empty()) {
    std::string_view pair = take_part(element, ';');
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (!same_word(trim(pair.substr(0, equals)), "for")) continue;
    const std::string_view said = trim(pair.substr(std::min(equals + 1, pair.size())));
    const auto value = value_of(said);
    end = value && !text ? endpoint_of(*value) : std::nullopt;
    if (!text) text = value ? *value : std::string(said);
  }
  nodes.add(text.value_or(""), end);
  return text.has_value();
}

// The nearest to the peer that nobody believed has said; the first one if all are believed, unless there were more.
const ForwardedNode* first_untrusted(const ForwardedList& list, const AddressSet& trusted) noexcept {
  for (std::size_t i = list.nodes.size(); i-- > 0;) {
    const ForwardedNode& node = list.nodes[i];
    if (!node.end) return nullptr;
    const bool is_first = i == 0 && !list.is_cut;
    if (is_first || !trusted.contains(node.end->address)) return &node;
  }
  return nullptr;
}

}  // namespace

ForwardedClaims read_forwarded(const HttpFields& fields) {
  ForwardedClaims claims;
  Nodes forwarded(claims.forwarded), x_forwarded_for(claims.x_forwarded_for);
  bool is_said = false;
  for (const auto& [name, field] : fields) {
    std::string_view value = field.value();
    if (name == HttpFieldName::forwarded) {
      while (!value.empty()) {
        const std::string_view element = take_part(value, ',');
        if (!element.empty()) is_said |= add_element(element, forwarded);
      }
    } else if (name == HttpFieldName::x_forwarded_for) {
      while (!value.empty()) {
        const std::string_view entry = take_to(value.find(','), value);
        if (!entry.empty()) x_forwarded_for.add(entry, endpoint_of(entry));
      }
    }
  }
  if (!is_said) claims.forwarded = {};
  return claims;
}

BelievedClient believed_client(const ForwardedClaims& claims, const AddressSet& trusted) noexcept {
  constexpr std::string_view names_none = "the forwarded fields name no client";
  constexpr std::string_view names_several = "the forwarded fields name different clients";
  std::optional<Endpoint> client;
  for (const ForwardedList* list : {&claims.forwarded, &claims.x_forwarded_for}) {
    if (list->nodes.empty()) continue;
    const ForwardedNode* node = first_untrusted(*list, trusted);
    if (node == nullptr) return {std::nullopt, names_none};
    if (client && client->address != node->end->address) return {std::nullopt, names_several};
    if (!client || client->port == 0) client = node->end;
  }
  return {client, {}};
}

}  // namespace proxytunnel
