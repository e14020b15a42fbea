/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is kept of one frame under the keys of its memory.
 */
#include "frame.h"

#include <epan/proto_data.h>

unsigned frame_count(packet_info *pinfo, int proto, uint32_t key) {
  unsigned *count = (unsigned *)p_get_proto_data(pinfo->pool, pinfo, proto, key);
  if (!count) {
    count = wmem_new0(pinfo->pool, unsigned);
    p_add_proto_data(pinfo->pool, pinfo, proto, key, count);
  }
  return (*count)++;
}
