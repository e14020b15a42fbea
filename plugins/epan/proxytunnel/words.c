/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: attempts and messages in the words of the field.
 */
#include "words.h"

static const char *request_text(wmem_allocator_t *pool, pt_protocol_t protocol, pt_command_t command,
                                const char *target) {
  const pt_protocol_row_t *row = pt_protocol(protocol);
  const char *word = row->says_command ? "" : pt_command(command)->title;
  return wmem_strdup_printf(pool, "%s%s%s%s%s", row->title, *word ? " " : "", word, *target ? " " : "", target);
}

const char *attempt_text(wmem_allocator_t *pool, const attempt_t *attempt) {
  return request_text(pool, attempt->protocol, attempt->command, attempt->target);
}

#define PT_ROW(kind, code, grants, text) {code, text},
const value_string socks5_method_words[] = {PT_SOCKS5_METHODS(PT_ROW){0, NULL}};
#undef PT_ROW

static const char *methods_text(wmem_allocator_t *pool, const message_t *message) {
  enum { most = 8 };
  wmem_strbuf_t *text = wmem_strbuf_new(pool, "");
  for (unsigned i = 0; i < message->methods_size; i++) {
    if (i == most) {
      wmem_strbuf_append_printf(text, " and %u more", message->methods_size - most);
      break;
    }
    wmem_strbuf_append_printf(text, "%s%s", i ? ", " : "",
                              val_to_str_const(message->methods[i], socks5_method_words, "unassigned or private"));
  }
  return message->methods_size ? wmem_strbuf_get_str(text) : "none";
}

static const char *status_line(wmem_allocator_t *pool, const message_t *message) {
  return wmem_strdup_printf(pool, "%d%s%s", message->reply_code, *message->reason ? " " : "", message->reason);
}

static const char *answer_text(wmem_allocator_t *pool, const message_t *message) {
  const bool is_success = message->reply_code >= 200 && message->reply_code < 300;
  const char *word = is_success ? "granted" : message->is_interim ? "not yet" : "refused";
  return wmem_strdup_printf(pool, "%s (%s)", word, status_line(pool, message));
}

/* BIND's second reply says who connected. */
static const char *code_text(wmem_allocator_t *pool, const message_t *message, const char *otherwise) {
  const pt_code_row_t *code = pt_code(message->kind, message->reply_code);
  if (code && code->grants && *message->peer) return wmem_strdup_printf(pool, "%s connected", message->peer);
  return code ? code->text : otherwise;
}

static const char *told_by(wmem_allocator_t *pool, const message_t *message, const pt_message_row_t *row) {
  switch (row->tells) {
    case pt_tells_request:
      return request_text(pool, message->protocol, message->command, message->target);
    case pt_tells_methods:
      return methods_text(pool, message);
    case pt_tells_username:
      return message->username;
    case pt_tells_answer:
      return answer_text(pool, message);
    case pt_tells_answer_of_origin:
      return status_line(pool, message);
    case pt_tells_real_client:
      return wmem_strdup_printf(pool, "%s for %s", pt_protocol(message->protocol)->title, message->real_client);
    case pt_tells_code:
    case pt_tells_nothing:
      break;
  }
  return "";
}

/* A message in the field's own words: "method: no authentication", "granted". */
const char *message_text(wmem_allocator_t *pool, const message_t *message) {
  const pt_message_row_t *row = pt_message(message->kind);
  if (row->tells == pt_tells_code) return code_text(pool, message, row->text);
  return wmem_strdup_printf(pool, "%s%s", row->text, told_by(pool, message, row));
}

bool is_reply(const message_t *message) {
  return pt_message(message->kind)->traits & PT_ANSWERS;
}

bool is_request(const message_t *message) {
  return pt_message(message->kind)->traits & PT_ASKS;
}
