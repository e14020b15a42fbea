/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what the shims in front of TCP and UDP share.
 */
#include "shim.h"

#include <epan/proto_data.h>

#include "frame.h"

static int proto_proxytunnel = -1;

dissector_handle_t shim_stand_before(uint32_t number, dissector_t shim, int proto) {
  const dissector_handle_t behind = dissector_get_uint_handle(find_dissector_table("ip.proto"), number);
  dissector_add_uint("ip.proto", number, create_dissector_handle(shim, proto));
  return behind;
}

/* Of the frame, or of the virtual packet (aside.c): most have none. */
static wmem_list_t *records_of(packet_info *pinfo) {
  return (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_segment_records);
}

static void keep_record(packet_info *pinfo, record_t *record) {
  wmem_list_t *records = records_of(pinfo);
  if (!records) {
    records = wmem_list_new(wmem_file_scope());
    p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_segment_records, records);
  }
  wmem_list_append(records, record);
}

static bool is_of(const record_t *record, const segment_t *segment) {
  return record->check == segment->sequence && record->sender_port == segment->sender_port &&
         record->receiver_port == segment->receiver_port && record->parent == segment->parent;
}

/* A segment that stands several times in a frame finds its records in their order. */
static record_t *find_record(packet_info *pinfo, const segment_t *segment) {
  wmem_list_t *records = records_of(pinfo);
  record_t *found = NULL;
  unsigned left = UINT_MAX;
  uint32_t place = 0;
  for (wmem_list_frame_t *at = records ? wmem_list_head(records) : NULL; at && left; at = wmem_list_frame_next(at)) {
    record_t *record = (record_t *)wmem_list_frame_data(at);
    place++;
    if (!is_of(record, segment)) continue;
    if (!found) left = frame_count(pinfo, proto_proxytunnel, key_found + place) + 1;
    found = record;
    left--;
  }
  return found;
}

record_t *shim_record(packet_info *pinfo, const segment_t *segment, const source_t *source,
                      record_t *(*feed)(const packet_info *pinfo, const segment_t *segment, const source_t *source)) {
  if (pinfo->fd->visited) return find_record(pinfo, segment);
  record_t *record = feed(pinfo, segment, source);
  if (record) keep_record(pinfo, record);
  return record;
}

void shim_register(int proto) {
  proto_proxytunnel = proto;
}
