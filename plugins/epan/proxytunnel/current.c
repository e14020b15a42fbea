/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what a shim has given to the dissector behind it.
 */
#include "current.h"

#include <epan/exceptions.h>
#include <epan/show_exception.h>

#include "tree.h"

static current_t nothing;
static current_t *innermost = &nothing;
static const virtual_t *expected;

current_t *current(void) {
  return innermost;
}

/* TCP hands nothing over, so that nobody asks what is current. */
static bool is_bare(const current_t *own) {
  return own->segment && !own->record && !own->segment->length && own->segment->end == PT_STREAM_OPEN;
}

int current_dissect(current_t *own, dissector_handle_t parent, packet_info *pinfo, proto_tree *tree, void *data) {
  if (is_bare(own)) return call_dissector_only(parent, own->tvb, pinfo, tree, data);
  volatile int size = 0;
  own->outer = innermost;
  innermost = own;
  TRY {
    size = call_dissector_only(parent, own->tvb, pinfo, tree, data);
  }
  CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
    if (!own->record) RETHROW;
    show_exception(own->tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
  }
  FINALLY {
    innermost = own->outer;
  }
  ENDTRY;
  return size || !own->record ? size : (int)tvb_captured_length(own->tvb);
}

/* Known once TCP has seen the segment; drawn on every frame that tells of the attempt. */
static void note_parent_stream(packet_info *pinfo, const segment_t *segment, const record_t *record) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  const uint32_t stream = stream_of(pinfo, segment);
  for (unsigned i = 0; i < record->opened_count; i++) record->opened[i]->parent_stream = stream;
  for (unsigned i = 0; i < record->over_count; i++) record->over[i]->parent_stream = stream;
  for (unsigned i = 0; i < record->messages_count; i++) {
    attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) attempt->parent_stream = stream;
  }
}

void current_draw(current_t *own, packet_info *pinfo, proto_tree *tree) {
  if (own->is_drawn || !own->record) return;
  own->is_drawn = true;
  if (!pinfo->fd->visited) note_parent_stream(pinfo, own->segment, own->record);
  tree_draw_record(own->tvb, pinfo, tree, own->segment, own->record);
}

void current_expect(const virtual_t *packet) {
  expected = packet;
}

const virtual_t *current_take_expected(void) {
  const virtual_t *taken = expected;
  expected = NULL;
  return taken;
}
