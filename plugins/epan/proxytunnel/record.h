/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what is kept of attempts, segments and datagrams as long as the file is open. It is written on the first
 * pass only, by freeze.c; whatever is drawn is drawn from it.
 */
#ifndef PROXYTUNNEL_RECORD_H
#define PROXYTUNNEL_RECORD_H

#include "segment.h"

/* One attempt to open a tunnel: what is known of it so far. Texts are never NULL. */
typedef struct {
  uint32_t id, parent; /* parent: PT_NO_TUNNEL if there is none */
  unsigned layer;
  pt_endpoint_t client, proxy;
  pt_protocol_t protocol;
  pt_command_t command;
  pt_status_t status; /* once it opened or ended */
  const char *reason, *host, *target, *username;
  uint16_t port;
  bool requested, opened, ended; /* requested: and not opened at once */
  int reply_code;                /* -1: none */
  bool has_origin, has_bound;
  pt_endpoint_t origin, bound;
  pt_provenance_t provenance; /* of the origin */
  const char *virtual_client; /* the end that stands for the client with a synthetic port; "" if its own does */
  uint32_t request_frame, reply_frame, opened_frame, payload_frame; /* 0: none (yet) */
  int64_t request_time, reply_time;
  uint32_t parent_stream, stream; /* numbers of the TCP dissector; UINT32_MAX: not known (yet) */
  uint64_t path;                  /* of its virtual packets (TCP) */
  wmem_list_t *anomalies;         /* of texts; NULL: none */
} attempt_t;

bool is_forward(const attempt_t *attempt);

/* A message of a handshake. Texts are never NULL. */
typedef struct {
  pt_message_kind_t kind;
  uint32_t attempt; /* PT_NO_TUNNEL as long as its request was not understood */
  uint32_t frame;   /* in which it ends */
  uint32_t understood_in;
  uint16_t sender_port, receiver_port;
  uint32_t size;
  bool from_client;
  pt_protocol_t protocol;
  pt_command_t command;
  const char *host, *target, *username, *password, *reason, *bound_host, *bound, *peer, *anomaly;
  const char *real_client; /* PROXY protocol; of a request that claims one, whom we believe to be it */
  uint16_t port;
  const uint8_t *methods;
  unsigned methods_size;
  int reply_code;  /* -1: none */
  bool is_interim; /* HTTP: an answer on the way to the answer */
} message_t;

/* A packet of a virtual conversation. */
typedef struct {
  pt_virtual_kind_t kind;
  bool is_udp;
  attempt_t *attempt; /* of UDP the flow's */
  bool from_client;
  const uint8_t *headers;
  unsigned ip_size, transport_size;
  const uint8_t *kept;        /* its payload, or NULL: then it is at `place` of the source's payload */
  unsigned place, captured;   /* bytes */
  uint32_t length;            /* of the payload on the wire */
  int64_t offset;             /* of the payload in its stream */
  uint32_t frame, carried_in; /* that it stands for, and that carried it: not the same for some that were held */
  int64_t time;               /* at which an export shows it */
  uint32_t vlan;              /* as of a segment */
  struct aside *aside;        /* what other dissectors keep of it (aside.c); NULL: nothing so far */
} virtual_t;

/* What the core made of one TCP segment, datagram or piece of a decrypted stream. */
typedef struct {
  uint16_t sender_port, receiver_port;
  uint32_t check;  /* with the ports, that it is the same segment in a later pass: its raw sequence number; of decrypted
                      bytes how many */
  uint32_t parent; /* of decrypted streams: likewise */
  pt_progress_t progress;
  pt_part_t *parts; /* of the payload, in order, all of it */
  unsigned parts_count;
  bool claimed; /* its payload is ours to show */
  bool early;   /* sent by a client that had asked for a tunnel and had no answer yet */
  message_t *messages;
  unsigned messages_count;
  attempt_t **requested; /* attempts that began here and whose tunnel did not open at once */
  unsigned requested_count;
  attempt_t **opened; /* tunnels that opened here */
  unsigned opened_count;
  attempt_t **over;         /* attempts of this connection that ended here without a tunnel */
  pt_status_t *over_status; /* as it was known here */
  unsigned over_count;
  bool after_refusal; /* its payload is of a client that went on when the proxy had refused */
  virtual_t *packets;
  unsigned packets_count;
} record_t;

/* Whether some of its payload is that of a forwarded request or its answer. */
bool record_forwards(const record_t *record);

/* NULL if there is none of that id. */
attempt_t *attempt_of(uint32_t id);
/* The same with the target and the origin of one flow of a UDP association. */
attempt_t *flow_of(uint32_t id, uint32_t flow);
/* Where the first payload of a tunnel is shown, or of a flow of it; 0: nowhere (yet). */
uint32_t payload_frame_of(const attempt_t *attempt);
/* The messages (message_t) that end in that frame but were understood in a later one; NULL if none. */
wmem_list_t *messages_standing_in(uint32_t frame);

void record_keep_attempt(attempt_t *attempt);
void record_keep_flow(uint32_t flow, attempt_t *attempt);
void record_keep_standing(message_t *message);
void record_register(void);

#endif
