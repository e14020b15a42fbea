/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: copies of what the core answered, in memory of the file.
 */
#include "freeze.h"

#include <string.h>

#include "names.h"

static const char *keep(const char *text) {
  return *text ? wmem_strdup(wmem_file_scope(), text) : "";
}

/* What was kept before, if it says the same; NULL: nothing was. An attempt is told of several times. */
static const char *keep_again(const char *before, const char *text) {
  return before && !strcmp(before, text) ? before : keep(text);
}

/* "www.example.com:443"; what the client said where that is no target. */
static const char *target_text(const char *host, uint16_t port, const char *said) {
  if (!*host) return keep(said);
  return strchr(host, ':') ? wmem_strdup_printf(wmem_file_scope(), "[%s]:%u", host, port)
                           : wmem_strdup_printf(wmem_file_scope(), "%s:%u", host, port);
}

static attempt_t *attempt_for(uint32_t id) {
  attempt_t *attempt = attempt_of(id);
  if (attempt) return attempt;
  attempt = wmem_new0(wmem_file_scope(), attempt_t);
  attempt->id = id;
  attempt->parent_stream = attempt->stream = UINT32_MAX;
  record_keep_attempt(attempt);
  return attempt;
}

static void fill_attempt(const pt_attempt_t *from, attempt_t *attempt) {
  attempt->client = from->client;
  attempt->proxy = from->proxy;
  attempt->parent = from->parent;
  attempt->layer = from->layer;
  attempt->protocol = from->protocol;
  attempt->command = from->command;
  attempt->status = from->status;
  attempt->reason = keep_again(attempt->reason, from->reason);
  const bool same_target = attempt->target && attempt->port == from->port && !strcmp(attempt->host, from->host);
  if (!same_target || !*from->host) attempt->target = target_text(from->host, from->port, from->target_text);
  attempt->host = keep_again(attempt->host, from->host);
  attempt->port = from->port;
  attempt->username = keep_again(attempt->username, from->username);
  attempt->has_bound = from->has_bound;
  attempt->bound = from->bound;
  attempt->has_origin = from->has_origin;
  attempt->origin = from->origin;
  attempt->provenance = from->provenance;
  attempt->virtual_client = from->has_virtual_client ? endpoint_text(wmem_file_scope(), &from->virtual_client) : "";
  attempt->reply_code = from->reply_code;
  attempt->request_frame = (uint32_t)from->request_frame;
  attempt->reply_frame = (uint32_t)from->reply_frame;
  attempt->request_time = from->request_time;
  attempt->reply_time = from->reply_time;
  attempt->anomalies = from->anomalies_count ? wmem_list_new(wmem_file_scope()) : NULL;
  for (size_t i = 0; i < from->anomalies_count; i++) {
    wmem_list_append(attempt->anomalies, wmem_strdup(wmem_file_scope(), from->anomalies[i]));
  }
}

static attempt_t *update_attempt(const pt_attempt_t *from) {
  attempt_t *attempt = attempt_for(from->id);
  fill_attempt(from, attempt);
  return attempt;
}

/* What was drawn of the association itself stays as it was. */
static void add_flow(const pt_attempt_t *from, uint32_t flow) {
  const attempt_t *association = attempt_for(from->id);
  attempt_t *attempt = (attempt_t *)wmem_memdup(wmem_file_scope(), association, sizeof(attempt_t));
  fill_attempt(from, attempt);
  record_keep_flow(flow, attempt);
  names_register(attempt);
}

static void freeze_message(const pt_message_t *from, uint32_t frame, message_t *message) {
  message->kind = from->kind;
  message->attempt = from->tunnel;
  message->frame = (uint32_t)from->frame;
  message->understood_in = frame;
  message->sender_port = from->from_client ? from->client.port : from->proxy.port;
  message->receiver_port = from->from_client ? from->proxy.port : from->client.port;
  message->size = from->size;
  message->from_client = from->from_client;
  message->protocol = from->protocol;
  message->command = from->command;
  message->host = keep(from->host);
  message->port = from->port;
  message->target = target_text(from->host, from->port, from->target_text);
  message->username = keep(from->username);
  message->password = keep(from->password);
  message->reason = keep(from->reason);
  message->bound_host = keep(from->bound_host);
  message->bound = *from->bound_host ? target_text(from->bound_host, from->bound_port, "") : "";
  message->peer = *from->peer_host ? target_text(from->peer_host, from->peer_port, "") : "";
  message->real_client = from->has_real_client ? endpoint_text(wmem_file_scope(), &from->real_client) : "";
  message->anomaly = keep(from->anomaly);
  if (from->methods_size) {
    message->methods = (const uint8_t *)wmem_memdup(wmem_file_scope(), from->methods, from->methods_size);
    message->methods_size = (unsigned)from->methods_size;
  }
  message->reply_code = from->reply_code;
  message->is_interim = from->is_interim;
  if (message->frame != frame) record_keep_standing(message);
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

static void add_name(const pt_event_t *event) {
  attempt_t named = {.host = event->name, .provenance = pt_provenance_socks_reply, .has_origin = true};
  named.client.address.version = named.origin.address.version = event->address.version;
  memcpy(named.origin.address.octets, event->address.octets, sizeof event->address.octets);
  names_register(&named);
}

static void freeze_event(const pt_event_t *event, const segment_t *segment, uint32_t frame, record_t *record) {
  switch (event->kind) {
    case PT_EVENT_MESSAGE:
      freeze_message(&event->message, frame, &record->messages[record->messages_count++]);
      break;
    case PT_EVENT_REQUESTED: {
      attempt_t *requested = update_attempt(&event->attempt);
      requested->requested = true;
      record->requested[record->requested_count++] = requested;
      break;
    }
    case PT_EVENT_OPENED: {
      attempt_t *opened = update_attempt(&event->attempt);
      opened->opened = true;
      opened->opened_frame = frame;
      record->opened[record->opened_count++] = opened;
      names_register(opened);
      break;
    }
    case PT_EVENT_FLOW:
      add_flow(&event->attempt, event->flow);
      break;
    case PT_EVENT_NAME:
      add_name(event);
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
      /* Others are about connections that may be no proxy's. */
      if (!strcmp(event->skipped, PT_PAYLOAD_AFTER_REFUSAL)) record->after_refusal = true;
      break;
  }
}

static void freeze_events(const pt_outcome_t *outcome, const segment_t *segment, uint32_t frame, record_t *record) {
  const size_t count = pt_outcome_event_count(outcome);
  if (!count) return;
  record->messages = wmem_alloc0_array(wmem_file_scope(), message_t, count);
  record->requested = wmem_alloc0_array(wmem_file_scope(), attempt_t *, count);
  record->opened = wmem_alloc0_array(wmem_file_scope(), attempt_t *, count);
  record->over = wmem_alloc0_array(wmem_file_scope(), attempt_t *, count);
  record->over_status = wmem_alloc0_array(wmem_file_scope(), pt_status_t, count);
  for (size_t i = 0; i < count; i++) {
    pt_event_t event;
    pt_outcome_event(outcome, i, &event);
    /* What is odd about a body stands among the anomalies of its tunnel. */
    if (event.kind == PT_EVENT_MESSAGE && pt_message(event.message.kind)->traits & PT_UNTOLD) continue;
    freeze_event(&event, segment, frame, record);
  }
}

static void freeze_packet(const pt_virtual_packet_t *from, const source_t *source, uint32_t frame, virtual_t *result) {
  result->kind = from->kind;
  result->is_udp = from->transport == PT_OVER_UDP;
  result->attempt = result->is_udp ? flow_of(from->tunnel, from->flow) : NULL;
  if (!result->attempt) result->attempt = attempt_of(from->tunnel); /* PROXY headers: there are no flows */
  if (result->attempt) result->attempt->path = from->path;
  result->from_client = from->from_client;
  result->ip_size = (unsigned)from->ip_size;
  result->transport_size = (unsigned)from->transport_size;
  result->headers =
      (const uint8_t *)wmem_memdup(wmem_file_scope(), from->headers, from->ip_size + from->transport_size);
  result->captured = (unsigned)from->payload_size;
  result->length = from->length;
  result->offset = from->offset;
  result->frame = (uint32_t)from->frame;
  result->carried_in = (uint32_t)from->carried_in;
  result->time = from->time;
  result->vlan = from->vlan;
  if (!from->payload_size) return;
  const uint8_t *begin = source->payload;
  if (from->payload >= begin && from->payload + from->payload_size <= begin + source->captured) {
    result->place = (unsigned)(from->payload - begin);
  } else {
    result->kept = (const uint8_t *)wmem_memdup(wmem_file_scope(), from->payload, from->payload_size);
  }
  if (result->attempt && !result->attempt->payload_frame) result->attempt->payload_frame = frame;
}

static void freeze_parts(const pt_outcome_t *outcome, record_t *record) {
  record->parts_count = (unsigned)pt_outcome_part_count(outcome);
  record->parts = wmem_alloc0_array(wmem_file_scope(), pt_part_t, record->parts_count);
  for (unsigned i = 0; i < record->parts_count; i++) pt_outcome_part(outcome, i, &record->parts[i]);
}

record_t *freeze_outcome(const pt_outcome_t *outcome, const segment_t *segment, const source_t *source,
                         const packet_info *pinfo) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  const uint32_t frame = pinfo->num;
  const pt_progress_t progress = pt_outcome_progress(outcome);
  const bool ours = progress == PT_HANDSHAKE || progress == PT_OPEN;
  const size_t count = pt_outcome_packet_count(outcome);
  if (!count && !pt_outcome_event_count(outcome) && !(ours && segment->length)) return NULL;

  record_t *record = wmem_new0(wmem_file_scope(), record_t);
  record->sender_port = segment->sender_port;
  record->receiver_port = segment->receiver_port;
  record->check = segment->sequence;
  record->parent = segment->parent;
  record->progress = progress;
  freeze_parts(outcome, record);
  freeze_events(outcome, segment, frame, record);
  /* A refusal ends a session, and its bytes still are the session's. */
  record->claimed = segment->length && (ours || record->messages_count || record->over_count);
  record->packets = wmem_alloc0_array(wmem_file_scope(), virtual_t, count);
  for (size_t i = 0; i < count; i++) {
    pt_virtual_packet_t from;
    pt_outcome_packet(outcome, i, &from);
    freeze_packet(&from, source, frame, &record->packets[record->packets_count]);
    if (record->packets[record->packets_count].attempt) record->packets_count++;
  }
  return record;
}
