// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the C interface's part that says what is known of each word (base/vocabulary.h).
#include <algorithm>
#include <iterator>

#include "base/provenance.hpp"
#include "capi/proxytunnel.h"
#include "handshake/message.hpp"

using namespace proxytunnel;

// NOLINTBEGIN(bugprone-macro-parentheses): rows
const pt_family_row_t* pt_family(pt_family_t family) {
#define PT_ROW(id, option, heuristic, title, hint, reader, ...) {#id, heuristic, title, hint, pt_reader_##reader},
  static constexpr pt_family_row_t rows[] = {PT_FAMILIES(PT_ROW)};
#undef PT_ROW
  return &rows[family];
}

const pt_protocol_row_t* pt_protocol(pt_protocol_t protocol) {
#define PT_ROW(id, name, family, title, column, says_command) {name, title, column, pt_family_##family, says_command},
  static constexpr pt_protocol_row_t rows[] = {PT_PROTOCOLS(PT_ROW)};
#undef PT_ROW
  return &rows[protocol];
}

const pt_command_row_t* pt_command(pt_command_t command) {
#define PT_ROW(id, name, title) {name, title},
  static constexpr pt_command_row_t rows[] = {PT_COMMANDS(PT_ROW)};
#undef PT_ROW
  return &rows[command];
}

const pt_message_row_t* pt_message(pt_message_kind_t kind) {
#define PT_ROW(id, traits, tells, text) {traits, pt_tells_##tells, text},
  static constexpr pt_message_row_t rows[] = {PT_MESSAGES(PT_ROW)};
#undef PT_ROW
  return &rows[kind];
}

const pt_code_row_t* pt_code(pt_message_kind_t kind, int code) {
#define PT_ROW(kind, code, grants, text) {pt_message_##kind, code, grants, text},
  static constexpr pt_code_row_t rows[] = {PT_CODES(PT_ROW)};
#undef PT_ROW
  const auto* const found = std::find_if(
      std::begin(rows), std::end(rows), [&](const pt_code_row_t& row) { return row.kind == kind && row.code == code; });
  return found == std::end(rows) ? nullptr : found;
}

const char* pt_status_name(pt_status_t status) {
  return name_of(static_cast<Status>(status)).data();  // a literal: NUL ends it
}

const char* pt_provenance_name(pt_provenance_t provenance) {
  return name_of(static_cast<Provenance>(provenance)).data();
}
// NOLINTEND(bugprone-macro-parentheses)
