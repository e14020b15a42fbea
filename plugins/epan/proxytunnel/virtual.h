/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: virtual packets, handed to the IP dissectors.
 */
#ifndef PROXYTUNNEL_VIRTUAL_H
#define PROXYTUNNEL_VIRTUAL_H

#include "record.h"

/* Dissects the virtual packets of a record. `layer` is curr_layer_num where the shim was called. */
void virtual_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const source_t *source, const record_t *record,
                  uint8_t layer);
void virtual_handoff(int proto);

#endif
