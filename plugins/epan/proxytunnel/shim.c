/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what the shims in front of TCP and UDP share.
 */
#include "shim.h"

#include <epan/proto_data.h>

static int proto_proxytunnel = -1;

/* A key of per-packet memory; records have the keys from 0 on, in memory of the file. */
enum { key_calls = 0 };

dissector_handle_t shim_stand_before(uint32_t number, dissector_t shim, int proto) {
  const dissector_handle_t behind = dissector_get_uint_handle(find_dissector_table("ip.proto"), number);
  dissector_add_uint("ip.proto", number, create_dissector_handle(shim, proto));
  return behind;
}

/* The position among the segments and datagrams of the frame. */
static unsigned count_call(packet_info *pinfo) {
  unsigned *calls = (unsigned *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls);
  if (!calls) {
    calls = wmem_new0(pinfo->pool, unsigned);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls, calls);
  }
  return (*calls)++;
}

record_t *shim_record(packet_info *pinfo, const segment_t *segment, const source_t *source,
                      record_t *(*feed)(const packet_info *pinfo, const segment_t *segment, const source_t *source)) {
  const unsigned call = count_call(pinfo);
  if (!pinfo->fd->visited) {
    record_t *record = feed(pinfo, segment, source);
    if (record) p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call, record);
    return record;
  }
  record_t *record = (record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call);
  const bool same = record && record->sequence == segment->sequence && record->sender_port == segment->sender_port &&
                    record->receiver_port == segment->receiver_port && record->parent == segment->parent;
  return same ? record : NULL;
}

void shim_register(int proto) {
  proto_proxytunnel = proto;
}
