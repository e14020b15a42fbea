/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is shown in one frame besides what was captured.
 */
#include "shown.h"

#include <epan/dissectors/packet-udp.h>
#include <epan/proto_data.h>

static int proto_proxytunnel = -1;

/* Keys of per-packet memory; records have the keys from 0 on, in memory of the file. */
enum { key_virtual = 1, key_datagrams = 2 };

bool shown_any(packet_info *pinfo) {
  return p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual) != NULL;
}

unsigned shown_count(packet_info *pinfo) {
  unsigned *count = (unsigned *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual);
  if (!count) {
    count = wmem_new0(pinfo->pool, unsigned);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual, count);
  }
  return (*count)++;
}

uint32_t shown_note_datagram(packet_info *pinfo, tvbuff_t *packet) {
  wmem_list_t *list = (wmem_list_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_datagrams);
  if (!list) {
    list = wmem_list_new(pinfo->pool);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_datagrams, list);
  }
  shown_t *shown = wmem_new0(pinfo->pool, shown_t);
  shown->packet = tvb_get_ds_tvb(packet);
  copy_address_wmem(pinfo->pool, &shown->sender, &pinfo->src);
  copy_address_wmem(pinfo->pool, &shown->receiver, &pinfo->dst);
  shown->sender_port = (uint16_t)pinfo->srcport;
  shown->receiver_port = (uint16_t)pinfo->destport;
  conversation_t *conversation = ws_find_udp_conversation(pinfo);
  const struct udp_analysis *analysis = conversation ? get_udp_conversation_data(conversation, pinfo) : NULL;
  shown->stream = analysis ? analysis->stream : UINT32_MAX;
  wmem_list_append(list, shown);
  return shown->stream;
}

const shown_t *shown_datagram_of(packet_info *pinfo, tvbuff_t *tvb) {
  wmem_list_t *list = (wmem_list_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_datagrams);
  const tvbuff_t *packet = tvb_get_ds_tvb(tvb);
  for (wmem_list_frame_t *at = list ? wmem_list_head(list) : NULL; at; at = wmem_list_frame_next(at)) {
    const shown_t *shown = (const shown_t *)wmem_list_frame_data(at);
    if (shown->packet == packet) return shown;
  }
  return NULL;
}

void shown_register(int proto) {
  proto_proxytunnel = proto;
}
