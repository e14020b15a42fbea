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

record_t *shim_record(packet_info *pinfo, const segment_t *segment, const source_t *source,
                      record_t *(*feed)(const packet_info *pinfo, const segment_t *segment, const source_t *source)) {
  const unsigned call = frame_count(pinfo, proto_proxytunnel, key_calls); /* the position in the frame */
  if (!pinfo->fd->visited) {
    record_t *record = feed(pinfo, segment, source);
    if (record) p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call, record);
    return record;
  }
  record_t *record = (record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call);
  const bool same = record && record->check == segment->sequence && record->sender_port == segment->sender_port &&
                    record->receiver_port == segment->receiver_port && record->parent == segment->parent;
  return same ? record : NULL;
}

void shim_register(int proto) {
  proto_proxytunnel = proto;
}
