/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: attempts and messages in the words of the field.
 */
#include "words.h"

#include <string.h>

const char *protocol_word(const char *protocol) {
  static const char *const words[][2] = {{"socks4", "SOCKS4"},           {"socks4a", "SOCKS4a"},
                                         {"socks5", "SOCKS5"},           {"http-connect", "HTTP CONNECT"},
                                         {"http-forward", "HTTP proxy"}, {"proxy-v1", "PROXY v1"},
                                         {"proxy-v2", "PROXY v2"}};
  for (size_t i = 0; i < array_length(words); i++) {
    if (!strcmp(words[i][0], protocol)) return words[i][1];
  }
  return protocol;
}

static const char *command_word(const char *command) {
  static const char *const words[][2] = {
      {"connect", "Connect"},         {"bind", "Bind"},      {"udp-associate", "UDP Associate"}, {"resolve", "Resolve"},
      {"resolve-ptr", "Resolve PTR"}, {"forward", "Forward"}};
  for (size_t i = 0; i < array_length(words); i++) {
    if (!strcmp(words[i][0], command)) return words[i][1];
  }
  return command;
}

/* HTTP CONNECT has its command in its name. */
static const char *request_text(wmem_allocator_t *pool, const char *protocol, const char *command, const char *target) {
  const bool named = !strcmp(protocol, "http-connect") || !*command;
  return wmem_strdup_printf(pool, "%s%s%s%s%s", protocol_word(protocol), named ? "" : " ",
                            named ? "" : command_word(command), *target ? " " : "", target);
}

const char *attempt_text(wmem_allocator_t *pool, const attempt_t *attempt) {
  return request_text(pool, attempt->protocol, attempt->command, attempt->target);
}

static const value_string socks4_reply_words[] = {{90, "granted"},
                                                  {91, "rejected or failed"},
                                                  {92, "rejected, no identd on the client"},
                                                  {93, "rejected, identd reports another user"},
                                                  {0, NULL}};

static const value_string socks5_reply_words[] = {{0, "granted"},
                                                  {1, "general failure"},
                                                  {2, "not allowed by ruleset"},
                                                  {3, "network unreachable"},
                                                  {4, "host unreachable"},
                                                  {5, "connection refused"},
                                                  {6, "TTL expired"},
                                                  {7, "command not supported"},
                                                  {8, "address type not supported"},
                                                  {0, NULL}};

const value_string socks5_method_words[] = {{0, "no authentication"},
                                            {1, "GSSAPI"},
                                            {2, "user name/password"},
                                            {3, "challenge-handshake"},
                                            {5, "challenge-response"},
                                            {6, "TLS"},
                                            {7, "NDS"},
                                            {8, "multi-authentication"},
                                            {9, "JSON parameter block"},
                                            {0xff, "none acceptable"},
                                            {0, NULL}};

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

static const char *http_reply_text(wmem_allocator_t *pool, int code, const char *reason) {
  const char *word = code >= 200 && code < 300 ? "granted" : code < 200 ? "not yet" : "refused";
  return wmem_strdup_printf(pool, "%s (%d%s%s)", word, code, *reason ? " " : "", reason);
}

/* BIND's second reply. */
static const char *peer_text(wmem_allocator_t *pool, const message_t *message) {
  return wmem_strdup_printf(pool, "%s connected", message->peer);
}

/* A message in the field's own words: "method: no authentication", "granted". */
const char *message_text(wmem_allocator_t *pool, const message_t *message) {
  switch (message->kind) {
    case PT_SOCKS4_REQUEST:
    case PT_SOCKS5_REQUEST:
    case PT_HTTP_CONNECT_REQUEST:
    case PT_HTTP_FORWARD_REQUEST:
      return request_text(pool, message->protocol, message->command, message->target);
    case PT_PROXY_HEADER:
      return wmem_strdup_printf(pool, "%s for %s", protocol_word(message->protocol), message->real_client);
    case PT_HTTP_FORWARD_RESPONSE:
      return wmem_strdup_printf(pool, "%d%s%s", message->reply_code, *message->reason ? " " : "", message->reason);
    case PT_SOCKS4_REPLY:
      if (*message->peer && message->reply_code == 90) return peer_text(pool, message);
      return val_to_str_const((uint32_t)message->reply_code, socks4_reply_words, "unknown reply");
    case PT_SOCKS5_REPLY:
      if (*message->peer && message->reply_code == 0) return peer_text(pool, message);
      return val_to_str_const((uint32_t)message->reply_code, socks5_reply_words, "unknown reply");
    case PT_SOCKS5_GREETING:
      return wmem_strdup_printf(pool, "SOCKS5 methods offered: %s", methods_text(pool, message));
    case PT_SOCKS5_METHOD:
      return wmem_strdup_printf(pool, "SOCKS5 method selected: %s", methods_text(pool, message));
    case PT_SOCKS5_AUTH_REQUEST:
      return wmem_strdup_printf(pool, "SOCKS5 login of %s", message->username);
    case PT_SOCKS5_AUTH_REPLY:
      return message->reply_code == 0 ? "SOCKS5 login accepted" : "SOCKS5 login failed";
    case PT_SOCKS5_GSSAPI:
      return "SOCKS5 GSSAPI message";
    case PT_HTTP_RESPONSE_HEAD:
      return http_reply_text(pool, message->reply_code, message->reason);
    case PT_PREAMBLE:
      return "bytes before the handshake";
    case PT_HTTP_FORWARD_BODY:
    case PT_HTTP_OTHER:
      break;
  }
  return "";
}

bool is_reply(const message_t *message) {
  return message->kind == PT_SOCKS4_REPLY || message->kind == PT_SOCKS5_REPLY ||
         message->kind == PT_HTTP_RESPONSE_HEAD || message->kind == PT_HTTP_FORWARD_RESPONSE;
}

bool is_request(const message_t *message) {
  return message->kind == PT_SOCKS4_REQUEST || message->kind == PT_SOCKS5_REQUEST ||
         message->kind == PT_HTTP_CONNECT_REQUEST || message->kind == PT_HTTP_FORWARD_REQUEST ||
         message->kind == PT_PROXY_HEADER;
}
