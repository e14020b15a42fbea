/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what the files of the plugin share.
 *
 * Theory of operation. Shims (shim.c, udp.c) stand in front of the TCP and UDP dissectors. On the first pass they feed
 * each segment and datagram to the core, once, and what comes back is frozen (freeze.c) for this frame and for this
 * layer in it; so is what the TLS dissector decrypts (tls.c). Whatever is drawn, in whatever pass, is drawn from the
 * frozen record (tree.c). After the dissector behind the shim has returned, each virtual packet of the record goes to
 * the IP dissector (virtual.c), which calls a shim again: so chains of proxies need no code of their own. A dissector
 * set on the parent conversation (claim.c) keeps others from reading what belongs to the tunnel.
 *
 * epan throws with longjmp. Nothing here holds memory, locks or C++ frames across a call into epan: all memory is
 * wmem's, except for the tracker, which lives as long as the file.
 */
#ifndef PACKET_PROXYTUNNEL_H
#define PACKET_PROXYTUNNEL_H

#include "ws_compat.h"

#include "capi/proxytunnel.h"

static inline uint16_t get16(const uint8_t *bytes) {
  return (uint16_t)(bytes[0] << 8 | bytes[1]);
}
static inline uint32_t get32(const uint8_t *bytes) {
  return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* ---------------------------------------------------------------- what is kept of an attempt, as long as the file */

/* One attempt to open a tunnel: what is known of it so far. Texts are never NULL. */
typedef struct {
  uint32_t id, parent; /* parent: PT_NO_TUNNEL if there is none */
  unsigned layer;
  pt_endpoint_t client, proxy;
  const char *protocol, *command, *status, *reason, *host, *target, *username;
  uint16_t port;
  bool opened, ended;
  int reply_code; /* -1: none */
  bool has_origin, has_bound;
  pt_endpoint_t origin, bound;
  const char *provenance;
  const char *virtual_client; /* the end that stands for the client with a synthetic port; "" if its own does */
  uint32_t request_frame, reply_frame, opened_frame, payload_frame; /* 0: none (yet) */
  int64_t request_time, reply_time;
  uint32_t parent_stream, stream; /* numbers of the TCP dissector; UINT32_MAX: not known (yet) */
  uint64_t path;                  /* of its virtual packets (TCP) */
  wmem_list_t *anomalies;         /* of texts */
} attempt_t;

/* NULL if there is none of that id. */
attempt_t *attempt_of(uint32_t id);
/* The same with the target and the origin of one flow of a UDP association. */
attempt_t *flow_of(uint32_t id, uint32_t flow);
bool is_forward(const attempt_t *attempt);
/* "10.0.0.1:80" or "[fd00::1]:80" */
const char *endpoint_text(wmem_allocator_t *pool, const pt_endpoint_t *end);

/* ---------------------------------------------------------------- what is kept of a TCP segment, likewise */

/* A message of a handshake. Texts are never NULL. */
typedef struct {
  pt_message_kind_t kind;
  uint32_t attempt; /* PT_NO_TUNNEL as long as its request was not understood */
  uint32_t frame;   /* in which it ends */
  uint32_t understood_in;
  uint16_t sender_port, receiver_port;
  uint32_t size;
  bool from_client;
  const char *protocol, *command, *host, *target, *username, *password, *reason, *bound, *peer, *anomaly;
  const char *real_client; /* PROXY protocol */
  uint16_t port;
  const uint8_t *methods;
  unsigned methods_size;
  int reply_code; /* -1: none */
} message_t;

/* The messages (message_t) that end in that frame but were understood in a later one; NULL if none. */
wmem_list_t *messages_standing_in(uint32_t frame);

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
  uint32_t network;           /* as of a segment */
} virtual_t;

/* What the core made of one TCP segment, datagram or piece of a decrypted stream. */
typedef struct {
  uint16_t sender_port, receiver_port;
  uint32_t sequence; /* raw; with the ports a check that it is the same segment in a later pass */
  uint32_t parent;   /* of decrypted streams: likewise */
  pt_progress_t progress;
  pt_part_t *parts; /* of the payload, in order, all of it */
  unsigned parts_count;
  bool claimed; /* its payload is ours to show */
  bool early;   /* sent by a client that had asked for a tunnel and had no answer yet */
  message_t *messages;
  unsigned messages_count;
  attempt_t **opened; /* tunnels that opened here */
  unsigned opened_count;
  attempt_t **over;         /* attempts of this connection that ended here without a tunnel */
  const char **over_status; /* as it was known here */
  unsigned over_count;
  virtual_t *packets;
  unsigned packets_count;
} record_t;

/* The bytes that virtual packets borrow from. */
typedef struct {
  const uint8_t *payload; /* lives as long as the packet */
  unsigned captured;
} source_t;

/* A TCP segment as the shim sees it. Addresses are copies; `bytes` lives as long as the packet. */
typedef struct {
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  uint32_t sequence;
  unsigned header_size, captured; /* captured: bytes of payload */
  uint32_t length;                /* bytes of payload on the wire */
  const uint8_t *bytes;           /* header and captured payload */
  bool has_syn, closes;
  pt_stream_end_t end;
  pt_ip_fields_t ip;
  uint32_t network; /* VLAN tags as one number */
  uint32_t parent;  /* the tunnel that carries it, or PT_NO_TUNNEL */
  unsigned layer;   /* of proxies outside */
  uint64_t path;    /* of the virtual packet; 0 on the wire */
  bool from_client; /* likewise; true on the wire */
} segment_t;

/* The core's answer, for this file. NULL if there was nothing to keep. */
record_t *freeze_outcome(const pt_outcome_t *outcome, const segment_t *segment, const source_t *source, uint32_t frame);
void freeze_reset(void);

/* ---------------------------------------------------------------- the shims */

void shim_register(int proto);
void shim_handoff(void);
/* Puts a shim in front of a dissector of ip.proto, which is returned. */
dissector_handle_t shim_stand_before(uint32_t number, dissector_t shim, int proto);
/* The tracker and the outcome of the open file; NULL if there is none, or if the protocol is off. */
pt_tracker_t *shim_tracker(void);
pt_outcome_t *shim_outcome(void);
/* As the core wants them. `data` is what the IP dissectors pass on. */
bool shim_is_ip(const address *addr);
pt_endpoint_t shim_endpoint(const address *addr, uint16_t port);
/* Borrows from `end`. */
address shim_address(const pt_endpoint_t *end);
/* The TCP conversation of a segment; NULL if there is none. */
conversation_t *shim_conversation(packet_info *pinfo, const segment_t *segment);
/* Decode As: the user's own word on a port is final. */
bool shim_user_decided(dissector_table_t ports, const segment_t *segment);
/* The parent as ever, but what throws must not take the virtual packets with it. */
int shim_dissect_parent(dissector_handle_t parent, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
/* Of the header in front of `tvb`. */
pt_ip_fields_t shim_ip_fields(tvbuff_t *tvb, void *data, const address *sender);
/* The VLAN tags of the frame as one number. */
uint32_t shim_network(const packet_info *pinfo);
int64_t shim_nanoseconds(const nstime_t *time);
/* The position among the segments and datagrams of the frame. */
unsigned shim_count_call(packet_info *pinfo);
void udp_register(int proto);
void udp_handoff(void);

void tls_register(int proto);
void tls_handoff(void);
void tls_reset(void);
/* The TCP dissector comes next for this segment: what TLS decrypts belongs to it. */
void tls_begin(const segment_t *segment);
/* It has returned. Closes the stream if the segment does; gives what was decrypted, to be shown by tls_show(). */
wmem_list_t *tls_end(packet_info *pinfo, const segment_t *segment);
void tls_show(wmem_list_t *pieces, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint8_t layer);
/* "-z proxytunnel,decrypted,FILE": every piece goes there, too (docs/decisions/0008, 0012). */
void tls_register_output(void);

/* ---------------------------------------------------------------- virtual packets */

void virtual_register(int proto);
/* Dissects the virtual packets of a record. `layer` is curr_layer_num where the shim was called. */
void virtual_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const source_t *source, const record_t *record,
                  uint8_t layer);
/* The virtual packet that was just handed to the IP dissector, to the shim that it reaches; NULL for all others. */
const virtual_t *virtual_take_expected(void);
void virtual_reset(void);
/* True while the packet is dissected in which virtual packets are shown. */
bool virtual_is_shown(packet_info *pinfo);
/* A datagram of a frame in which virtual ones are shown, the parent's too: by its data source. */
typedef struct {
  tvbuff_t *packet;
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  uint32_t stream; /* udp.stream */
} shown_t;
void virtual_note_datagram(packet_info *pinfo, tvbuff_t *packet);
/* The datagram that a tvb is part of; NULL if it was not noted. */
const shown_t *virtual_datagram_of(packet_info *pinfo, tvbuff_t *tvb);

/* ---------------------------------------------------------------- the segment that is being dissected */

/* The record of the TCP segment that is being dissected right now; NULL if it is none of ours. */
const record_t *shim_record(void);
const segment_t *shim_segment(void);
/* Draws that record, unless that was done. */
void shim_draw_record(packet_info *pinfo, proto_tree *tree);

/* ---------------------------------------------------------------- the dissector of parent conversations */

void claim_handoff(int proto);
/* From this frame on the parent's payload is shown by us. */
void claim_conversation(packet_info *pinfo, const segment_t *segment, record_t *record);
/* A virtual conversation that begins as TLS is TLS, whatever its port; one of forwarded requests is HTTP; and one to a
 * port that was bound for FTP is FTP's. */
void claim_for_content(packet_info *pinfo, const segment_t *segment, const virtual_t *carrier);

/* ---------------------------------------------------------------- drawing */

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
void tree_draw_quoted(tvbuff_t *tvb, proto_tree *tree);
/* "SOCKS5 Connect www.example.com:443"; lives as long as the packet. */
const char *tree_attempt_text(wmem_allocator_t *pool, const attempt_t *attempt);

/* True if the target is a name that the origin's address can be shown with. */
bool names_its_origin(const attempt_t *attempt);
/* On the first pass, when a tunnel opened. */
void names_register(const attempt_t *attempt);
/* Tells the tracker what hosts files say; their names are parted by commas. */
void names_read_hosts(pt_tracker_t *tracker, const char *files);

/* ---------------------------------------------------------------- preferences, taps, follow */

typedef struct {
  ws_bool_t socks4, socks5, http_connect, http_forward, proxy_protocol, forward_without_proof;
  ws_bool_t precedence, virtual_conversations, dns, credentials;
  guint layers, connections;
  const char *synthetic4, *synthetic6, *hosts_files;
} preferences_t;

extern preferences_t proxytunnel_preferences;
void preferences_register(int proto);

/* One virtual packet, or with packet == NULL an attempt that ended without a tunnel. Lives as long as the packet. */
typedef struct {
  const attempt_t *attempt;
  const virtual_t *packet;
  bool opens; /* the first packet of its conversation */
  address sender, receiver;
  uint16_t sender_port, receiver_port;
  const uint8_t *bytes; /* headers and captured payload */
  unsigned captured;    /* of the whole packet */
  uint32_t length;      /* of the whole packet */
} tap_record_t;

void taps_register(int proto);
void taps_handoff(void);
void taps_queue_virtual(packet_info *pinfo, const virtual_t *packet, const uint8_t *bytes, unsigned captured,
                        uint32_t length);
void taps_queue_over(packet_info *pinfo, const attempt_t *attempt);
/* "-z proxytunnel,export,FILE" */
void export_register(void);

void follow_handoff(void);

#endif
