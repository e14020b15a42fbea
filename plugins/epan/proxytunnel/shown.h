/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is shown in one frame besides what was captured.
 */
#ifndef PROXYTUNNEL_SHOWN_H
#define PROXYTUNNEL_SHOWN_H

#include "ws_compat.h"

/* Counts the virtual packets of the frame: how many there were before this one. */
unsigned shown_count(packet_info *pinfo);
/* True while the packet is dissected in which virtual packets are shown. */
bool shown_any(packet_info *pinfo);
/* A datagram of a frame in which virtual ones are shown, the parent's too: by its data source. */
typedef struct {
  tvbuff_t *packet;
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  uint32_t stream; /* udp.stream */
} shown_t;
/* Returns its stream. */
uint32_t shown_note_datagram(packet_info *pinfo, tvbuff_t *packet);
/* The datagram that a tvb is part of; NULL if it was not noted. */
const shown_t *shown_datagram_of(packet_info *pinfo, tvbuff_t *tvb);

void shown_register(int proto);

#endif
