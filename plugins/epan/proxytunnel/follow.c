/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Follow Stream, of every kind, for frames that hold several segments or datagrams.
 *
 * The built-in listeners take everything of a frame that matches "tcp.stream eq N", and the addresses that the frame
 * ended with. In a frame that shows virtual packets that mixes parent and virtual conversation. Ours stand in their
 * place, pass on only what is of the stream that was asked for, with its own addresses, and leave all other frames to
 * them as they are.
 */
#include "follow.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/epan_dissect.h>
#include <epan/follow.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

/* Whose a record is that a dissector queued for followers; NULL if nobody knows. `own` may be filled. */
typedef const shown_t *(*whose_t)(packet_info *pinfo, const void *record, shown_t *own);

typedef struct {
  const char *name; /* of the follower */
  whose_t whose;
  tap_packet_cb listener;
  follow_conv_filter_func packet_filter;
  follow_index_filter_func index_filter;
  follow_address_filter_func address_filter;
  char *asked; /* the last filter: Wireshark's dialog tells it only when it makes it; NULL: none so far */
} builtin_t;

static ws_filter_text_t *remember_asked(builtin_t *builtin, ws_filter_text_t *filter) {
  if (!filter) return NULL;
  g_free(builtin->asked);
  builtin->asked = g_strdup(filter);
  return filter;
}

static ws_filter_text_t *packet_filter(builtin_t *builtin, epan_dissect_t *dissection, packet_info *pinfo,
                                       ws_stream_number_t *stream, ws_stream_number_t *sub_stream) {
  return remember_asked(builtin, builtin->packet_filter(dissection, pinfo, stream, sub_stream));
}

static ws_filter_text_t *index_filter(builtin_t *builtin, ws_stream_number_t stream, ws_stream_number_t sub_stream) {
  return remember_asked(builtin, builtin->index_filter(stream, sub_stream));
}

/* tshark also takes a pair of endpoints for a stream. */
static bool filter_names_ends(const builtin_t *builtin, const char *filter, const shown_t *shown) {
  address sender = shown->sender, receiver = shown->receiver;
  const int from = shown->sender_port, to = shown->receiver_port;
  ws_filter_text_t *forth = builtin->address_filter(&sender, &receiver, from, to);
  ws_filter_text_t *back = builtin->address_filter(&receiver, &sender, to, from);
  const bool is_told = forth && back; /* not by SIP, whose streams are calls, and not by QUIC, which may migrate */
  const bool named = !is_told || !strcmp(filter, forth) || !strcmp(filter, back);
  g_free(forth);
  g_free(back);
  return named;
}

/* Whether that packet has such a field, as TLS has that numbers its streams itself. */
static bool has_number(epan_dissect_t *dissection, packet_info *pinfo, const shown_t *shown, const char *field,
                       unsigned long number) {
  GPtrArray *found = proto_find_finfo(dissection->tree, proto_registrar_get_id_byname(field));
  bool has = false;
  for (guint i = 0; i < found->len && !has; i++) {
    field_info *info = (field_info *)g_ptr_array_index(found, i);
    has = fvalue_get_uinteger(WS_FIELD_VALUE(info)) == number && shown_of_tvb(pinfo, info->ds_tvb) == shown;
  }
  g_ptr_array_free(found, TRUE);
  return has;
}

/* "tcp.stream eq 3", with more behind it perhaps, or a pair of ends. */
static bool is_asked_for(const builtin_t *builtin, const follow_info_t *follow, packet_info *pinfo,
                         epan_dissect_t *dissection, const shown_t *shown) {
  const char *filter = follow->filter_out_filter;
  if (!filter || !*filter) filter = builtin->asked;
  if (!filter) return true;
  static const char equals[] = " eq ";
  const char *behind = strstr(filter, equals);
  if (*filter == '(' || !behind) return filter_names_ends(builtin, filter, shown);
  const unsigned long number = strtoul(behind + sizeof equals - 1, NULL, 10);
  char *field = g_strndup(filter, (gsize)(behind - filter));
  const bool is_known = !strcmp(field, "tcp.stream") || !strcmp(field, "udp.stream");
  const bool is_asked = is_known ? shown->stream == number : has_number(dissection, pinfo, shown, field, number);
  g_free(field);
  return is_asked;
}

static tap_packet_status listen(const builtin_t *builtin, void *follow, packet_info *pinfo, epan_dissect_t *dissection,
                                const void *record, tap_flags_t flags) {
  shown_t own_ends;
  const shown_t *shown = shown_any(pinfo) ? builtin->whose(pinfo, record, &own_ends) : NULL;
  if (!shown) return builtin->listener(follow, pinfo, dissection, record, flags);
  if (!is_asked_for(builtin, (const follow_info_t *)follow, pinfo, dissection, shown)) return TAP_PACKET_DONT_REDRAW;
  packet_info own = *pinfo;
  copy_address_shallow(&own.src, &shown->sender);
  copy_address_shallow(&own.dst, &shown->receiver);
  own.srcport = shown->sender_port;
  own.destport = shown->receiver_port;
  return builtin->listener(follow, &own, dissection, record, flags);
}

/* ---------------------------------------------------------------- whose it is */

/* TCP's record: private there, the same in 4.0, 4.4 and 4.6. */
typedef struct {
  tvbuff_t *tvb;
  struct tcpheader *tcph;
  struct tcp_analysis *analysis;
} follow_record_of_tcp_t;

static const shown_t *whose_header(packet_info *pinfo _U_, const void *record, shown_t *own) {
  const struct tcpheader *header = ((const follow_record_of_tcp_t *)record)->tcph;
  own->sender_port = header->th_sport;
  own->receiver_port = header->th_dport;
  own->stream = header->th_stream;
  copy_address_shallow(&own->sender, &header->ip_src);
  copy_address_shallow(&own->receiver, &header->ip_dst);
  return own;
}

/* UDP, HTTP, SIP and WebSocket queue the bytes. */
static const shown_t *whose_bytes(packet_info *pinfo, const void *record, shown_t *own _U_) {
  return shown_of_tvb(pinfo, (tvbuff_t *)(uintptr_t)record);
}

/* HTTP/2 and QUIC queue the bytes and the number of their stream. */
static const shown_t *whose_first(packet_info *pinfo, const void *record, shown_t *own _U_) {
  return shown_of_tvb(pinfo, *(tvbuff_t *const *)record);
}

/* TLS queues what it keeps of the packet. */
static const shown_t *whose_tls(packet_info *pinfo, const void *record, shown_t *own _U_) {
  return record ? shown_of_tls(pinfo, record) : NULL;
}

/* ---------------------------------------------------------------- the followers */

/* Their functions are given nothing to tell them apart, so each has its own. */
#define FOLLOWER(follower, its_name, finds_whose)                                                                 \
  static builtin_t follower = {.name = (its_name), .whose = (finds_whose)};                                       \
  static ws_filter_text_t *follower##_packet_filter(epan_dissect_t *dissection, packet_info *pinfo,               \
                                                    ws_stream_number_t *stream, ws_stream_number_t *sub_stream) { \
    return packet_filter(&(follower), dissection, pinfo, stream, sub_stream);                                     \
  }                                                                                                               \
  static ws_filter_text_t *follower##_index_filter(ws_stream_number_t stream, ws_stream_number_t sub_stream) {    \
    return index_filter(&(follower), stream, sub_stream);                                                         \
  }                                                                                                               \
  static tap_packet_status follower##_listen(void *follow, packet_info *pinfo, epan_dissect_t *dissection,        \
                                             const void *record, tap_flags_t flags) {                             \
    return listen(&(follower), follow, pinfo, dissection, record, flags);                                         \
  }                                                                                                               \
  static void follower##_replace(void) {                                                                          \
    register_follow_t *builtin = remember(&(follower));                                                           \
    if (builtin) {                                                                                                \
      WS_REPLACE_FOLLOWER(builtin, follower##_packet_filter, follower##_index_filter, follower##_listen);         \
    }                                                                                                             \
  }

static register_follow_t *remember(builtin_t *builtin) {
  register_follow_t *follower = get_follow_by_name(builtin->name);
  if (!follower) return NULL;
  builtin->listener = get_follow_tap_handler(follower);
  builtin->packet_filter = get_follow_conv_func(follower);
  builtin->index_filter = get_follow_index_func(follower);
  builtin->address_filter = get_follow_address_func(follower);
  return follower;
}

FOLLOWER(tcp, "TCP", whose_header)
FOLLOWER(udp, "UDP", whose_bytes)
FOLLOWER(tls, "TLS", whose_tls)
FOLLOWER(http, "HTTP", whose_bytes)
FOLLOWER(http2, "HTTP2", whose_first)
FOLLOWER(quic, "QUIC", whose_first)
FOLLOWER(sip, "SIP", whose_bytes)
FOLLOWER(websocket, "WebSocket", whose_bytes) /* from 4.4 on */

void follow_handoff(void) {
  tcp_replace();
  udp_replace();
  tls_replace();
  http_replace();
  http2_replace();
  quic_replace();
  sip_replace();
  websocket_replace();
}
