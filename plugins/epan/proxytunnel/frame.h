/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is kept of one frame under the keys of its memory, which are all here.
 */
#ifndef PROXYTUNNEL_FRAME_H
#define PROXYTUNNEL_FRAME_H

#include "ws_compat.h"

/* In memory of the packet: gone with its dissection. */
enum {
  key_virtual,
  key_shown,
  key_used,
  key_taps,
  key_segments,
  key_places,
  key_targets,
  key_ends,
  key_found = 1 << 16
};

/* In memory of the file. */
enum { key_segment_records, key_records = 1 << 20 };

/* Counts in memory of the packet: how many times it was called before for this frame and this key. */
unsigned frame_count(packet_info *pinfo, int proto, uint32_t key);

#endif
