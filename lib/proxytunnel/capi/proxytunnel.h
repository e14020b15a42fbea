/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the core for C programs: opaque handles, plain structs. The only header that the Wireshark plugin includes.
 *
 * Nothing here does I/O, calls back, throws or keeps a pointer of the caller's beyond the call. Text is printable
 * UTF-8, ended by NUL (what came otherwise in the capture is written as "\x1b"), never NULL unless said so; it lives
 * as long as the outcome that it came in is neither filled again nor freed.
 */
#ifndef PROXYTUNNEL_H
#define PROXYTUNNEL_H

/* NOLINTBEGIN(modernize-*): C */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PT_NO_TUNNEL UINT32_MAX
#define PT_LAYERS 8 /* most tunnels inside one another */

typedef struct pt_tracker pt_tracker_t;
typedef struct pt_outcome pt_outcome_t;

typedef struct {
  uint8_t octets[16]; /* network order; an IPv4 address uses the first four, and the rest is zero */
  uint8_t version;    /* 4 or 6 */
} pt_address_t;

typedef struct {
  pt_address_t address;
  uint16_t port;
} pt_endpoint_t;

/* ------------------------------------------------------------------ words */

/* Enumerators and texts are made of the rows of base/vocabulary.h: pt_family_socks4, pt_message_socks5_greeting. */
#define PT_ROW(id, ...) pt_family_##id,
typedef enum { PT_FAMILIES(PT_ROW) PT_FAMILY_COUNT } pt_family_t;
#undef PT_ROW
#define PT_ROW(id, ...) pt_protocol_##id,
typedef enum { PT_PROTOCOLS(PT_ROW) } pt_protocol_t;
#undef PT_ROW
#define PT_ROW(id, ...) pt_command_##id,
typedef enum { PT_COMMANDS(PT_ROW) } pt_command_t;
#undef PT_ROW
#define PT_ROW(id, ...) pt_status_##id,
typedef enum { PT_STATUSES(PT_ROW) } pt_status_t;
#undef PT_ROW
#define PT_ROW(id, ...) pt_provenance_##id,
typedef enum { PT_PROVENANCES(PT_ROW) } pt_provenance_t;
#undef PT_ROW
#define PT_ROW(id, ...) pt_message_##id,
typedef enum { PT_MESSAGES(PT_ROW) } pt_message_kind_t;
#undef PT_ROW

/* As what the bytes of a handshake read, where somebody else knows them, too. */
typedef enum { pt_reader_nobody, pt_reader_socks, pt_reader_http, pt_reader_proxy_header } pt_reader_t;

/* What is switched on and off as one. */
typedef struct {
  const char *preference, *heuristic; /* "http_connect", "proxytunnel_connect" */
  const char *title, *hint;           /* "HTTP CONNECT", "On any port" */
  pt_reader_t reader;
} pt_family_row_t;

typedef struct {
  const char* name;           /* of the report: "socks4a" */
  const char *title, *column; /* "HTTP CONNECT", "HTTP" */
  pt_family_t family;
  bool says_command; /* its title does */
} pt_protocol_row_t;

typedef struct {
  const char *name, *title; /* "udp-associate", "UDP Associate"; of pt_command_none "" */
} pt_command_row_t;

/* What a message tells people behind its text. */
typedef enum {
  pt_tells_nothing,
  pt_tells_request, /* protocol, command, target */
  pt_tells_methods,
  pt_tells_username,
  pt_tells_code,   /* by pt_code(); the text is for codes that have none */
  pt_tells_answer, /* whether the proxy grants it, and its status line */
  pt_tells_answer_of_origin,
  pt_tells_real_client
} pt_tells_t;

typedef struct {
  unsigned traits; /* PT_ASKS, PT_ANSWERS and the like, as bits */
  pt_tells_t tells;
  const char* text;
} pt_message_row_t;

typedef struct {
  pt_message_kind_t kind;
  int code;
  bool grants;
  const char* text;
} pt_code_row_t;

const pt_family_row_t* pt_family(pt_family_t family);
const pt_protocol_row_t* pt_protocol(pt_protocol_t protocol);
const pt_command_row_t* pt_command(pt_command_t command);
const pt_message_row_t* pt_message(pt_message_kind_t kind);
const pt_code_row_t* pt_code(pt_message_kind_t kind, int code); /* NULL: it has no text */
const char* pt_status_name(pt_status_t status);                 /* of the report: "auth-failed" */
const char* pt_provenance_name(pt_provenance_t provenance);     /* "dns-in-capture" */

/* ------------------------------------------------------------------ what goes in */

typedef struct {
  uint8_t version; /* 4 or 6 */
  uint8_t traffic_class;
  uint8_t hop_limit;
  bool dont_fragment;
  uint16_t identification;
  uint32_t flow_label;
  uint16_t checksum_error; /* how far the IPv4 header checksum is off, as a one's complement difference */
} pt_ip_fields_t;

#define PT_ENCAPSULATION 48
#define PT_SOURCES 16

/* Where a packet of the wire is: VLANs, and what wraps it. All zeros: nothing of that. */
typedef struct {
  uint32_t vlan;
  uint64_t network;
  uint8_t encapsulation[PT_ENCAPSULATION];
  size_t encapsulation_size;
} pt_place_t;

typedef struct {
  const uint8_t* bytes;
  size_t size;
} pt_bytes_t;

/* The place of the packet whose TCP or UDP header begins at `transport`. `sources` are the bytes of the captured frame,
 * of this LINKTYPE_, and then of the datagrams that were put together from fragments on the way to the packet, at most
 * PT_SOURCES of them. All zeros where it is not found there. */
void pt_place_of(uint32_t link_type, const pt_bytes_t* sources, size_t count, const uint8_t* transport,
                 pt_place_t* place);

/* The LINKTYPE_ of what an ERF record of this type holds, which begins with these bytes. */
uint32_t pt_link_type_of_erf(unsigned type, const uint8_t* bytes, size_t size);

typedef struct {
  pt_endpoint_t sender, receiver;
  pt_ip_fields_t ip;
  const uint8_t* header; /* the TCP header with options, as long as its data offset says (20 to 60 bytes) */
  size_t header_size;
  const uint8_t* payload; /* captured bytes behind the header; may be NULL if there are none */
  size_t payload_size;
  uint32_t length;  /* bytes behind the header on the wire; at least payload_size */
  uint64_t frame;   /* from 1 */
  int64_t time;     /* nanoseconds since the epoch */
  uint32_t vlan;    /* VLAN tags, as one number; a connection that changes it is an anomaly */
  uint64_t network; /* this and what follows: as pt_place_of() says it; 0 for virtual segments */
  const uint8_t* encapsulation;
  size_t encapsulation_size;
  uint32_t parent; /* the tunnel whose virtual segment this is; PT_NO_TUNNEL for what was on the wire */
  unsigned layer;  /* 0 on the wire; else the parent's layer + 1 */
  uint64_t path;   /* of the virtual packet; 0 on the wire */
} pt_segment_t;

typedef struct {
  pt_endpoint_t sender, receiver;
  pt_ip_fields_t ip;
  const uint8_t* payload; /* captured bytes */
  size_t payload_size;
  uint32_t length; /* bytes of payload on the wire; at least payload_size */
  uint16_t checksum;
  uint64_t frame;
  int64_t time;
  uint32_t vlan; /* this and what follows: as in pt_segment_t */
  uint64_t network;
  uint32_t parent;
  unsigned layer;
} pt_datagram_t;

typedef enum { PT_STREAM_OPEN, PT_STREAM_FIN, PT_STREAM_RST } pt_stream_end_t;

/* The next bytes of what TLS carries, decrypted: in order, without holes. */
typedef struct {
  pt_endpoint_t sender, receiver; /* of the TCP connection that carries the TLS session */
  pt_ip_fields_t ip;              /* of the segment that completed the bytes */
  const uint8_t* payload;         /* may be NULL if there is none */
  size_t payload_size;            /* at most PT_CHUNK */
  pt_stream_end_t end;
  uint64_t frame;
  int64_t time;
  uint32_t vlan;
  uint64_t network; /* of the segments that carried it */
  uint32_t parent;  /* likewise */
  unsigned layer;
  uint64_t path;     /* likewise */
  uint32_t sequence; /* its sequence number, as it stands in its header */
  bool from_client;  /* as of the virtual packet; true on the wire */
} pt_chunk_t;

#define PT_CHUNK 65000

typedef struct {
  uint32_t disabled;                   /* a bit for each family: 1u << pt_family_socks4 */
  bool forward_without_proof;          /* an absolute URI alone makes a server a proxy */
  const char* trusted;                 /* peers whose claims of clients are believed: addresses and networks, parted by
                                          commas; NULL, "" and what pt_is_address_list() refuses: nobody */
  bool ignore_dns;                     /* DNS answers in the capture are no evidence */
  bool fix_checksums;                  /* compute all; else what was wrong stays wrong */
  unsigned layers;                     /* 1 to PT_LAYERS; 0: PT_LAYERS */
  size_t connections;                  /* tracked at once; 0: a default */
  uint8_t hash_key[16];                /* of tables: random bytes, so that no capture can be made to slow them down */
  const char *synthetic4, *synthetic6; /* prefixes; NULL: the defaults. A prefix that cannot be used is ignored. */
} pt_options_t;

/* ------------------------------------------------------------------ what comes out */

typedef enum { PT_UNDECIDED, PT_HANDSHAKE, PT_OPEN, PT_PASSED } pt_progress_t;

typedef enum { PT_SYN, PT_SYN_ACK, PT_ACK, PT_TRANSLATED, PT_HELD } pt_virtual_kind_t;

typedef enum { PT_OVER_TCP, PT_OVER_UDP } pt_transport_t;

/* A range of the payload that was put in. */
typedef struct {
  uint32_t size;
  uint32_t tunnel; /* whose payload it is; PT_NO_TUNNEL: handshake, or nobody's, or not known yet */
} pt_part_t;

/* One packet of a virtual conversation: headers, and behind them payload. */
typedef struct {
  pt_virtual_kind_t kind;
  pt_transport_t transport;
  uint32_t tunnel;
  uint32_t flow;        /* UDP: which of the association's */
  unsigned layer;       /* of the tunnel; put in again, the packet is one layer further in */
  bool from_client;     /* sent by the client's end */
  uint8_t headers[100]; /* IPv4 or IPv6 header, then the TCP or UDP header */
  size_t ip_size, transport_size;
  const uint8_t* payload; /* captured bytes. A range of the caller's payload, unless the kind is PT_HELD: then kept in
                             the outcome, copy it */
  size_t payload_size;
  uint32_t length;     /* payload on the wire */
  int64_t offset;      /* of the payload in the virtual stream */
  uint64_t frame;      /* that it stands for */
  int64_t time;        /* at which it is shown: never before what was shown of its conversation before it */
  uint64_t carried_in; /* the frame that carried it */
  uint32_t vlan;       /* to be put in again with it */
  uint64_t path;       /* TCP: names its conversation, in every program alike */
} pt_virtual_packet_t;

/* A message of a handshake was understood. It ends in `frame`, which may be an earlier one than the one put in. */
typedef struct {
  uint32_t tunnel; /* the attempt's id; PT_NO_TUNNEL as long as its request was not understood */
  pt_endpoint_t client, proxy;
  bool from_client;
  uint64_t frame;
  int64_t time;
  uint32_t size; /* bytes of the message */
  pt_message_kind_t kind;
  pt_protocol_t protocol;
  pt_command_t command;
  const char* host;        /* requests: as it was spelled, without brackets; "" if it is no target */
  const char* target_text; /* HTTP: the request-target as it was sent */
  uint16_t port;
  const char *username, *password; /* "" where there is none */
  const uint8_t* methods;          /* greeting: the offered ones; method: the selected one */
  size_t methods_size;
  int reply_code;         /* -1: none */
  bool is_interim;        /* HTTP: an answer on the way to the answer */
  const char* reason;     /* HTTP reason phrase */
  const char* bound_host; /* SOCKS replies: BND.ADDR as text; "" where there is none */
  uint16_t bound_port;
  const char* peer_host; /* BIND's second reply: who connected; "" elsewhere */
  uint16_t peer_port;
  bool
      has_real_client; /* PROXY protocol; requests that claim a client whom we believe, whose port may be 0: not told */
  pt_endpoint_t real_client;
  const char* anomaly; /* "" where there is none */
} pt_message_t;

/* Everything that is known of an attempt: one entry of the report. */
typedef struct {
  uint32_t id, parent;
  unsigned layer;
  pt_protocol_t protocol;
  pt_command_t command;
  pt_status_t status;
  const char* reason; /* where the status does not say all */
  pt_endpoint_t client, proxy;
  const char *host, *target_text; /* as in pt_message_t */
  uint16_t port;
  bool has_virtual_client;
  pt_endpoint_t virtual_client; /* stands for the client in the virtual conversation: its port is synthetic */
  bool has_origin;
  pt_endpoint_t origin;       /* as chosen; in the virtual conversation an IPv4 end may be shown as ::ffff:a.b.c.d */
  pt_provenance_t provenance; /* of the origin */
  bool has_bound;
  pt_endpoint_t bound; /* where the proxy says that it listens or connected from, if that is an address */
  int reply_code;      /* -1: none */
  const char *username, *password;
  uint64_t request_frame, reply_frame, closed_frame; /* 0: none */
  int64_t request_time, reply_time, closed_time;
  const char* const* anomalies;
  size_t anomalies_count;
  int64_t client_bytes, client_missing, server_bytes, server_missing;
} pt_attempt_t;

typedef enum {
  PT_EVENT_MESSAGE,
  PT_EVENT_REQUESTED, /* comes before the message; not where the request itself opens the tunnel (PT_EVENT_OPENED) */
  PT_EVENT_OPENED,
  PT_EVENT_FLOW, /* the first datagram to or from a target of an association */
  PT_EVENT_NAME, /* the capture says that an address has a name */
  PT_EVENT_ENDED,
  PT_EVENT_SKIPPED
} pt_event_kind_t;

typedef struct {
  pt_event_kind_t kind;
  pt_message_t message;        /* PT_EVENT_MESSAGE */
  pt_attempt_t attempt;        /* as known now: PT_EVENT_REQUESTED, _OPENED, _FLOW (with its target), _ENDED (final) */
  uint32_t flow;               /* PT_EVENT_FLOW */
  pt_address_t address;        /* PT_EVENT_NAME */
  const char* name;            /* PT_EVENT_NAME */
  pt_endpoint_t client, proxy; /* PT_EVENT_SKIPPED */
  const char* skipped;         /* PT_EVENT_SKIPPED: the reason */
} pt_event_t;

/* ------------------------------------------------------------------ functions */

/* Whether synthetic addresses of that version (4 or 6) can be taken from it: "198.18.0.0/15". */
bool pt_is_prefix(const char* text, unsigned version);

/* Whether the text is addresses and networks with commas between them: "10.0.0.1,fd00::/8". */
bool pt_is_address_list(const char* text);

/* The options are copied; NULL: all defaults. */
pt_tracker_t* pt_tracker_new(const pt_options_t* options);
void pt_tracker_free(pt_tracker_t* tracker); /* NULL is allowed */

/* What a line of a hosts file says of names is evidence from here on. Any text; comments and odd lines say nothing. */
void pt_tracker_hosts_line(pt_tracker_t* tracker, const char* line);

pt_outcome_t* pt_outcome_new(void);
void pt_outcome_free(pt_outcome_t* outcome); /* NULL is allowed */

/* One TCP segment, in the order of the capture, each exactly once. The outcome is cleared and filled. Each virtual
 * packet in it is to be put in as a segment or datagram of its own (parent: its tunnel, layer: its layer + 1) before
 * the next captured packet, with another outcome. */
void pt_tracker_segment(pt_tracker_t* tracker, const pt_segment_t* given, pt_outcome_t* outcome);

/* True for a segment that brings out nothing: of a known connection that is nothing of ours, or had no payload so far.
 * It is put in with that. False, and nothing has changed, for any other. Reads of `given` the ends, the header, the
 * length, frame and time, parent and layer. */
bool pt_tracker_passes(pt_tracker_t* tracker, const pt_segment_t* given);

/* One UDP datagram, likewise: names are learned from DNS answers, and what a proxy relays becomes a virtual packet. */
void pt_tracker_datagram(pt_tracker_t* tracker, const pt_datagram_t* given, pt_outcome_t* outcome);

/* Decrypted bytes, likewise, behind the segment that completed them. */
void pt_tracker_chunk(pt_tracker_t* tracker, const pt_chunk_t* given, pt_outcome_t* outcome);

/* What pcap-unproxy reads from a pipe (docs/decisions/0012): this text, then for each chunk a head and its payload.
 * `progress`: what became of the chunk when it was put in. */
#define PT_CHUNK_MAGIC "proxytunnel-chunks/2\n"
#define PT_CHUNK_HEAD 28
void pt_chunk_encode(const pt_chunk_t* chunk, pt_progress_t progress, uint8_t head[PT_CHUNK_HEAD]);

/* Every attempt so far, finished or not, in the order of ids, as PT_EVENT_ENDED. Changes nothing. */
void pt_tracker_snapshot(const pt_tracker_t* tracker, pt_outcome_t* outcome);

/* What became of the connection of the segment that was put in; of a datagram: PT_OPEN if it was relayed. */
pt_progress_t pt_outcome_progress(const pt_outcome_t* outcome);
/* Whose its payload is, in order; all of it, unless the connection is passed. */
size_t pt_outcome_part_count(const pt_outcome_t* outcome);
void pt_outcome_part(const pt_outcome_t* outcome, size_t index, pt_part_t* part);

size_t pt_outcome_packet_count(const pt_outcome_t* outcome);
void pt_outcome_packet(const pt_outcome_t* outcome, size_t index, pt_virtual_packet_t* packet);
size_t pt_outcome_event_count(const pt_outcome_t* outcome);
void pt_outcome_event(const pt_outcome_t* outcome, size_t index, pt_event_t* event);

/* The report (docs/contract.md) of what a snapshot holds, as JSON text. `input` is the capture's name or NULL.
 * Free with pt_text_free. */
char* pt_report_json(const pt_outcome_t* snapshot, const char* input, bool show_credentials);
/* The entries of these tunnels in the report, as a JSON array; the ids are in order. Free with pt_text_free. */
char* pt_tunnels_json(const pt_outcome_t* snapshot, const uint32_t* ids, size_t count, bool show_credentials);
/* The table of `pcap-unproxy --list` of what a snapshot holds, at most so wide (0: as wide as it is), and its CSV.
 * Free with pt_text_free. */
char* pt_list_text(const pt_outcome_t* snapshot, size_t width);
char* pt_list_csv(const pt_outcome_t* snapshot);
void pt_text_free(char* text);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(modernize-*) */

#endif
