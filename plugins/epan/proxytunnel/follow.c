/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Follow TCP Stream and Follow UDP Stream for frames that hold several segments or datagrams.
 *
 * The built-in listener takes every segment of a frame that matches "tcp.stream eq N", and the addresses that the frame
 * ended with. In a frame that shows virtual packets that mixes parent and virtual conversation. Ours stands in its
 * place, passes on only the segments of the stream that was asked for, with their own addresses, and leaves all other
 * frames to it as they are.
 */
#include "packet-proxytunnel.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/follow.h>
#include <stdlib.h>
#include <string.h>

/* What the TCP dissector queues for followers: private there, the same in 4.0, 4.4 and 4.6. */
typedef struct {
  tvbuff_t *tvb;
  struct tcpheader *tcph;
  struct tcp_analysis *analysis;
} follow_record_of_tcp_t;

static tap_packet_cb builtin_listener;
static follow_conv_filter_func builtin_packet_filter;
static follow_index_filter_func builtin_index_filter;
static follow_address_filter_func builtin_address_filter;

/* The stream that was asked for last: Wireshark's dialog says so only when it makes its filter. */
static uint32_t asked_stream = UINT32_MAX;

static ws_filter_text_t *packet_filter(epan_dissect_t *dissection, packet_info *pinfo, ws_stream_number_t *stream,
                                       ws_stream_number_t *sub_stream) {
  ws_filter_text_t *filter = builtin_packet_filter(dissection, pinfo, stream, sub_stream);
  if (filter) asked_stream = *stream;
  return filter;
}

static ws_filter_text_t *index_filter(ws_stream_number_t stream, ws_stream_number_t sub_stream) {
  asked_stream = stream;
  return builtin_index_filter(stream, sub_stream);
}

/* tshark also takes a pair of endpoints for a stream. */
static bool filter_names_ends(const char *filter, const struct tcpheader *header) {
  address sender = header->ip_src, receiver = header->ip_dst;
  ws_filter_text_t *forth = builtin_address_filter(&sender, &receiver, header->th_sport, header->th_dport);
  ws_filter_text_t *back = builtin_address_filter(&receiver, &sender, header->th_dport, header->th_sport);
  const bool named = !strcmp(filter, forth) || !strcmp(filter, back);
  g_free(forth);
  g_free(back);
  return named;
}

static bool is_asked_for(const follow_info_t *follow, const struct tcpheader *header) {
  static const char by_number[] = "tcp.stream eq ";
  const char *filter = follow->filter_out_filter;
  if (!filter || !*filter) return header->th_stream == asked_stream || asked_stream == UINT32_MAX;
  if (g_str_has_prefix(filter, by_number)) {
    return header->th_stream == strtoul(filter + sizeof by_number - 1, NULL, 10);
  }
  return filter_names_ends(filter, header);
}

static tap_packet_status listen(void *follow, packet_info *pinfo, epan_dissect_t *dissection, const void *record,
                                tap_flags_t flags) {
  if (!virtual_is_shown(pinfo)) return builtin_listener(follow, pinfo, dissection, record, flags);
  const struct tcpheader *header = ((const follow_record_of_tcp_t *)record)->tcph;
  if (!is_asked_for((const follow_info_t *)follow, header)) return TAP_PACKET_DONT_REDRAW;
  packet_info own = *pinfo;
  copy_address_shallow(&own.src, &header->ip_src);
  copy_address_shallow(&own.dst, &header->ip_dst);
  own.srcport = header->th_sport;
  own.destport = header->th_dport;
  return builtin_listener(follow, &own, dissection, record, flags);
}

void follow_handoff(void) {
  register_follow_t *builtin = get_follow_by_name("TCP");
  if (!builtin) return;
  builtin_listener = get_follow_tap_handler(builtin);
  builtin_packet_filter = get_follow_conv_func(builtin);
  builtin_index_filter = get_follow_index_func(builtin);
  builtin_address_filter = get_follow_address_func(builtin);
  WS_REPLACE_FOLLOWER(builtin, packet_filter, index_filter, listen);
}
