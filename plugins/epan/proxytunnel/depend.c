/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the frames that a virtual packet depends on.
 */
#include "depend.h"

#include <epan/dissectors/packet-tcp.h>
#include <string.h>

/* The first frames of a connection that tell what it is, ascending: of an ordinary handshake all. Each of them may come
 * to depend on those before it. */
enum { OPENING_FRAMES = 64 };
typedef struct {
  unsigned count;
  uint32_t frames[OPENING_FRAMES];
} opening_t;
static wmem_map_t *openings; /* tcp.stream -> opening_t */

/* The first frames of a connection of which nobody knows yet what it is. Most are ordinary: this must cost little, so
 * where two connections would have the same place, the older one's frames are forgotten. */
enum { RECENT_CONNECTIONS = 4096, RECENT_FRAMES = 13 };
typedef struct {
  uint64_t key;
  uint32_t count, frames[RECENT_FRAMES];
} recent_t;
static recent_t recents[RECENT_CONNECTIONS]; /* of the open file */

static void forget_recents(void) {
  memset(recents, 0, sizeof recents);
}

static uint64_t end_key(const address *addr, uint16_t port) {
  uint32_t last;
  memcpy(&last, (const uint8_t *)addr->data + addr->len - sizeof last, sizeof last);
  return ((uint64_t)last << 16 | port) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The same for both directions. */
static recent_t *recent_of(const segment_t *segment) {
  const uint64_t ends = end_key(&segment->sender, segment->sender_port) +
                        end_key(&segment->receiver, segment->receiver_port) + segment->parent;
  recent_t *recent = &recents[ends >> 52];
  const bool begins = segment->has_syn && !(segment->bytes[13] & TH_ACK);
  if (recent->key != ends || begins) recent->count = 0;
  recent->key = ends;
  return recent;
}

static opening_t *opening_of(uint32_t stream) {
  return stream != UINT32_MAX ? (opening_t *)wmem_map_lookup(openings, GUINT_TO_POINTER(stream)) : NULL;
}

static void append(opening_t *opening, uint32_t frame) {
  const bool is_there = opening->count && opening->frames[opening->count - 1] == frame;
  if (!is_there && opening->count < OPENING_FRAMES) opening->frames[opening->count++] = frame;
}

static void append_recent(opening_t *opening, const segment_t *segment) {
  const recent_t *recent = recent_of(segment);
  for (uint32_t i = 0; i < recent->count; i++) append(opening, recent->frames[i]);
}

void depend_note(packet_info *pinfo, const segment_t *segment, const record_t *record) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  if (!record) {
    recent_t *recent = recent_of(segment);
    if (recent->count < RECENT_FRAMES) recent->frames[recent->count++] = pinfo->num;
    return;
  }
  const uint32_t stream = stream_of(pinfo, segment);
  if (stream == UINT32_MAX) return;
  opening_t *opening = opening_of(stream);
  if (!opening) {
    opening = wmem_new0(wmem_file_scope(), opening_t);
    wmem_map_insert(openings, GUINT_TO_POINTER(stream), opening);
    append_recent(opening, segment);
  }
  append(opening, pinfo->num);
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
  const opening_t *opening = opening_of(attempt->parent_stream);
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
  register_init_routine(forget_recents);
  openings = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
