/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what a TCP segment or a UDP datagram says, and how its values read on both sides of the seam.
 */
#include "segment.h"

#include <epan/dissectors/packet-ip.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/to_str.h>
#include <string.h>

bool is_ip(const address *addr) {
  return addr->type == AT_IPv4 || addr->type == AT_IPv6;
}

/* Done twice for each segment: sizes that the compiler knows, and whole words, which stay in registers. */
pt_endpoint_t endpoint_of(const address *addr, uint16_t port) {
  pt_endpoint_t end;
  const bool is_v4 = addr->type == AT_IPv4;
  if (is_v4) {
    uint32_t octets;
    memcpy(&octets, addr->data, sizeof octets);
    memcpy(end.address.octets, (const uint32_t[4]){octets}, sizeof end.address.octets);
  } else {
    memcpy(end.address.octets, addr->data, sizeof end.address.octets);
  }
  end.address.version = is_v4 ? 4 : 6;
  end.port = port;
  return end;
}

address address_of(const pt_endpoint_t *end) {
  address result;
  const bool is_v4 = end->address.version == 4;
  set_address(&result, is_v4 ? AT_IPv4 : AT_IPv6, is_v4 ? 4 : 16, end->address.octets);
  return result;
}

const char *endpoint_text(wmem_allocator_t *pool, const pt_endpoint_t *end) {
  const address addr = address_of(end);
  char *text = address_to_str(NULL, &addr);
  const char *kept = end->port ? wmem_strdup_printf(pool, addr.type == AT_IPv4 ? "%s:%u" : "[%s]:%u", text, end->port)
                               : wmem_strdup(pool, text);
  wmem_free(NULL, text);
  return kept;
}

/* How far the checksum of the IPv4 header in front of `tvb` is off, as pcap-unproxy finds it
 * (tools/pcap-unproxy/decode/ip.cpp); 0 where that header is not there, as in front of what was put together. */
static uint16_t ip4_checksum_error(tvbuff_t *tvb, const ws_ip4 *ip4) {
  const unsigned size = ip4->ip_len - MIN(ip4->ip_len, tvb_reported_length(tvb));
  const int begin = tvb_raw_offset(tvb) - (int)size;
  if (size < 20 || size > 60 || begin < 0) return 0;
  const uint8_t *header = tvb_get_ptr(tvb_get_ds_tvb(tvb), begin, (int)size);
  if (header[0] != (0x40 | size / 4) || get16(header + 10) == 0) return 0;
  /* The sum of words in any order of bytes is the sum in that order (RFC 1071). */
  uint64_t sum = 0;
  for (unsigned at = 0; at < size; at += 4) {
    uint32_t words;
    memcpy(&words, header + at, sizeof words);
    sum += words;
  }
  for (unsigned i = 0; i < 4; i++) sum = (sum >> 16) + (sum & 0xffff);
  const uint16_t folded = (uint16_t)sum;
  return folded == 0xffff ? 0 : get16((const uint8_t *)&folded);
}

pt_ip_fields_t ip_fields_of(const segment_t *segment) {
  pt_ip_fields_t fields = {.version = segment->sender.type == AT_IPv4 ? 4 : 6, .hop_limit = 64};
  const ws_ip4 *ip4 = WS_IP4_PTR(segment->ip);
  const ws_ip6 *ip6 = WS_IP6_PTR(segment->ip);
  if (ip4) {
    fields.traffic_class = ip4->ip_tos;
    fields.hop_limit = ip4->ip_ttl;
    fields.identification = ip4->ip_id;
    fields.dont_fragment = (ip4->ip_off & 0x4000) != 0;
    fields.checksum_error = ip4_checksum_error(segment->tvb, ip4);
  } else if (ip6) {
    fields.traffic_class = ip6->ip6_tc;
    fields.hop_limit = ip6->ip6_hop;
    fields.flow_label = ip6->ip6_flw & 0xfffff;
  }
  return fields;
}

int64_t nanoseconds_of(const nstime_t *time) {
  return (int64_t)time->secs * 1000000000 + time->nsecs;
}

bool user_decided(dissector_table_t ports, const segment_t *segment) {
  return dissector_is_uint_changed(ports, segment->sender_port) ||
         dissector_is_uint_changed(ports, segment->receiver_port);
}

conversation_t *conversation_of(packet_info *pinfo, const segment_t *segment) {
  return ws_find_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                  segment->receiver_port);
}

uint32_t stream_of(packet_info *pinfo, const segment_t *segment) {
  conversation_t *conversation = conversation_of(pinfo, segment);
  const struct tcp_analysis *analysis = conversation ? get_tcp_conversation_data(conversation, pinfo) : NULL;
  return analysis ? analysis->stream : UINT32_MAX;
}
