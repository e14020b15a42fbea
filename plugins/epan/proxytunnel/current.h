/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what a shim has given to the dissector behind it. Dissectors may carry IP and come back to a shim, so it is
 * a stack.
 */
#ifndef PROXYTUNNEL_CURRENT_H
#define PROXYTUNNEL_CURRENT_H

#include "record.h"

typedef struct current {
  const segment_t *segment; /* of TCP, if the core was told of it; else NULL */
  const record_t *record;   /* what the core made of the segment or datagram; NULL: nothing */
  tvbuff_t *tvb;            /* from the TCP or UDP header on */
  bool is_drawn;            /* the record */
  wmem_list_t *pieces;      /* of what TLS decrypted of the segment so far (tls.c); NULL: none */
  tvbuff_t *offered;        /* what TLS asked about last: it has more than one way to ask */
  struct current *outer;
} current_t;

/* The innermost one; one without segment and record if there is none. */
current_t *current(void);
/* Has `tvb` dissected by `parent`, with this one as the current. Where there is a record, exceptions end here, since
 * its virtual packets come behind. Returns the size that `parent` took. */
int current_dissect(current_t *own, dissector_handle_t parent, packet_info *pinfo, proto_tree *tree, void *data);
/* Draws its record, unless that was done. */
void current_draw(current_t *own, packet_info *pinfo, proto_tree *tree);

/* The virtual packet that is handed to an IP dissector next is this one, ... */
void current_expect(const virtual_t *packet);
/* ... as the shim that it reaches is told, once; NULL for all others. */
const virtual_t *current_take_expected(void);

#endif
