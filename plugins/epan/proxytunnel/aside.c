/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what other dissectors keep of a frame makes way while a virtual packet is dissected, and comes back.
 */
#include "aside.h"

#include <epan/proto_data.h>

#include "frame.h"

static int proto_proxytunnel = -1, proto_http = -1;

enum { key_http = 0 }; /* HTTP's own, in memory of the file */

/* HTTP may have added one for each message. */
static void *take(packet_info *pinfo) {
  void *latest = p_get_proto_data(wmem_file_scope(), pinfo, proto_http, key_http);
  while (p_get_proto_data(wmem_file_scope(), pinfo, proto_http, key_http)) {
    p_remove_proto_data(wmem_file_scope(), pinfo, proto_http, key_http);
  }
  return latest;
}

static void put(packet_info *pinfo, void *memory) {
  if (memory) p_add_proto_data(wmem_file_scope(), pinfo, proto_http, key_http, memory);
}

void *aside_enter(packet_info *pinfo, unsigned position) {
  void *parents = take(pinfo);
  put(pinfo, p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_aside + position));
  return parents;
}

void aside_leave(packet_info *pinfo, unsigned position, void *parents) {
  void *own = take(pinfo);
  const bool is_new = own && !p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_aside + position);
  if (is_new) p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_aside + position, own);
  put(pinfo, parents);
}

void aside_handoff(int proto) {
  proto_proxytunnel = proto;
  proto_http = proto_get_id_by_filter_name("http");
}
