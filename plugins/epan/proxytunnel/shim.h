/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what the shims in front of TCP and UDP share.
 */
#ifndef PROXYTUNNEL_SHIM_H
#define PROXYTUNNEL_SHIM_H

#include "record.h"

/* Puts a shim in front of a dissector of ip.proto, which is returned. */
dissector_handle_t shim_stand_before(uint32_t number, dissector_t shim, int proto);
/* What the core says of a segment, on the first pass; what it said, later. NULL if that is nothing. */
record_t *shim_record(packet_info *pinfo, const segment_t *segment, const source_t *source,
                      record_t *(*feed)(const packet_info *pinfo, const segment_t *segment, const source_t *source));
void shim_register(int proto);

#endif
