/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: where a packet is: its VLANs, and what wraps it.
 */
#ifndef PROXYTUNNEL_PLACE_H
#define PROXYTUNNEL_PLACE_H

#include "segment.h"

/* False only if no other IP packet is around the one that has the segment, going by the layers that Wireshark found. */
bool is_wrapped(const packet_info *pinfo, const segment_t *segment);
/* As the core finds it in the bytes of the frame; of a virtual packet, what its frame was found to have. */
pt_place_t place_of(const packet_info *pinfo, const segment_t *segment);

void place_handoff(void);

#endif
