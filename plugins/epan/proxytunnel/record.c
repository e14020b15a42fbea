/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is kept of attempts, segments and datagrams as long as the file is open.
 */
#include "record.h"

static wmem_map_t *attempts; /* id -> attempt_t */
static wmem_map_t *flows;    /* id << 32 | flow -> attempt_t */
static wmem_map_t *standing; /* frame -> wmem_list_t of message_t */

bool record_forwards(const record_t *record) {
  for (unsigned i = 0; i < record->parts_count; i++) {
    const attempt_t *attempt = attempt_of(record->parts[i].tunnel);
    if (attempt && is_forward(attempt)) return true;
  }
  return false;
}

attempt_t *attempt_of(uint32_t id) {
  return id != PT_NO_TUNNEL ? (attempt_t *)wmem_map_lookup(attempts, GUINT_TO_POINTER(id)) : NULL;
}

attempt_t *flow_of(uint32_t id, uint32_t flow) {
  const uint64_t key = (uint64_t)id << 32 | flow;
  return (attempt_t *)wmem_map_lookup(flows, &key);
}

uint32_t payload_frame_of(const attempt_t *attempt) {
  const attempt_t *flow = attempt->payload_frame ? NULL : flow_of(attempt->id, 0);
  return flow ? flow->payload_frame : attempt->payload_frame;
}

bool is_forward(const attempt_t *attempt) {
  return attempt->protocol == pt_protocol_http_forward || attempt->protocol == pt_protocol_http_forwarded;
}

wmem_list_t *messages_standing_in(uint32_t frame) {
  return (wmem_list_t *)wmem_map_lookup(standing, GUINT_TO_POINTER(frame));
}

void record_keep_attempt(attempt_t *attempt) {
  if (attempt->id != PT_NO_TUNNEL) wmem_map_insert(attempts, GUINT_TO_POINTER(attempt->id), attempt);
}

void record_keep_flow(uint32_t flow, attempt_t *attempt) {
  uint64_t *key = wmem_new(wmem_file_scope(), uint64_t);
  *key = (uint64_t)attempt->id << 32 | flow;
  wmem_map_insert(flows, key, attempt);
}

void record_keep_standing(message_t *message) {
  wmem_list_t *list = messages_standing_in(message->frame);
  if (!list) {
    list = wmem_list_new(wmem_file_scope());
    wmem_map_insert(standing, GUINT_TO_POINTER(message->frame), list);
  }
  wmem_list_append(list, message);
}

/* Each file begins with none. */
void record_register(void) {
  wmem_allocator_t *always = wmem_epan_scope(), *file = wmem_file_scope();
  attempts = wmem_map_new_autoreset(always, file, g_direct_hash, g_direct_equal);
  flows = wmem_map_new_autoreset(always, file, wmem_int64_hash, g_int64_equal);
  standing = wmem_map_new_autoreset(always, file, g_direct_hash, g_direct_equal);
}
