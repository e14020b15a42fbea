/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what taps of ours are told of a frame.
 */
#ifndef PROXYTUNNEL_TAP_QUEUE_H
#define PROXYTUNNEL_TAP_QUEUE_H

#include "record.h"

typedef enum {
  TAP_PACKET,    /* a virtual packet; what stands behind `attempt` is of it only */
  TAP_REQUESTED, /* an attempt that may open a tunnel later */
  TAP_OPENED,    /* an attempt that opened its tunnel */
  TAP_OVER       /* one that ended without */
} tap_event_t;

/* Lives as long as the packet. */
typedef struct tap_record {
  tap_event_t event;
  const attempt_t *attempt;
  const virtual_t *packet;
  bool opens; /* the first packet of its conversation */
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  const uint8_t *bytes; /* headers and captured payload */
  unsigned captured;    /* of the whole packet */
  uint32_t length;      /* of the whole packet */
  uint32_t stream;      /* tcp.stream or udp.stream; UINT32_MAX: none */
  const struct tap_record *next;
} tap_record_t;

/* What is queued: all of a frame at once, since epan's queue has 5,000 places and each virtual packet fills some. */
typedef struct {
  const tap_record_t *first;
  tap_record_t *last;
} tap_frame_t;

/* Of its attempt, as it stands with that event; what comes to no end is incomplete. */
pt_status_t tap_status(const tap_record_t *record);
/* NULL if nobody listens. The number of the stream is not known before its dissection. */
tap_record_t *tap_queue_virtual(packet_info *pinfo, const virtual_t *virtual, tvbuff_t *packet);
/* Of what the core said of attempts. */
void tap_queue_attempts(packet_info *pinfo, const record_t *record);
void tap_queue_register(int proto);

#endif
