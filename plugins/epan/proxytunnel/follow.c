/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Follow TCP Stream and Follow UDP Stream for frames that hold several segments or datagrams.
 *
 * The built-in listeners take everything of a frame that matches "tcp.stream eq N", and the addresses that the frame
 * ended with. In a frame that shows virtual packets that mixes parent and virtual conversation. Ours stand in their
 * place, pass on only what is of the stream that was asked for, with its own addresses, and leave all other frames to
 * them as they are.
 */
#include "follow.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/follow.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

/* What the TCP dissector queues for followers: private there, the same in 4.0, 4.4 and 4.6. UDP's queues the tvb. */
typedef struct {
  tvbuff_t *tvb;
  struct tcpheader *tcph;
  struct tcp_analysis *analysis;
} follow_record_of_tcp_t;

typedef struct {
  const char *name, *by_number; /* of the follower; how its filters begin */
  tap_packet_cb listener;
  follow_conv_filter_func packet_filter;
  follow_index_filter_func index_filter;
  follow_address_filter_func address_filter;
  uint32_t asked_stream; /* last: Wireshark's dialog says so only when it makes its filter */
} builtin_t;

static builtin_t tcp = {.name = "TCP", .by_number = "tcp.stream eq ", .asked_stream = UINT32_MAX};
static builtin_t udp = {.name = "UDP", .by_number = "udp.stream eq ", .asked_stream = UINT32_MAX};

static ws_filter_text_t *packet_filter(builtin_t *builtin, epan_dissect_t *dissection, packet_info *pinfo,
                                       ws_stream_number_t *stream, ws_stream_number_t *sub_stream) {
  ws_filter_text_t *filter = builtin->packet_filter(dissection, pinfo, stream, sub_stream);
  if (filter) builtin->asked_stream = *stream;
  return filter;
}

static ws_filter_text_t *index_filter(builtin_t *builtin, ws_stream_number_t stream, ws_stream_number_t sub_stream) {
  builtin->asked_stream = stream;
  return builtin->index_filter(stream, sub_stream);
}

/* tshark also takes a pair of endpoints for a stream. */
static bool filter_names_ends(const builtin_t *builtin, const char *filter, const shown_t *shown) {
  address sender = shown->sender, receiver = shown->receiver;
  const int from = shown->sender_port, to = shown->receiver_port;
  ws_filter_text_t *forth = builtin->address_filter(&sender, &receiver, from, to);
  ws_filter_text_t *back = builtin->address_filter(&receiver, &sender, to, from);
  const bool named = !strcmp(filter, forth) || !strcmp(filter, back);
  g_free(forth);
  g_free(back);
  return named;
}

static bool is_asked_for(const builtin_t *builtin, const follow_info_t *follow, const shown_t *shown) {
  const char *filter = follow->filter_out_filter;
  if (!filter || !*filter) return shown->stream == builtin->asked_stream || builtin->asked_stream == UINT32_MAX;
  if (g_str_has_prefix(filter, builtin->by_number)) {
    return shown->stream == strtoul(filter + strlen(builtin->by_number), NULL, 10);
  }
  return filter_names_ends(builtin, filter, shown);
}

static tap_packet_status listen(const builtin_t *builtin, void *follow, packet_info *pinfo, epan_dissect_t *dissection,
                                const void *record, tap_flags_t flags, const shown_t *shown) {
  if (!is_asked_for(builtin, (const follow_info_t *)follow, shown)) return TAP_PACKET_DONT_REDRAW;
  packet_info own = *pinfo;
  copy_address_shallow(&own.src, &shown->sender);
  copy_address_shallow(&own.dst, &shown->receiver);
  own.srcport = shown->sender_port;
  own.destport = shown->receiver_port;
  return builtin->listener(follow, &own, dissection, record, flags);
}

/* ---------------------------------------------------------------- TCP */

static ws_filter_text_t *tcp_packet_filter(epan_dissect_t *dissection, packet_info *pinfo, ws_stream_number_t *stream,
                                           ws_stream_number_t *sub_stream) {
  return packet_filter(&tcp, dissection, pinfo, stream, sub_stream);
}

static ws_filter_text_t *tcp_index_filter(ws_stream_number_t stream, ws_stream_number_t sub_stream) {
  return index_filter(&tcp, stream, sub_stream);
}

static tap_packet_status tcp_listen(void *follow, packet_info *pinfo, epan_dissect_t *dissection, const void *record,
                                    tap_flags_t flags) {
  if (!shown_any(pinfo)) return tcp.listener(follow, pinfo, dissection, record, flags);
  const struct tcpheader *header = ((const follow_record_of_tcp_t *)record)->tcph;
  shown_t shown = {.sender_port = header->th_sport, .receiver_port = header->th_dport, .stream = header->th_stream};
  copy_address_shallow(&shown.sender, &header->ip_src);
  copy_address_shallow(&shown.receiver, &header->ip_dst);
  return listen(&tcp, follow, pinfo, dissection, record, flags, &shown);
}

/* ---------------------------------------------------------------- UDP */

static ws_filter_text_t *udp_packet_filter(epan_dissect_t *dissection, packet_info *pinfo, ws_stream_number_t *stream,
                                           ws_stream_number_t *sub_stream) {
  return packet_filter(&udp, dissection, pinfo, stream, sub_stream);
}

static ws_filter_text_t *udp_index_filter(ws_stream_number_t stream, ws_stream_number_t sub_stream) {
  return index_filter(&udp, stream, sub_stream);
}

static tap_packet_status udp_listen(void *follow, packet_info *pinfo, epan_dissect_t *dissection, const void *record,
                                    tap_flags_t flags) {
  const shown_t *shown = shown_datagram_of(pinfo, (tvbuff_t *)(uintptr_t)record);
  if (!shown) return udp.listener(follow, pinfo, dissection, record, flags);
  return listen(&udp, follow, pinfo, dissection, record, flags, shown);
}

/* ---------------------------------------------------------------- registration */

static register_follow_t *remember(builtin_t *builtin) {
  register_follow_t *follower = get_follow_by_name(builtin->name);
  if (!follower) return NULL;
  builtin->listener = get_follow_tap_handler(follower);
  builtin->packet_filter = get_follow_conv_func(follower);
  builtin->index_filter = get_follow_index_func(follower);
  builtin->address_filter = get_follow_address_func(follower);
  return follower;
}

void follow_handoff(void) {
  register_follow_t *follower = remember(&tcp);
  if (follower) WS_REPLACE_FOLLOWER(follower, tcp_packet_filter, tcp_index_filter, tcp_listen);
  follower = remember(&udp);
  if (follower) WS_REPLACE_FOLLOWER(follower, udp_packet_filter, udp_index_filter, udp_listen);
}
