/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: draws what was frozen: the tree of a handshake, the head of a virtual packet, columns, expert items.
 */
#include "tree.h"

#include <epan/proto_data.h>
#include <epan/to_str.h>
#include <string.h>
#include <wsutil/str_util.h>

#include "fields.h"
#include "frame.h"
#include "prefs.h"
#include "words.h"

static int proto_proxytunnel = -1;

/* ---------------------------------------------------------------- small items */

/* True for the first time in this dissection of the frame: what is said of an attempt is said once in a frame, however
 * many packets it shows. */
static bool is_first(packet_info *pinfo, uint32_t key, const attempt_t *attempt) {
  wmem_map_t *said = (wmem_map_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key);
  if (!said) {
    said = wmem_map_new(pinfo->pool, g_direct_hash, g_direct_equal);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key, said);
  }
  if (wmem_map_contains(said, attempt)) return false;
  wmem_map_insert(said, attempt, GUINT_TO_POINTER(1));
  return true;
}

static void add_target(proto_tree *tree, const spot_t *spot, const char *target, const char *host, uint16_t port) {
  fields_text(tree, F_TARGET, spot, target);
  fields_text(tree, F_TARGET_HOST, spot, host);
  if (*host) fields_number(tree, F_TARGET_PORT, spot, port);
}

static void add_target_once(proto_tree *tree, packet_info *pinfo, const spot_t *spot, const attempt_t *attempt) {
  if (!is_first(pinfo, key_targets, attempt)) return;
  add_target(tree, spot, attempt->target, attempt->host, attempt->port);
}

static bool is_synthetic(const attempt_t *attempt) {
  return attempt->has_origin && attempt->provenance == pt_provenance_synthetic;
}

static void add_origin(proto_tree *tree, packet_info *pinfo, const spot_t *spot, const attempt_t *attempt) {
  if (!attempt->has_origin) return;
  proto_item *item = fields_end(tree, F_ORIGIN_IP, spot, &attempt->origin);
  fields_text(tree, F_ORIGIN_PROVENANCE, spot, pt_provenance_name(attempt->provenance));
  if (attempt->opened_frame != pinfo->num || !is_synthetic(attempt)) return;
  fields_expert(pinfo, item, E_SYNTHETIC,
                wmem_strdup_printf(pinfo->pool, "the address of %s is synthetic", attempt->host));
}

static void add_ends(proto_tree *tree, packet_info *pinfo, const spot_t *spot, const attempt_t *attempt) {
  if (!is_first(pinfo, key_ends, attempt)) return;
  if (attempt->client.port) {
    fields_end(tree, F_CLIENT_IP, spot, &attempt->client);
  } else {
    fields_address(tree, F_CLIENT_IP, spot, &attempt->client);
  }
  fields_end(tree, F_PROXY_IP, spot, &attempt->proxy);
  add_origin(tree, pinfo, spot, attempt);
  fields_text(tree, F_VIRTUAL_CLIENT, spot, attempt->virtual_client);
}

static void add_id(proto_tree *tree, const spot_t *spot, const attempt_t *attempt) {
  if (attempt->id != PT_NO_TUNNEL) fields_number(tree, F_ID, spot, attempt->id);
}

static void add_connect_time(proto_tree *tree, const spot_t *spot, const attempt_t *attempt) {
  if (!attempt->request_frame || !attempt->reply_frame) return;
  fields_time(tree, F_CONNECT_TIME, spot, attempt->reply_time - attempt->request_time);
}

static void add_parent_stream(proto_tree *tree, const spot_t *spot, const attempt_t *attempt) {
  if (attempt->parent_stream != UINT32_MAX) fields_number(tree, F_PARENT_STREAM, spot, attempt->parent_stream);
}

static void add_anomaly(proto_tree *tree, const spot_t *spot, packet_info *pinfo, const char *anomaly) {
  fields_expert(pinfo, fields_text(tree, F_ANOMALY, spot, anomaly), E_UNUSUAL, anomaly);
}

/* ---------------------------------------------------------------- the handshake */

static void warn_of_credentials(packet_info *pinfo, proto_item *item, const message_t *message) {
  if (*message->password) fields_expert(pinfo, item, E_CREDENTIALS, NULL);
}

static void add_methods(proto_tree *tree, const spot_t *spot, const message_t *message) {
  for (unsigned i = 0; i < message->methods_size; i++) {
    fields_number(tree, F_METHOD, spot, message->methods[i]);
    if (message->kind == pt_message_socks5_method) fields_number(tree, F_METHOD_SELECTED, spot, message->methods[i]);
  }
}

static void add_code(proto_tree *tree, const spot_t *spot, const message_t *message) {
  if (message->reply_code < 0) return;
  if (is_reply(message)) fields_number(tree, F_REPLY_CODE, spot, (uint32_t)message->reply_code);
  if (message->kind == pt_message_socks5_auth_reply)
    fields_number(tree, F_LOGIN_STATUS, spot, (uint32_t)message->reply_code);
}

/* The target stands in the request. That of a conversation with several is the first one's. */
static void add_requested(proto_tree *tree, packet_info *pinfo, const spot_t *spot, const message_t *message) {
  if (!is_request(message)) return;
  const attempt_t *attempt = attempt_of(message->attempt);
  const bool is_said = attempt && !is_first(pinfo, key_targets, attempt) && !strcmp(attempt->target, message->target);
  if (!is_said) add_target(tree, spot, message->target, message->host, message->port);
}

/* `spot`: the bytes of the message in this frame; empty if it was captured in another. */
static void draw_message(packet_info *pinfo, proto_tree *tree, const message_t *message, const spot_t *spot) {
  const char *const prefix = is_reply(message) ? "Reply: " : "";
  proto_tree *own =
      proto_tree_add_subtree_format(tree, spot->tvb, (int)spot->offset, (int)spot->size, fields_subtree(T_MESSAGE),
                                    NULL, "%s%s", prefix, message_text(pinfo->pool, message));
  fields_frame(own, F_CARRIED_IN, spot, pinfo, message->frame);
  fields_text(own, F_COMMAND, spot, pt_command(message->command)->name);
  add_requested(own, pinfo, spot, message);
  add_methods(own, spot, message);
  proto_item *user = fields_text(own, F_USERNAME, spot, message->username);
  if (message->frame == pinfo->num) warn_of_credentials(pinfo, user ? user : own, message);
  const char *const shown = proxytunnel_preferences.credentials ? message->password : "[hidden]";
  fields_text(own, F_PASSWORD, spot, *message->password ? shown : "");
  add_code(own, spot, message);
  fields_text(own, F_REASON, spot, message->reason);
  fields_text(own, F_BOUND, spot, message->bound);
  fields_text(own, F_PEER, spot, message->peer);
  fields_text(own, F_REAL_CLIENT, spot, message->real_client);
  if (*message->anomaly) add_anomaly(own, spot, pinfo, message->anomaly);
}

static void add_status(proto_tree *tree, const spot_t *spot, packet_info *pinfo, const attempt_t *attempt,
                       pt_status_t status) {
  proto_item *item = fields_text(tree, F_STATUS, spot, pt_status_name(status));
  if (*attempt->reason) proto_item_append_text(item, " (%s)", attempt->reason);
  if (status == pt_status_malformed) {
    fields_expert(pinfo, item, E_MALFORMED, NULL);
  } else if (status == pt_status_incomplete) {
    fields_expert(pinfo, item, E_INCOMPLETE, NULL);
  } else if (status != pt_status_established) {
    const char *to = *attempt->target ? " to " : "";
    fields_expert(pinfo, item, E_REFUSED,
                  wmem_strdup_printf(pinfo->pool, "no tunnel%s%s (%s)", to, attempt->target, pt_status_name(status)));
  }
}

/* `status`: NULL if it is not known yet. */
static void draw_attempt(packet_info *pinfo, proto_tree *tree, const spot_t *spot, const attempt_t *attempt,
                         const pt_status_t *status) {
  add_id(tree, spot, attempt);
  if (attempt->id != PT_NO_TUNNEL) fields_number(tree, F_LAYER, spot, attempt->layer);
  add_target_once(tree, pinfo, spot, attempt);
  if (status) add_status(tree, spot, pinfo, attempt, *status);
  add_ends(tree, pinfo, spot, attempt);
  if (attempt->has_bound) fields_end(tree, F_BOUND_IP, spot, &attempt->bound);
  fields_frame(tree, F_REQUEST_IN, spot, pinfo, attempt->request_frame);
  fields_frame(tree, F_REPLY_IN, spot, pinfo, attempt->reply_frame);
  fields_frame(tree, F_OPENED_IN, spot, pinfo, attempt->opened_frame);
  fields_frame(tree, F_PAYLOAD_IN, spot, pinfo, attempt->payload_frame);
  add_connect_time(tree, spot, attempt);
  add_parent_stream(tree, spot, attempt);
  for (wmem_list_frame_t *at = attempt->anomalies ? wmem_list_head(attempt->anomalies) : NULL; at;
       at = wmem_list_frame_next(at)) {
    add_anomaly(tree, spot, pinfo, (const char *)wmem_list_frame_data(at));
  }
}

/* The request that a record is about, if it is not in the record itself. */
static const attempt_t *attempt_of_record(const record_t *record) {
  if (record->opened_count) return record->opened[0];
  if (record->over_count) return record->over[0];
  for (unsigned i = 0; i < record->messages_count; i++) {
    const attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) return attempt;
  }
  return NULL;
}

static bool has_request(const record_t *record) {
  for (unsigned i = 0; i < record->messages_count; i++) {
    if (is_request(&record->messages[i])) return true;
  }
  return false;
}

/* Of several messages that were understood at once only the ones that say most are worth a column. */
static int weight(const message_t *message) {
  if (is_request(message) || is_reply(message)) return 3;
  if (pt_message(message->kind)->traits & PT_LOGS_IN) return 2;
  return 1;
}

/* The proxy's own words say as much; what was only to be resolved wants no tunnel. */
static bool is_said(pt_status_t status) {
  return status == pt_status_refused || status == pt_status_auth_failed || status == pt_status_method_rejected ||
         status == pt_status_established;
}

/* What Tor resolved: the answer is all there is. */
static const char *resolved_of(const message_t *message, const attempt_t *attempt) {
  const bool is_answer = is_reply(message) && attempt &&
                         (attempt->command == pt_command_resolve || attempt->command == pt_command_resolve_ptr);
  return is_answer ? message->bound_host : "";
}

/* "SOCKS5 Connect www.example.com:443 - granted" */
static const char *summary_of(wmem_allocator_t *pool, const record_t *record) {
  const attempt_t *attempt = attempt_of_record(record);
  if (!record->messages_count) {
    const pt_status_t status = record->over_count ? record->over_status[0] : attempt->status;
    return wmem_strdup_printf(pool, "%s - %s", attempt_text(pool, attempt), pt_status_name(status));
  }
  int most = 0;
  for (unsigned i = 0; i < record->messages_count; i++) most = MAX(most, weight(&record->messages[i]));
  wmem_strbuf_t *text = wmem_strbuf_new(pool, "");
  bool asked = has_request(record) || !attempt;
  for (unsigned i = 0; i < record->messages_count; i++) {
    const message_t *message = &record->messages[i];
    if (weight(message) < most) continue;
    if (is_reply(message) && !asked) wmem_strbuf_append(text, attempt_text(pool, attempt));
    asked = asked || is_reply(message);
    const char *separator = !wmem_strbuf_get_len(text) ? "" : is_reply(message) ? " - " : ", ";
    wmem_strbuf_append_printf(text, "%s%s", separator, message_text(pool, message));
    const char *resolved = resolved_of(message, attempt);
    wmem_strbuf_append_printf(text, "%s%s", *resolved ? ": " : "", resolved);
  }
  if (record->opened_count && is_synthetic(record->opened[0])) {
    const address shown = address_of(&record->opened[0]->origin);
    wmem_strbuf_append_printf(text, " [synthetic %s]", address_to_str(pool, &shown));
  }
  if (record->over_count && !is_said(record->over_status[0])) {
    wmem_strbuf_append_printf(text, " - no tunnel (%s)", pt_status_name(record->over_status[0]));
  }
  return wmem_strbuf_get_str(text);
}

static void set_columns(packet_info *pinfo, pt_protocol_t protocol, const char *summary) {
  col_clear_fence(pinfo->cinfo, COL_PROTOCOL);
  col_add_str(pinfo->cinfo, COL_PROTOCOL, pt_protocol(protocol)->column);
  col_clear_fence(pinfo->cinfo, COL_INFO);
  col_add_str(pinfo->cinfo, COL_INFO, summary);
}

/* The bytes in front of the first payload; all of them if there is none, or if that comes first. */
static unsigned size_of_handshake(const record_t *record) {
  if (!record->parts_count || record->parts[0].tunnel != PT_NO_TUNNEL) return UINT_MAX;
  return record->parts[0].size;
}

/* Messages that end in this frame stand one behind the other; the first one may begin in an earlier segment. */
static void draw_messages(packet_info *pinfo, proto_tree *tree, const record_t *record, const spot_t *bytes) {
  unsigned left = 0, at = bytes->offset;
  const unsigned end = bytes->offset + bytes->size;
  for (unsigned i = 0; i < record->messages_count; i++) {
    if (record->messages[i].frame == pinfo->num) left += record->messages[i].size;
  }
  for (unsigned i = 0; i < record->messages_count; i++) {
    const message_t *message = &record->messages[i];
    spot_t spot = {.tvb = bytes->tvb, .offset = at};
    if (message->frame == pinfo->num) {
      left -= message->size;
      const unsigned most = end - at;
      spot.size =
          at == bytes->offset && left + message->size > most && left < most ? most - left : MIN(message->size, most);
      at += spot.size;
    }
    draw_message(pinfo, tree, message, &spot);
  }
}

/* The payload stays whose it is: nobody knows what it means. */
static void draw_after_refusal(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const spot_t derived = {.tvb = tvb};
  proto_tree *own;
  fields_begin(tree, T_OWN, &derived, "The proxy had refused", &own);
  add_anomaly(own, &derived, pinfo, PT_PAYLOAD_AFTER_REFUSAL);
}

void tree_draw_record(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                      const record_t *record) {
  static const pt_status_t established = pt_status_established;
  const attempt_t *attempt = attempt_of_record(record);
  if (record->after_refusal) draw_after_refusal(tvb, pinfo, tree);
  if (!record->messages_count && !record->opened_count && !record->over_count) return;
  const char *summary = summary_of(pinfo->pool, record);
  const pt_protocol_t protocol = record->messages_count ? record->messages[0].protocol : attempt->protocol;
  const spot_t bytes = {
      .tvb = tvb, .offset = segment->header_size, .size = MIN(size_of_handshake(record), segment->captured)};
  const spot_t derived = {.tvb = tvb};
  proto_tree *own;
  fields_begin(tree, T_OWN, &bytes, summary, &own);
  fields_text(own, F_PROTOCOL, &derived, pt_protocol(protocol)->name);
  draw_messages(pinfo, own, record, &bytes);
  for (unsigned i = 0; i < record->over_count; i++) {
    draw_attempt(pinfo, own, &derived, record->over[i], &record->over_status[i]);
  }
  for (unsigned i = 0; i < record->opened_count; i++) {
    draw_attempt(pinfo, own, &derived, record->opened[i], &established);
  }
  if (attempt && !record->opened_count && !record->over_count) draw_attempt(pinfo, own, &derived, attempt, NULL);
  set_columns(pinfo, protocol, summary);
}

/* Only what a first pass could not know: the other fields are where the message was understood. */
static void draw_standing(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                          const message_t *message) {
  const spot_t bytes = {.tvb = tvb, .offset = segment->header_size, .size = segment->captured};
  const spot_t derived = {.tvb = tvb};
  proto_tree *own;
  proto_item *item = fields_begin(tree, T_OWN, &bytes, message_text(pinfo->pool, message), &own);
  warn_of_credentials(pinfo, item, message);
  fields_frame(own, F_UNDERSTOOD_IN, &derived, pinfo, message->understood_in);
  const attempt_t *attempt = attempt_of(message->attempt);
  if (!attempt) return;
  add_id(own, &derived, attempt);
  fields_text(own, F_STATUS, &derived, pt_status_name(attempt->opened ? pt_status_established : attempt->status));
  fields_frame(own, F_REQUEST_IN, &derived, pinfo, attempt->request_frame);
  fields_frame(own, F_REPLY_IN, &derived, pinfo, attempt->reply_frame);
  fields_frame(own, F_OPENED_IN, &derived, pinfo, attempt->opened_frame);
  fields_frame(own, F_PAYLOAD_IN, &derived, pinfo, attempt->payload_frame);
  add_connect_time(own, &derived, attempt);
}

void tree_draw_standing(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment) {
  wmem_list_t *list = messages_standing_in(pinfo->num);
  if (!list) return;
  for (wmem_list_frame_t *at = wmem_list_head(list); at; at = wmem_list_frame_next(at)) {
    const message_t *message = (const message_t *)wmem_list_frame_data(at);
    const bool same = message->sender_port == segment->sender_port && message->receiver_port == segment->receiver_port;
    if (same) draw_standing(tvb, pinfo, tree, segment, message);
  }
}

/* ---------------------------------------------------------------- virtual packets */

static const char *kind_text(pt_virtual_kind_t kind) {
  switch (kind) {
    case PT_SYN:
    case PT_SYN_ACK:
    case PT_ACK:
      return "synthetic packet";
    case PT_HELD:
      return "delayed packet";
    case PT_TRANSLATED:
      break;
  }
  return "virtual packet";
}

proto_tree *tree_draw_virtual(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const virtual_t *packet) {
  const attempt_t *attempt = packet->attempt;
  const spot_t derived = {.tvb = tvb};
  proto_tree *own;
  proto_item *item = fields_begin(
      tree, T_OWN, &derived,
      wmem_strdup_printf(pinfo->pool, "%s: %s", kind_text(packet->kind), attempt_text(pinfo->pool, attempt)), &own);
  proto_item_set_generated(item);
  fields_number(own, F_VIRTUAL, &derived, TRUE);
  fields_number(own, F_ID, &derived, attempt->id);
  fields_number(own, F_LAYER, &derived, attempt->layer);
  fields_text(own, F_PROTOCOL, &derived, pt_protocol(attempt->protocol)->name);
  add_target_once(own, pinfo, &derived, attempt);
  add_ends(own, pinfo, &derived, attempt);
  fields_text(own, F_USERNAME, &derived, attempt->username);
  if (packet->kind == PT_HELD) fields_frame(own, F_CARRIED_IN, &derived, pinfo, packet->carried_in);
  fields_frame(own, F_REQUEST_IN, &derived, pinfo, attempt->request_frame);
  fields_frame(own, F_OPENED_IN, &derived, pinfo, attempt->opened_frame);
  add_parent_stream(own, &derived, attempt);
  return own;
}

void tree_draw_stream(proto_tree *tree, tvbuff_t *tvb, const attempt_t *attempt) {
  const spot_t derived = {.tvb = tvb};
  if (attempt->stream != UINT32_MAX) fields_number(tree, F_STREAM, &derived, attempt->stream);
}

/* ---------------------------------------------------------------- payload of the parent */

/* A line for all bytes of `tvb`, and the same in the columns. */
static proto_tree *draw_line(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *text) {
  const spot_t all = {.tvb = tvb, .size = tvb_captured_length(tvb)};
  proto_tree *own;
  fields_begin(tree, T_PAYLOAD, &all, text, &own);
  col_set_str(pinfo->cinfo, COL_PROTOCOL, "Tunnel");
  col_add_fstr(pinfo->cinfo, COL_INFO, "%c%s", g_ascii_toupper(*text), text + 1);
  return own;
}

/* "part of a message (5 bytes)" */
static const char *bytes_text(wmem_allocator_t *pool, const char *what, unsigned size) {
  return wmem_strdup_printf(pool, "%s (%u byte%s)", what, size, plurality(size, "", "s"));
}

static const char *bytes_for_text(wmem_allocator_t *pool, const char *what, unsigned size, const char *target) {
  return wmem_strdup_printf(pool, "%s for %s", bytes_text(pool, what, size), target);
}

void tree_draw_payload(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const attempt_t *attempt) {
  const char *target = attempt && *attempt->target ? attempt->target : "its target";
  const unsigned size = tvb_reported_length(tvb);
  proto_tree *own = draw_line(tvb, pinfo, tree, bytes_for_text(pinfo->pool, "tunnelled payload", size, target));
  const spot_t derived = {.tvb = tvb};
  if (!attempt) return;
  fields_number(own, F_ID, &derived, attempt->id);
  /* In the frame that opens it only a later pass would know, and passes agree. */
  if (attempt->opened_frame < pinfo->num) tree_draw_stream(own, tvb, attempt);
}

void tree_draw_datagram(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned header,
                        const attempt_t *attempt) {
  const char *target = attempt && *attempt->target ? attempt->target : "nobody knows whom";
  const unsigned size = tvb_reported_length(tvb) - header;
  proto_tree *own = draw_line(tvb, pinfo, tree, bytes_for_text(pinfo->pool, "relayed datagram", size, target));
  const spot_t derived = {.tvb = tvb}, fragment = {.tvb = tvb, .offset = 2, .size = 1};
  if (header >= 4) fields_number(own, F_FRAGMENT, &fragment, *tvb_get_ptr(tvb, (int)fragment.offset, 1));
  if (!attempt) return;
  fields_number(own, F_ID, &derived, attempt->id);
  add_target_once(own, pinfo, &derived, attempt);
}

static void draw_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *what) {
  draw_line(tvb, pinfo, tree, bytes_text(pinfo->pool, what, tvb_reported_length(tvb)));
}

void tree_draw_handshake_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  draw_bytes(tvb, pinfo, tree, "part of a handshake");
}

void tree_draw_waiting_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  draw_bytes(tvb, pinfo, tree, "part of a message");
}

void tree_draw_early_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  draw_bytes(tvb, pinfo, tree, "sent before the proxy's answer");
}

void tree_draw_quoted(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const spot_t all = {.tvb = tvb, .size = tvb_captured_length(tvb)};
  proto_tree *own;
  fields_begin(tree, T_PAYLOAD, &all, bytes_text(pinfo->pool, "quoted bytes of a session", all.size), &own);
}

void tree_register(int proto) {
  proto_proxytunnel = proto;
}
