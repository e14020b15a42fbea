// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the tables of words say, and targets from text.
#include "handshake/message.hpp"

#include <cstddef>

namespace proxytunnel {
namespace {

// Enumerators count the rows of their table.
template <class Row, std::size_t size, class Enum>
constexpr Row row_of(const Row (&rows)[size], Enum value) noexcept {
  return rows[static_cast<std::size_t>(value)];
}

constexpr std::string_view protocol_names[] = {PT_PROTOCOLS(PT_NAME)};
constexpr std::string_view command_names[] = {PT_COMMANDS(PT_NAME)};
constexpr std::string_view status_names[] = {PT_STATUSES(PT_NAME)};

#define PT_ROW(id, name, family, ...) Family::family,
constexpr Family protocol_families[] = {PT_PROTOCOLS(PT_ROW)};
#undef PT_ROW

#define PT_ROW(id, ...) #id,
constexpr std::string_view kind_names[] = {PT_MESSAGES(PT_ROW)};
#undef PT_ROW

#define PT_ROW(id, traits, ...) traits,
constexpr unsigned kind_traits[] = {PT_MESSAGES(PT_ROW)};
#undef PT_ROW

}  // namespace

std::string_view name_of(Protocol protocol) noexcept {
  return row_of(protocol_names, protocol);
}

std::string_view name_of(Command command) noexcept {
  return row_of(command_names, command);
}

std::string_view name_of(Status status) noexcept {
  return row_of(status_names, status);
}

std::string_view name_of(MessageKind kind) noexcept {
  return row_of(kind_names, kind);
}

Family family_of(Protocol protocol) noexcept {
  return row_of(protocol_families, protocol);
}

bool is_of_requests(Protocol protocol) noexcept {
  return protocol == Protocol::http_forward || protocol == Protocol::http_forwarded;
}

unsigned traits_of(MessageKind kind) noexcept {
  return row_of(kind_traits, kind);
}

Target Target::named(std::string_view host, std::uint16_t port) {
  std::string_view bare = host;
  if (bare.size() >= 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  const auto address = Address::parse(bare);
  return {std::string(address ? bare : host), address, port};
}

Target Target::literal(const Address& address, std::uint16_t port) {
  return {address.text(), address, port};
}

std::string Target::text() const {
  const bool brackets = address && !address->is_v4();
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace proxytunnel
