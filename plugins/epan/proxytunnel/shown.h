/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the packets that one frame shows: the captured one, where it led to virtual ones, and these.
 */
#ifndef PROXYTUNNEL_SHOWN_H
#define PROXYTUNNEL_SHOWN_H

#include "segment.h"

/* A virtual packet is shown in this frame. */
void shown_note_virtual(packet_info *pinfo);
/* True while the packet is dissected in which virtual packets are shown, and while taps are told of it. */
bool shown_any(packet_info *pinfo);

/* A segment or a datagram. */
typedef struct {
  tvbuff_t *packet; /* the data source that it is in */
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  uint32_t stream; /* tcp.stream or udp.stream; UINT32_MAX: none */
} shown_t;

/* When TCP has returned, and before what it carries is shown, whether somebody follows or not: what TLS keeps of it is
 * known on the first pass only. */
void shown_note_segment(packet_info *pinfo, tvbuff_t *tvb, const segment_t *segment);
/* When UDP has returned; pinfo has its ends. */
const shown_t *shown_note_datagram(packet_info *pinfo, tvbuff_t *tvb);
/* The one that a tvb is part of, or was put together with; NULL if none was noted. */
const shown_t *shown_of_tvb(packet_info *pinfo, tvbuff_t *tvb);
/* The one whose records TLS keeps there; NULL if it was not noted. */
const shown_t *shown_of_tls(packet_info *pinfo, const void *records);

void shown_register(int proto);
void shown_handoff(void);

#endif
