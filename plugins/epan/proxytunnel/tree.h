/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: everything that is drawn.
 */
#ifndef PROXYTUNNEL_TREE_H
#define PROXYTUNNEL_TREE_H

#include "record.h"

void tree_register(int proto);
/* What was understood at this segment: messages, what they led to. Columns too. */
void tree_draw_record(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                      const record_t *record);
/* Messages that stand here but were understood later. */
void tree_draw_standing(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment);
/* The head of a virtual packet. Returns the item's tree for what is known only after its dissection. */
proto_tree *tree_draw_virtual(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const virtual_t *packet);
void tree_draw_stream(proto_tree *tree, tvbuff_t *tvb, const attempt_t *attempt);
/* Lines for payload that is not shown in place. */
void tree_draw_payload(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const attempt_t *attempt);
/* A relayed datagram: `header` bytes of SOCKS, then payload. */
void tree_draw_datagram(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, unsigned header, const attempt_t *attempt);
void tree_draw_waiting_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);
void tree_draw_handshake_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);
void tree_draw_early_bytes(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);
void tree_draw_quoted(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

#endif
