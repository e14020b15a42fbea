/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what a TCP segment or a UDP datagram says, and how its values read on both sides of the seam.
 */
#ifndef PROXYTUNNEL_SEGMENT_H
#define PROXYTUNNEL_SEGMENT_H

#include "ws_compat.h"
#include "capi/proxytunnel.h"

static inline uint16_t get16(const uint8_t *bytes) {
  return (uint16_t)(bytes[0] << 8 | bytes[1]);
}
static inline uint32_t get32(const uint8_t *bytes) {
  return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* A TCP segment as the shim sees it; a datagram is a segment without connection. Addresses and
 * `bytes` live as long as the packet. */
typedef struct {
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  uint32_t sequence;
  unsigned header_size, captured; /* captured: bytes of payload */
  uint32_t length;                /* bytes of payload on the wire */
  const uint8_t *bytes;           /* header and captured payload */
  bool has_syn, closes;
  pt_stream_end_t end;
  tvbuff_t *tvb;    /* header and payload */
  const void *ip;   /* what the IP dissectors pass on; lives as long as they run */
  uint32_t vlan;    /* of the virtual packet, as place_of() says it; 0 on the wire */
  uint32_t parent;  /* the tunnel that carries it, or PT_NO_TUNNEL */
  unsigned layer;   /* of proxies outside */
  uint64_t path;    /* of the virtual packet; 0 on the wire */
  bool from_client; /* likewise; true on the wire */
} segment_t;

/* The bytes that virtual packets borrow from. */
typedef struct {
  const uint8_t *payload; /* lives as long as the packet */
  unsigned captured;
} source_t;

bool is_ip(const address *addr);
pt_endpoint_t endpoint_of(const address *addr, uint16_t port);
/* Borrows from `end`. */
address address_of(const pt_endpoint_t *end);
/* "10.0.0.1:80" or "[fd00::1]:80" */
/* A port that is 0 was not told, and is left out. */
const char *endpoint_text(wmem_allocator_t *pool, const pt_endpoint_t *end);
int64_t nanoseconds_of(const nstime_t *time);
/* Of the header in front of it. */
pt_ip_fields_t ip_fields_of(const segment_t *segment);
/* The TCP conversation of a segment; NULL if there is none. */
conversation_t *conversation_of(packet_info *pinfo, const segment_t *segment);
/* Its number, which the TCP dissector gives; UINT32_MAX if there is none. */
uint32_t stream_of(packet_info *pinfo, const segment_t *segment);
/* Decode As: the user's own word on a port is final. */
bool user_decided(dissector_table_t ports, const segment_t *segment);

#endif
