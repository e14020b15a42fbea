/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: copies of what the core answered, in memory of the file. Drawing reads nothing else.
 */
#include "packet-proxytunnel.h"

#include <string.h>

static wmem_map_t *attempts; /* id -> attempt_t */
static wmem_map_t *standing; /* frame -> wmem_list_t of message_t */

void freeze_reset(void) {
  attempts = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
  standing = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
}

attempt_t *attempt_of(uint32_t id) {
  return attempts && id != PT_NO_TUNNEL ? (attempt_t *)wmem_map_lookup(attempts, GUINT_TO_POINTER(id)) : NULL;
}

wmem_list_t *messages_standing_in(uint32_t frame) {
  return standing ? (wmem_list_t *)wmem_map_lookup(standing, GUINT_TO_POINTER(frame)) : NULL;
}

static const char *keep(const char *text) { return *text ? wmem_strdup(wmem_file_scope(), text) : ""; }

/* "www.example.com:443"; what the client said where that is no target. */
static const char *target_text(const char *host, uint16_t port, const char *said) {
  if (!*host) return keep(said);
  return strchr(host, ':') ? wmem_strdup_printf(wmem_file_scope(), "[%s]:%u", host, port)
                           : wmem_strdup_printf(wmem_file_scope(), "%s:%u", host, port);
}

static attempt_t *attempt_for(uint32_t id, const pt_endpoint_t *client, const pt_endpoint_t *proxy) {
  attempt_t *attempt = attempt_of(id);
  if (attempt) return attempt;
  attempt = wmem_new0(wmem_file_scope(), attempt_t);
  attempt->id = id;
  attempt->parent = PT_NO_TUNNEL;
  attempt->client = *client;
  attempt->proxy = *proxy;
  attempt->protocol = attempt->command = attempt->status = attempt->reason = "";
  attempt->host = attempt->target = attempt->username = attempt->provenance = "";
  attempt->reply_code = -1;
  attempt->parent_stream = attempt->stream = UINT32_MAX;
  attempt->anomalies = wmem_list_new(wmem_file_scope());
  if (id != PT_NO_TUNNEL) wmem_map_insert(attempts, GUINT_TO_POINTER(id), attempt);
  return attempt;
}

static void note_standing(message_t *message) {
  wmem_list_t *list = messages_standing_in(message->frame);
  if (!list) {
    list = wmem_list_new(wmem_file_scope());
    wmem_map_insert(standing, GUINT_TO_POINTER(message->frame), list);
  }
  wmem_list_append(list, message);
}

static attempt_t *update_attempt(const pt_attempt_t *from) {
  attempt_t *attempt = attempt_for(from->id, &from->client, &from->proxy);
  attempt->parent = from->parent;
  attempt->layer = from->layer;
  attempt->protocol = keep(from->protocol);
  attempt->command = keep(from->command);
  attempt->status = keep(from->status);
  attempt->reason = keep(from->reason);
  attempt->host = keep(from->host);
  attempt->port = from->port;
  attempt->target = target_text(from->host, from->port, from->target_text);
  attempt->username = keep(from->username);
  attempt->has_origin = from->has_origin;
  attempt->origin = from->origin;
  attempt->provenance = keep(from->provenance);
  attempt->reply_code = from->reply_code;
  attempt->request_frame = (uint32_t)from->request_frame;
  attempt->reply_frame = (uint32_t)from->reply_frame;
  attempt->request_time = from->request_time;
  attempt->reply_time = from->reply_time;
  attempt->anomalies = wmem_list_new(wmem_file_scope());
  for (size_t i = 0; i < from->anomalies_count; i++) {
    wmem_list_append(attempt->anomalies, wmem_strdup(wmem_file_scope(), from->anomalies[i]));
  }
  return attempt;
}

static void freeze_message(const pt_message_t *from, const segment_t *segment, uint32_t frame, message_t *message) {
  message->kind = from->kind;
  message->attempt = from->tunnel;
  message->frame = (uint32_t)from->frame;
  message->understood_in = frame;
  message->sender_port = from->from_client ? from->client.port : from->proxy.port;
  message->receiver_port = from->from_client ? from->proxy.port : from->client.port;
  message->size = from->size;
  message->from_client = from->from_client;
  message->protocol = keep(from->protocol);
  message->command = keep(from->command);
  message->host = keep(from->host);
  message->port = from->port;
  message->target = target_text(from->host, from->port, from->target_text);
  message->username = keep(from->username);
  message->password = keep(from->password);
  message->reason = keep(from->reason);
  message->bound = *from->bound_host ? target_text(from->bound_host, from->bound_port, "") : "";
  if (from->methods_size) {
    message->methods = (const uint8_t *)wmem_memdup(wmem_file_scope(), from->methods, from->methods_size);
    message->methods_size = (unsigned)from->methods_size;
  }
  message->reply_code = from->reply_code;
  if (message->frame != frame) note_standing(message);

  const bool is_request = message->kind == PT_SOCKS4_REQUEST || message->kind == PT_SOCKS5_REQUEST ||
                          message->kind == PT_HTTP_CONNECT_REQUEST;
  if (!is_request || from->tunnel == PT_NO_TUNNEL) return;
  attempt_t *attempt = attempt_for(from->tunnel, &from->client, &from->proxy);
  attempt->parent = segment->parent;
  attempt->layer = segment->layer;
  attempt->protocol = message->protocol;
  attempt->command = message->command;
  attempt->host = message->host;
  attempt->port = message->port;
  attempt->target = message->target;
  attempt->username = message->username;
  attempt->request_time = from->time;
  attempt->request_frame = message->frame;
}

static bool same_endpoint(const pt_endpoint_t *end, const address *addr, uint16_t port) {
  const int size = end->address.version == 4 ? 4 : 16;
  return end->port == port && addr->len == size && !memcmp(addr->data, end->address.octets, (size_t)size);
}

static bool is_of_segment(const pt_attempt_t *attempt, const segment_t *segment) {
  return (same_endpoint(&attempt->client, &segment->sender, segment->sender_port) &&
          same_endpoint(&attempt->proxy, &segment->receiver, segment->receiver_port)) ||
         (same_endpoint(&attempt->client, &segment->receiver, segment->receiver_port) &&
          same_endpoint(&attempt->proxy, &segment->sender, segment->sender_port));
}

static void freeze_event(const pt_event_t *event, const segment_t *segment, uint32_t frame, record_t *record) {
  switch (event->kind) {
    case PT_EVENT_MESSAGE:
      freeze_message(&event->message, segment, frame, &record->messages[record->messages_count++]);
      break;
    case PT_EVENT_OPENED:
      record->opened = update_attempt(&event->attempt);
      record->opened->opened = true;
      record->opened->opened_frame = frame;
      break;
    case PT_EVENT_ENDED: {
      attempt_t *attempt = update_attempt(&event->attempt);
      attempt->ended = true;
      /* A SYN on used ports ends what was there before; that is not told where the new connection begins. */
      if (!attempt->opened && !segment->has_syn && is_of_segment(&event->attempt, segment)) {
        record->over_status[record->over_count] = attempt->status;
        record->over[record->over_count++] = attempt;
      }
      break;
    }
    case PT_EVENT_SKIPPED:
      break;
  }
}

static void freeze_events(const pt_outcome_t *outcome, const segment_t *segment, uint32_t frame, record_t *record) {
  const size_t count = pt_outcome_event_count(outcome);
  if (!count) return;
  record->messages = wmem_alloc0_array(wmem_file_scope(), message_t, count);
  record->over = wmem_alloc0_array(wmem_file_scope(), attempt_t *, count);
  record->over_status = wmem_alloc0_array(wmem_file_scope(), const char *, count);
  for (size_t i = 0; i < count; i++) {
    pt_event_t event;
    pt_outcome_event(outcome, i, &event);
    freeze_event(&event, segment, frame, record);
  }
}

static void freeze_segment(const pt_virtual_segment_t *from, const segment_t *segment, uint32_t frame,
                           virtual_t *result) {
  result->kind = from->kind;
  result->attempt = attempt_of(from->tunnel);
  result->from_client = from->from_client;
  result->ip_size = (unsigned)from->ip_size;
  result->tcp_size = (unsigned)from->tcp_size;
  result->headers = (const uint8_t *)wmem_memdup(wmem_file_scope(), from->headers, from->ip_size + from->tcp_size);
  result->captured = (unsigned)from->payload_size;
  result->length = from->length;
  result->offset = from->offset;
  result->frame = (uint32_t)from->frame;
  if (from->payload_size) {
    const uint8_t *begin = segment->bytes + segment->header_size;
    const uint8_t *end = begin + segment->captured;
    if (from->payload >= begin && from->payload + from->payload_size <= end) {
      result->place = (unsigned)(from->payload - begin);
    } else {
      result->kept = (const uint8_t *)wmem_memdup(wmem_file_scope(), from->payload, from->payload_size);
    }
    if (result->attempt && !result->attempt->payload_frame) result->attempt->payload_frame = frame;
  }
}

record_t *freeze_outcome(const pt_outcome_t *outcome, const segment_t *segment, uint32_t frame) {
  const pt_progress_t progress = pt_outcome_progress(outcome);
  const bool ours = progress == PT_HANDSHAKE || progress == PT_OPEN;
  const size_t count = pt_outcome_segment_count(outcome);
  if (!count && !pt_outcome_event_count(outcome) && !(ours && segment->length)) return NULL;

  record_t *record = wmem_new0(wmem_file_scope(), record_t);
  record->sender_port = segment->sender_port;
  record->receiver_port = segment->receiver_port;
  record->sequence = segment->sequence;
  record->progress = progress;
  record->tunnel = pt_outcome_tunnel(outcome);
  record->handshake_bytes = pt_outcome_handshake_bytes(outcome);
  freeze_events(outcome, segment, frame, record);
  /* A refusal ends a session, and its bytes still are the session's. */
  record->claimed = segment->length && (ours || record->messages_count || record->over_count);
  if (!ours) record->handshake_bytes = segment->length;
  record->segments = wmem_alloc0_array(wmem_file_scope(), virtual_t, count);
  for (size_t i = 0; i < count; i++) {
    pt_virtual_segment_t from;
    pt_outcome_segment(outcome, i, &from);
    freeze_segment(&from, segment, frame, &record->segments[record->segments_count]);
    if (record->segments[record->segments_count].attempt) record->segments_count++;
  }
  return record;
}
