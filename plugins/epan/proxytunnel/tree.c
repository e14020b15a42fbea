/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: draws what was frozen: the tree of a handshake, the head of a virtual packet, columns, expert items.
 */
#include "tree.h"

#include <epan/expert.h>
#include <epan/to_str.h>
#include <string.h>
#include <wsutil/str_util.h>

#include "prefs.h"
#include "words.h"

static int proto_proxytunnel = -1;

static int hf_protocol = -1, hf_command = -1, hf_status = -1, hf_reply_code = -1, hf_reason = -1;
static int hf_target = -1, hf_target_host = -1, hf_target_port = -1;
static int hf_origin_ip = -1, hf_origin_ipv6 = -1, hf_origin_provenance = -1;
static int hf_username = -1, hf_password = -1, hf_methods = -1, hf_bound = -1, hf_peer = -1, hf_real_client = -1,
           hf_virtual_client = -1;
static int hf_id = -1, hf_layer = -1, hf_parent_stream = -1, hf_stream = -1;
static int hf_request_in = -1, hf_reply_in = -1, hf_opened_in = -1, hf_payload_in = -1;
static int hf_carried_in = -1, hf_understood_in = -1;
static int hf_connect_time = -1, hf_virtual = -1, hf_anomaly = -1, hf_fragment = -1;

static int ett_proxytunnel = -1, ett_message = -1, ett_payload = -1;

static expert_field ei_refused = EI_INIT, ei_credentials = EI_INIT, ei_malformed = EI_INIT, ei_incomplete = EI_INIT,
                    ei_anomaly = EI_INIT, ei_synthetic = EI_INIT;

/* ---------------------------------------------------------------- small items */

static proto_item *generated(proto_item *item) {
  proto_item_set_generated(item);
  return item;
}

static void add_text(proto_tree *tree, int field, tvbuff_t *tvb, const char *text) {
  if (*text) generated(proto_tree_add_string(tree, field, tvb, 0, 0, text));
}

static void add_frame(proto_tree *tree, int field, tvbuff_t *tvb, const packet_info *pinfo, uint32_t frame) {
  if (frame && frame != pinfo->num) generated(proto_tree_add_uint(tree, field, tvb, 0, 0, frame));
}

static void add_target(proto_tree *tree, tvbuff_t *tvb, const char *target, const char *host, uint16_t port) {
  add_text(tree, hf_target, tvb, target);
  add_text(tree, hf_target_host, tvb, host);
  if (*host) generated(proto_tree_add_uint(tree, hf_target_port, tvb, 0, 0, port));
}

static void add_origin(proto_tree *tree, tvbuff_t *tvb, const attempt_t *attempt) {
  if (!attempt->has_origin) return;
  if (attempt->origin.address.version == 4) {
    uint32_t value;
    memcpy(&value, attempt->origin.address.octets, sizeof value);
    generated(proto_tree_add_ipv4(tree, hf_origin_ip, tvb, 0, 0, value));
  } else {
    ws_in6_addr value;
    memcpy(value.bytes, attempt->origin.address.octets, sizeof value.bytes);
    generated(proto_tree_add_ipv6(tree, hf_origin_ipv6, tvb, 0, 0, &value));
  }
  add_text(tree, hf_origin_provenance, tvb, pt_provenance_name(attempt->provenance));
}

static bool is_synthetic(const attempt_t *attempt) {
  return attempt->has_origin && attempt->provenance == pt_provenance_synthetic;
}

static void add_connect_time(proto_tree *tree, tvbuff_t *tvb, const attempt_t *attempt) {
  if (!attempt->request_frame || !attempt->reply_frame) return;
  const int64_t nanoseconds = attempt->reply_time - attempt->request_time;
  nstime_t time = {.secs = (time_t)(nanoseconds / 1000000000), .nsecs = (int)(nanoseconds % 1000000000)};
  generated(proto_tree_add_time(tree, hf_connect_time, tvb, 0, 0, &time));
}

static void add_anomaly(proto_tree *tree, tvbuff_t *tvb, packet_info *pinfo, const char *anomaly) {
  proto_item *item = generated(proto_tree_add_string(tree, hf_anomaly, tvb, 0, 0, anomaly));
  expert_add_info_format(pinfo, item, &ei_anomaly, "Proxy Tunnel: %s", anomaly);
}

static void add_anomalies(proto_tree *tree, tvbuff_t *tvb, packet_info *pinfo, const attempt_t *attempt) {
  for (wmem_list_frame_t *at = wmem_list_head(attempt->anomalies); at; at = wmem_list_frame_next(at)) {
    add_anomaly(tree, tvb, pinfo, (const char *)wmem_list_frame_data(at));
  }
}

/* ---------------------------------------------------------------- the handshake */

static void warn_of_credentials(packet_info *pinfo, proto_item *item, const message_t *message) {
  if (*message->password) expert_add_info(pinfo, item, &ei_credentials);
}

static void draw_message(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const message_t *message, unsigned offset,
                         unsigned size) {
  const char *const prefix = is_reply(message) ? "Reply: " : "";
  proto_tree *own = proto_tree_add_subtree_format(tree, tvb, (int)offset, (int)size, ett_message, NULL, "%s%s", prefix,
                                                  message_text(pinfo->pool, message));
  add_frame(own, hf_carried_in, tvb, pinfo, message->frame);
  add_text(own, hf_command, tvb, pt_command(message->command)->name);
  if (is_request(message)) add_target(own, tvb, message->target, message->host, message->port);
  for (unsigned i = 0; i < message->methods_size; i++) {
    generated(proto_tree_add_uint(own, hf_methods, tvb, 0, 0, message->methods[i]));
  }
  if (*message->username) {
    proto_item *item = generated(proto_tree_add_string(own, hf_username, tvb, 0, 0, message->username));
    if (message->frame == pinfo->num) warn_of_credentials(pinfo, item, message);
  }
  if (*message->password) {
    add_text(own, hf_password, tvb, proxytunnel_preferences.credentials ? message->password : "[hidden]");
  }
  if (message->reply_code >= 0) {
    generated(proto_tree_add_int(own, hf_reply_code, tvb, 0, 0, message->reply_code));
  }
  add_text(own, hf_reason, tvb, message->reason);
  add_text(own, hf_bound, tvb, message->bound);
  add_text(own, hf_peer, tvb, message->peer);
  add_text(own, hf_real_client, tvb, message->real_client);
  if (*message->anomaly) add_anomaly(own, tvb, pinfo, message->anomaly);
}

static void add_status(proto_tree *tree, tvbuff_t *tvb, packet_info *pinfo, const attempt_t *attempt,
                       pt_status_t status) {
  proto_item *item = generated(proto_tree_add_string(tree, hf_status, tvb, 0, 0, pt_status_name(status)));
  if (*attempt->reason) proto_item_append_text(item, " (%s)", attempt->reason);
  if (status == pt_status_malformed) {
    expert_add_info(pinfo, item, &ei_malformed);
  } else if (status == pt_status_incomplete) {
    expert_add_info(pinfo, item, &ei_incomplete);
  } else if (status != pt_status_established) {
    const char *to = *attempt->target ? " to " : "";
    expert_add_info_format(pinfo, item, &ei_refused, "Proxy Tunnel: no tunnel%s%s (%s)", to, attempt->target,
                           pt_status_name(status));
  }
}

/* `status`: NULL if it is not known yet. */
static void draw_attempt(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const attempt_t *attempt,
                         const pt_status_t *status, bool target_is_drawn) {
  if (attempt->id != PT_NO_TUNNEL) {
    generated(proto_tree_add_uint(tree, hf_id, tvb, 0, 0, attempt->id));
    generated(proto_tree_add_uint(tree, hf_layer, tvb, 0, 0, attempt->layer));
  }
  if (!target_is_drawn) add_target(tree, tvb, attempt->target, attempt->host, attempt->port);
  if (status) add_status(tree, tvb, pinfo, attempt, *status);
  add_origin(tree, tvb, attempt);
  if (attempt->opened_frame == pinfo->num && is_synthetic(attempt)) {
    expert_add_info_format(pinfo, tree, &ei_synthetic, "Proxy Tunnel: the address of %s is synthetic", attempt->host);
  }
  if (*attempt->virtual_client) {
    generated(proto_tree_add_string(tree, hf_virtual_client, tvb, 0, 0, attempt->virtual_client));
  }
  add_frame(tree, hf_request_in, tvb, pinfo, attempt->request_frame);
  add_frame(tree, hf_reply_in, tvb, pinfo, attempt->reply_frame);
  add_frame(tree, hf_opened_in, tvb, pinfo, attempt->opened_frame);
  add_frame(tree, hf_payload_in, tvb, pinfo, attempt->payload_frame);
  add_connect_time(tree, tvb, attempt);
  if (attempt->parent_stream != UINT32_MAX) {
    generated(proto_tree_add_uint(tree, hf_parent_stream, tvb, 0, 0, attempt->parent_stream));
  }
  add_anomalies(tree, tvb, pinfo, attempt);
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

/* The proxy's own words say as much. */
static bool says_refused(pt_status_t status) {
  return status == pt_status_refused || status == pt_status_auth_failed || status == pt_status_method_rejected;
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
  }
  if (record->opened_count && is_synthetic(record->opened[0])) {
    const address shown = address_of(&record->opened[0]->origin);
    wmem_strbuf_append_printf(text, " [synthetic %s]", address_to_str(pool, &shown));
  }
  if (record->over_count && !says_refused(record->over_status[0])) {
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

void tree_draw_record(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                      const record_t *record) {
  static const pt_status_t established = pt_status_established;
  const attempt_t *attempt = attempt_of_record(record);
  if (!record->messages_count && !record->opened_count && !record->over_count) return;
  const char *summary = summary_of(pinfo->pool, record);
  const pt_protocol_t protocol = record->messages_count ? record->messages[0].protocol : attempt->protocol;
  const unsigned size = MIN(size_of_handshake(record), segment->captured);
  proto_item *item = proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, (int)segment->header_size, (int)size,
                                                    "Proxy Tunnel, %s", summary);
  proto_tree *own = proto_item_add_subtree(item, ett_proxytunnel);
  add_text(own, hf_protocol, tvb, pt_protocol(protocol)->name);
  for (unsigned i = 0; i < record->messages_count; i++) {
    const bool here = record->messages[i].frame == pinfo->num;
    draw_message(tvb, pinfo, own, &record->messages[i], segment->header_size, here ? size : 0);
  }
  for (unsigned i = 0; i < record->over_count; i++) {
    draw_attempt(tvb, pinfo, own, record->over[i], &record->over_status[i], has_request(record));
  }
  for (unsigned i = 0; i < record->opened_count; i++) {
    draw_attempt(tvb, pinfo, own, record->opened[i], &established, has_request(record));
  }
  if (attempt && !record->opened_count && !record->over_count) {
    draw_attempt(tvb, pinfo, own, attempt, NULL, has_request(record));
  }
  set_columns(pinfo, protocol, summary);
}

/* Only what a first pass could not know: the other fields are where the message was understood. */
static void draw_standing(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                          const message_t *message) {
  proto_item *item =
      proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, (int)segment->header_size, (int)segment->captured,
                                     "Proxy Tunnel, %s", message_text(pinfo->pool, message));
  proto_tree *own = proto_item_add_subtree(item, ett_proxytunnel);
  warn_of_credentials(pinfo, item, message);
  add_frame(own, hf_understood_in, tvb, pinfo, message->understood_in);
  const attempt_t *attempt = attempt_of(message->attempt);
  if (!attempt) return;
  generated(proto_tree_add_uint(own, hf_id, tvb, 0, 0, attempt->id));
  const pt_status_t status = attempt->opened ? pt_status_established : attempt->status;
  if (attempt->opened || attempt->ended) add_text(own, hf_status, tvb, pt_status_name(status));
  add_frame(own, hf_request_in, tvb, pinfo, attempt->request_frame);
  add_frame(own, hf_reply_in, tvb, pinfo, attempt->reply_frame);
  add_frame(own, hf_opened_in, tvb, pinfo, attempt->opened_frame);
  add_frame(own, hf_payload_in, tvb, pinfo, attempt->payload_frame);
  add_connect_time(own, tvb, attempt);
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
      return "packet that waited";
    case PT_TRANSLATED:
      break;
  }
  return "virtual packet";
}

proto_tree *tree_draw_virtual(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const virtual_t *packet) {
  const attempt_t *attempt = packet->attempt;
  proto_item *item = proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, 0, 0, "Proxy Tunnel, %s: %s",
                                                    kind_text(packet->kind), attempt_text(pinfo->pool, attempt));
  generated(item);
  proto_tree *own = proto_item_add_subtree(item, ett_proxytunnel);
  generated(proto_tree_add_boolean(own, hf_virtual, tvb, 0, 0, TRUE));
  generated(proto_tree_add_uint(own, hf_id, tvb, 0, 0, attempt->id));
  generated(proto_tree_add_uint(own, hf_layer, tvb, 0, 0, attempt->layer));
  add_text(own, hf_protocol, tvb, pt_protocol(attempt->protocol)->name);
  add_target(own, tvb, attempt->target, attempt->host, attempt->port);
  add_origin(own, tvb, attempt);
  add_text(own, hf_username, tvb, attempt->username);
  if (packet->kind == PT_HELD) add_frame(own, hf_carried_in, tvb, pinfo, packet->carried_in);
  add_frame(own, hf_request_in, tvb, pinfo, attempt->request_frame);
  add_frame(own, hf_opened_in, tvb, pinfo, attempt->opened_frame);
  if (attempt->parent_stream != UINT32_MAX) {
    generated(proto_tree_add_uint(own, hf_parent_stream, tvb, 0, 0, attempt->parent_stream));
  }
  return own;
}

void tree_draw_stream(proto_tree *tree, tvbuff_t *tvb, const attempt_t *attempt) {
  if (attempt->stream != UINT32_MAX) generated(proto_tree_add_uint(tree, hf_stream, tvb, 0, 0, attempt->stream));
}

/* ---------------------------------------------------------------- payload of the parent */

void tree_draw_payload(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const attempt_t *attempt) {
  const unsigned size = tvb_reported_length(tvb);
  const char *target = attempt && *attempt->target ? attempt->target : "its target";
  proto_item *item = proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, 0, -1,
                                                    "Proxy Tunnel, tunnelled payload (%u byte%s) for %s", size,
                                                    plurality(size, "", "s"), target);
  col_set_str(pinfo->cinfo, COL_PROTOCOL, "Tunnel");
  col_add_fstr(pinfo->cinfo, COL_INFO, "Tunnelled payload (%u byte%s) for %s", size, plurality(size, "", "s"), target);
  if (!attempt) return;
  proto_tree *own = proto_item_add_subtree(item, ett_payload);
  generated(proto_tree_add_uint(own, hf_id, tvb, 0, 0, attempt->id));
  /* In the frame that opens it only a later pass would know, and passes agree. */
  if (attempt->opened_frame < pinfo->num) tree_draw_stream(own, tvb, attempt);
}

static void draw_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *what) {
  const unsigned size = tvb_reported_length(tvb);
  proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, 0, -1, "Proxy Tunnel, %s (%u byte%s)", what, size,
                                 plurality(size, "", "s"));
  col_set_str(pinfo->cinfo, COL_PROTOCOL, "Tunnel");
  col_add_fstr(pinfo->cinfo, COL_INFO, "Proxy: %s (%u byte%s)", what, size, plurality(size, "", "s"));
}

void tree_draw_datagram(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned header,
                        const attempt_t *attempt) {
  const unsigned size = tvb_reported_length(tvb) - header;
  const char *target = attempt && *attempt->target ? attempt->target : "nobody knows whom";
  proto_item *item = proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, 0, -1,
                                                    "Proxy Tunnel, relayed datagram (%u byte%s) for %s", size,
                                                    plurality(size, "", "s"), target);
  proto_tree *own = proto_item_add_subtree(item, ett_payload);
  col_set_str(pinfo->cinfo, COL_PROTOCOL, "Tunnel");
  col_add_fstr(pinfo->cinfo, COL_INFO, "Relayed datagram (%u byte%s) for %s", size, plurality(size, "", "s"), target);
  if (header >= 4) proto_tree_add_item(own, hf_fragment, tvb, 2, 1, ENC_BIG_ENDIAN);
  if (!attempt) return;
  generated(proto_tree_add_uint(own, hf_id, tvb, 0, 0, attempt->id));
  add_target(own, tvb, attempt->target, attempt->host, attempt->port);
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

void tree_draw_quoted(tvbuff_t *tvb, proto_tree *tree) {
  const unsigned size = tvb_reported_length(tvb);
  proto_tree_add_protocol_format(tree, proto_proxytunnel, tvb, 0, -1, "Proxy Tunnel, quoted bytes of a session (%u)",
                                 size);
}

/* ---------------------------------------------------------------- registration */

#define TEXT_FIELD(variable, title, name, help)                              \
  {                                                                          \
    &(variable), {                                                           \
      title, "proxytunnel." name, FT_STRING, BASE_NONE, NULL, 0, help, HFILL \
    }                                                                        \
  }
#define NUMBER_FIELD(variable, title, name, type, help)                \
  {                                                                    \
    &(variable), {                                                     \
      title, "proxytunnel." name, type, BASE_DEC, NULL, 0, help, HFILL \
    }                                                                  \
  }
#define FRAME_FIELD(variable, title, name, help)                               \
  {                                                                            \
    &(variable), {                                                             \
      title, "proxytunnel." name, FT_FRAMENUM, BASE_NONE, NULL, 0, help, HFILL \
    }                                                                          \
  }

void tree_register(int proto) {
  static hf_register_info fields[] = {
      TEXT_FIELD(hf_protocol, "Protocol", "protocol", "Proxy protocol"),
      TEXT_FIELD(hf_command, "Command", "command", "What the client asked the proxy to do"),
      TEXT_FIELD(hf_status, "Status", "status", "What became of the attempt to open a tunnel"),
      NUMBER_FIELD(hf_reply_code, "Reply code", "reply_code", FT_INT32, "The proxy's answer as a number"),
      TEXT_FIELD(hf_reason, "Reason", "reason", "Reason phrase of the proxy's answer"),
      TEXT_FIELD(hf_target, "Target", "target", "Host and port that the client asked for"),
      TEXT_FIELD(hf_target_host, "Target host", "target.host", "Host that the client asked for"),
      NUMBER_FIELD(hf_target_port, "Target port", "target.port", FT_UINT16, "Port that the client asked for"),
      {&hf_origin_ip,
       {"Origin", "proxytunnel.origin.ip", FT_IPv4, BASE_NONE, NULL, 0, "Address given to the target", HFILL}},
      {&hf_origin_ipv6,
       {"Origin", "proxytunnel.origin.ipv6", FT_IPv6, BASE_NONE, NULL, 0, "Address given to the target", HFILL}},
      TEXT_FIELD(hf_origin_provenance, "Provenance of the origin", "origin.provenance", "What the address rests on"),
      TEXT_FIELD(hf_username, "User name", "username", "User name given to the proxy"),
      TEXT_FIELD(hf_password, "Password", "password", "Shown only if the preferences say so"),
      {&hf_methods,
       {"Method", "proxytunnel.method", FT_UINT8, BASE_DEC, VALS(socks5_method_words), 0,
        "Authentication method of SOCKS5", HFILL}},
      TEXT_FIELD(hf_bound, "Bound address", "bound", "Address and port in the proxy's answer"),
      TEXT_FIELD(hf_peer, "Peer", "peer", "Who connected to the address that the proxy bound (BIND)"),
      TEXT_FIELD(hf_virtual_client, "Virtual client", "virtual_client",
                 "End that stands for the client, whose own port is in use by another conversation: a synthetic port"),
      TEXT_FIELD(hf_real_client, "Real client", "client", "Client that a PROXY header names"),
      NUMBER_FIELD(hf_id, "Tunnel", "id", FT_UINT32, "Number of the attempt, as in the report"),
      NUMBER_FIELD(hf_layer, "Layer", "layer", FT_UINT32, "Number of proxies outside this one"),
      NUMBER_FIELD(hf_parent_stream, "Parent stream", "parent_stream", FT_UINT32,
                   "tcp.stream of the connection that carries the tunnel"),
      NUMBER_FIELD(hf_stream, "Stream", "stream", FT_UINT32, "tcp.stream of the virtual conversation"),
      FRAME_FIELD(hf_request_in, "Request in frame", "request_in", "The request ends in this frame"),
      FRAME_FIELD(hf_reply_in, "Reply in frame", "reply_in", "The proxy's answer ends in this frame"),
      FRAME_FIELD(hf_opened_in, "Opened in frame", "opened_in", "The tunnel opened in this frame"),
      FRAME_FIELD(hf_payload_in, "First payload in frame", "payload_in", "The first payload is shown in this frame"),
      FRAME_FIELD(hf_carried_in, "Stands in frame", "carried_in", "These bytes came in an earlier frame"),
      FRAME_FIELD(hf_understood_in, "Understood in frame", "understood_in",
                  "Only this frame showed what the message means"),
      {&hf_connect_time,
       {"Time from request to reply", "proxytunnel.connect_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0,
        "How long the proxy took to answer", HFILL}},
      {&hf_virtual,
       {"Virtual", "proxytunnel.virtual", FT_BOOLEAN, BASE_NONE, NULL, 0,
        "This packet was not on the wire: it shows the tunnel's payload as if there were no proxy", HFILL}},
      NUMBER_FIELD(hf_fragment, "Fragment", "fragment", FT_UINT8, "Position of a fragment of a relayed datagram"),
      TEXT_FIELD(hf_anomaly, "Anomaly", "anomaly", "Something about this tunnel is unusual"),
  };
  static ei_register_info experts[] = {
      {&ei_refused, {"proxytunnel.refused", PI_RESPONSE_CODE, PI_NOTE, "The proxy opened no tunnel", EXPFILL}},
      {&ei_credentials, {"proxytunnel.credentials", PI_SECURITY, PI_WARN, "Credentials in clear text", EXPFILL}},
      {&ei_malformed,
       {"proxytunnel.handshake_malformed", PI_PROTOCOL, PI_WARN, "The handshake breaks its protocol", EXPFILL}},
      {&ei_incomplete,
       {"proxytunnel.incomplete", PI_SEQUENCE, PI_NOTE, "The handshake did not come to its end", EXPFILL}},
      {&ei_synthetic,
       {"proxytunnel.synthetic", PI_ASSUMPTION, PI_NOTE, "The address of an origin is synthetic", EXPFILL}},
      {&ei_anomaly, {"proxytunnel.unusual", PI_PROTOCOL, PI_NOTE, "Unusual tunnel", EXPFILL}},
  };
  static int *const trees[] = {&ett_proxytunnel, &ett_message, &ett_payload};
  proto_proxytunnel = proto;
  proto_register_field_array(proto, fields, array_length(fields));
  proto_register_subtree_array(trees, array_length(trees));
  expert_register_field_array(expert_register_protocol(proto), experts, array_length(experts));
}
