/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the frames that a virtual packet depends on.
 */
#include "depend.h"

/* conversation -> opening_t. Most connections are ordinary, and have few. */
static wmem_map_t *openings;

static opening_t *opening_of(conversation_t *conversation) {
  opening_t *opening = (opening_t *)wmem_map_lookup(openings, conversation);
  if (opening) return opening;
  opening = wmem_new0(wmem_file_scope(), opening_t);
  wmem_map_insert(openings, conversation, opening);
  return opening;
}

static void append(opening_t *opening, uint32_t frame) {
  if (opening->count == OPENING_FRAMES || (opening->count && opening->frames[opening->count - 1] == frame)) return;
  const bool is_power_of_two = !(opening->count & (opening->count - 1));
  if (opening->count < 4 ? !opening->count : is_power_of_two) {
    const size_t room = opening->count < 4 ? 4 : (size_t)opening->count * 2;
    opening->frames = (uint32_t *)wmem_realloc(wmem_file_scope(), opening->frames, room * sizeof(uint32_t));
  }
  opening->frames[opening->count++] = frame;
}

void depend_note(packet_info *pinfo, const segment_t *segment, const record_t *record) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  conversation_t *conversation = conversation_of(pinfo, segment);
  if (!conversation) return;
  opening_t *opening = opening_of(conversation);
  append(opening, pinfo->num);
  if (!record) return;
  for (unsigned i = 0; i < record->opened_count; i++) record->opened[i]->opening = opening;
  for (unsigned i = 0; i < record->messages_count; i++) {
    attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) attempt->opening = opening;
  }
}

static void mark(packet_info *pinfo, uint32_t frame) {
  if (frame && frame < pinfo->num) ws_depend(pinfo, frame);
}

/* Where it is kept, most frames depend on one that depends on those before it. */
static unsigned first_of(const opening_t *opening, uint32_t frame, unsigned before) {
  const bool is_one = before < opening->count && opening->frames[before] == frame;
  return WS_DEPENDS_FOR_GOOD && !is_one && before ? before - 1 : 0;
}

/* Later passes know more of a connection than the first: what comes behind the frame is nothing to it. */
void depend_mark(packet_info *pinfo, const virtual_t *packet) {
  const attempt_t *attempt = packet->attempt;
  const opening_t *opening = attempt->opening;
  mark(pinfo, packet->carried_in);
  if (!opening) {
    mark(pinfo, attempt->request_frame);
    mark(pinfo, attempt->reply_frame);
    return;
  }
  unsigned before = opening->count;
  while (before && opening->frames[before - 1] >= pinfo->num) before--;
  for (unsigned i = before ? first_of(opening, pinfo->num, before) : 0; i < before; i++) {
    mark(pinfo, opening->frames[i]);
  }
}

void depend_register(void) {
  openings = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
