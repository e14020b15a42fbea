/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: stands in front of the TCP dissector: feeds the core once, has TCP dissected as ever, then has the virtual
 * packets shown. Keeps the tracker.
 */
#include "packet-proxytunnel.h"

#include <string.h>
#include <unistd.h>

#include <epan/conversation.h>
#include <epan/dissectors/packet-ip.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/etypes.h>
#include <epan/exceptions.h>
#include <epan/ipproto.h>
#include <epan/prefs.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>

static int proto_proxytunnel = -1, proto_tcp_shim = -1;
static protocol_t *protocol;
static dissector_handle_t tcp_handle;
static dissector_table_t tcp_ports;

static pt_tracker_t *tracker;
static pt_outcome_t *outcome;

/* What TCP is dissecting. Virtual packets come only after TCP has returned, so none of this needs to be restored; what
 * carries IP inside TCP in another way meets a record of its own or none. */
static const record_t *current_record;
static const segment_t *current_segment;
static tvbuff_t *current_tvb;
static bool current_is_drawn;

/* A key of per-packet memory; records have the keys from 0 on, in memory of the file. */
enum { key_calls = 0 };

pt_tracker_t *shim_tracker(void) {
  return tracker && proto_is_protocol_enabled(protocol) ? tracker : NULL;
}
pt_outcome_t *shim_outcome(void) {
  return outcome;
}
const record_t *shim_record(void) {
  return current_record;
}
const segment_t *shim_segment(void) {
  return current_segment;
}

/* ---------------------------------------------------------------- the segment, as the core wants it */

bool shim_is_ip(const address *addr) {
  return addr->type == AT_IPv4 || addr->type == AT_IPv6;
}

/* False for what is no whole TCP header over IP. */
static bool read_segment(tvbuff_t *tvb, packet_info *pinfo, void *data, const virtual_t *carrier, segment_t *segment) {
  const unsigned captured = tvb_captured_length(tvb);
  if (captured < 20 || !shim_is_ip(&pinfo->src) || pinfo->dst.type != pinfo->src.type) return false;
  const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)captured);
  const unsigned header_size = (unsigned)(bytes[12] >> 4) * 4;
  if (header_size < 20 || header_size > captured) return false;
  copy_address_wmem(pinfo->pool, &segment->sender, &pinfo->src);
  copy_address_wmem(pinfo->pool, &segment->receiver, &pinfo->dst);
  segment->sender_port = get16(bytes);
  segment->receiver_port = get16(bytes + 2);
  segment->sequence = get32(bytes + 4);
  segment->header_size = header_size;
  segment->captured = captured - header_size;
  segment->length = tvb_reported_length(tvb) - header_size;
  segment->bytes = bytes;
  segment->has_syn = (bytes[13] & TH_SYN) != 0;
  segment->end = bytes[13] & TH_RST ? PT_STREAM_RST : bytes[13] & TH_FIN ? PT_STREAM_FIN : PT_STREAM_OPEN;
  segment->ip = shim_ip_fields(tvb, data, &segment->sender);
  segment->network = carrier ? carrier->network : shim_network(pinfo);
  segment->parent = carrier ? carrier->attempt->id : PT_NO_TUNNEL;
  segment->layer = carrier ? carrier->attempt->layer + 1 : 0;
  segment->path = carrier ? carrier->attempt->path : 0;
  segment->from_client = !carrier || carrier->from_client;
  return true;
}

pt_endpoint_t shim_endpoint(const address *addr, uint16_t port) {
  pt_endpoint_t end = {.address = {.version = addr->type == AT_IPv4 ? 4 : 6}, .port = port};
  memcpy(end.address.octets, addr->data, (size_t)addr->len);
  return end;
}

address shim_address(const pt_endpoint_t *end) {
  address result;
  const bool is_v4 = end->address.version == 4;
  set_address(&result, is_v4 ? AT_IPv4 : AT_IPv6, is_v4 ? 4 : 16, end->address.octets);
  return result;
}

/* How far the checksum of the IPv4 header in front of `tvb` is off, as pcap-unproxy finds it
 * (tools/pcap-unproxy/decode/ip.cpp); 0 where that header is not there, as in front of what was put together. */
static uint16_t ip4_checksum_error(tvbuff_t *tvb, const ws_ip4 *ip4) {
  const unsigned size = ip4->ip_len - MIN(ip4->ip_len, tvb_reported_length(tvb));
  const int begin = tvb_raw_offset(tvb) - (int)size;
  if (size < 20 || size > 60 || begin < 0) return 0;
  const uint8_t *header = tvb_get_ptr(tvb_get_ds_tvb(tvb), begin, (int)size);
  if (header[0] != (0x40 | size / 4) || get16(header + 10) == 0) return 0;
  uint32_t sum = 0;
  for (unsigned at = 0; at < size; at += 2) sum += get16(header + at);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return sum == 0xffff ? 0 : (uint16_t)sum;
}

pt_ip_fields_t shim_ip_fields(tvbuff_t *tvb, void *data, const address *sender) {
  pt_ip_fields_t fields = {.version = sender->type == AT_IPv4 ? 4 : 6, .hop_limit = 64};
  const ws_ip4 *ip4 = WS_IP4_PTR(data);
  const ws_ip6 *ip6 = WS_IP6_PTR(data);
  if (ip4) {
    fields.traffic_class = ip4->ip_tos;
    fields.hop_limit = ip4->ip_ttl;
    fields.identification = ip4->ip_id;
    fields.dont_fragment = (ip4->ip_off & 0x4000) != 0;
    fields.checksum_error = ip4_checksum_error(tvb, ip4);
  } else if (ip6) {
    fields.traffic_class = ip6->ip6_tc;
    fields.hop_limit = ip6->ip6_hop;
    fields.flow_label = ip6->ip6_flw & 0xfffff;
  }
  return fields;
}

static bool is_vlan_tag(uint16_t ethertype) {
  return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_IEEE_802_1AD || ethertype == ETHERTYPE_QINQ_OLD;
}

/* From the frame itself: epan keeps one tag, and not of each kind. pcap-unproxy makes the same number of the same tags
 * (tools/pcap-unproxy/decode/link.cpp). */
uint32_t shim_network(const packet_info *pinfo) {
  if (!pinfo->rec || pinfo->rec->rec_type != REC_TYPE_PACKET || !pinfo->data_src) return 0;
  unsigned type_at, behind;
  switch (pinfo->rec->rec_header.packet_header.pkt_encap) {
    case WTAP_ENCAP_ETHERNET:
      type_at = 12;
      behind = 14;
      break;
    case WTAP_ENCAP_SLL:
      type_at = 14;
      behind = 16;
      break;
    case WTAP_ENCAP_SLL2:
      type_at = 0;
      behind = 20;
      break;
    default:
      return 0;
  }
  tvbuff_t *frame = get_data_source_tvb((const struct data_source *)pinfo->data_src->data);
  const unsigned captured = tvb_captured_length(frame);
  const uint8_t *bytes = tvb_get_ptr(frame, 0, (int)captured);
  uint32_t network = 0;
  while (behind + 4 <= captured && is_vlan_tag(get16(bytes + type_at))) {
    network = (network << 12 | network >> 20) ^ (get16(bytes + behind) & 0xfff);
    type_at = behind + 2;
    behind += 4;
  }
  return network;
}

int64_t shim_nanoseconds(const nstime_t *time) {
  return (int64_t)time->secs * 1000000000 + time->nsecs;
}

static record_t *feed(packet_info *pinfo, const segment_t *segment, const source_t *source) {
  const pt_segment_t given = {
      .sender = shim_endpoint(&segment->sender, segment->sender_port),
      .receiver = shim_endpoint(&segment->receiver, segment->receiver_port),
      .ip = segment->ip,
      .header = segment->bytes,
      .header_size = segment->header_size,
      .payload = segment->bytes + segment->header_size,
      .payload_size = segment->captured,
      .length = segment->length,
      .frame = pinfo->num,
      .time = shim_nanoseconds(&pinfo->abs_ts),
      .network = segment->network,
      .parent = segment->parent,
      .layer = segment->layer,
      .path = segment->path,
  };
  pt_tracker_segment(tracker, &given, outcome);
  return freeze_outcome(outcome, segment, source, pinfo->num);
}

/* ---------------------------------------------------------------- records of a frame */

unsigned shim_count_call(packet_info *pinfo) {
  unsigned *calls = (unsigned *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls);
  if (!calls) {
    calls = wmem_new0(pinfo->pool, unsigned);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls, calls);
  }
  return (*calls)++;
}

static record_t *record_of(packet_info *pinfo, const segment_t *segment, const source_t *source) {
  const unsigned call = shim_count_call(pinfo);
  if (!pinfo->fd->visited) {
    record_t *record = feed(pinfo, segment, source);
    if (record) p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call, record);
    return record;
  }
  record_t *record = (record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call);
  const bool same = record && record->sequence == segment->sequence && record->sender_port == segment->sender_port &&
                    record->receiver_port == segment->receiver_port;
  return same ? record : NULL;
}

/* ---------------------------------------------------------------- the shim in front of TCP */

bool shim_user_decided(dissector_table_t ports, const segment_t *segment) {
  return dissector_is_uint_changed(ports, segment->sender_port) ||
         dissector_is_uint_changed(ports, segment->receiver_port);
}

conversation_t *shim_conversation(packet_info *pinfo, const segment_t *segment) {
  return ws_find_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                  segment->receiver_port);
}

static uint32_t stream_of(packet_info *pinfo, const segment_t *segment) {
  conversation_t *conversation = shim_conversation(pinfo, segment);
  const struct tcp_analysis *analysis = conversation ? get_tcp_conversation_data(conversation, pinfo) : NULL;
  return analysis ? analysis->stream : UINT32_MAX;
}

/* Known once TCP has seen the segment; drawn on every frame that tells of the attempt. */
static void note_parent_stream(packet_info *pinfo, const segment_t *segment, const record_t *record) {
  const uint32_t stream = stream_of(pinfo, segment);
  for (unsigned i = 0; i < record->opened_count; i++) record->opened[i]->parent_stream = stream;
  for (unsigned i = 0; i < record->over_count; i++) record->over[i]->parent_stream = stream;
  for (unsigned i = 0; i < record->messages_count; i++) {
    attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) attempt->parent_stream = stream;
  }
}

void shim_draw_record(packet_info *pinfo, proto_tree *tree) {
  if (current_is_drawn) return;
  current_is_drawn = true;
  if (!pinfo->fd->visited) note_parent_stream(pinfo, current_segment, current_record);
  tree_draw_record(current_tvb, pinfo, tree, current_segment, current_record);
}

int shim_dissect_parent(dissector_handle_t parent, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  volatile int size = 0;
  TRY {
    size = call_dissector_only(parent, tvb, pinfo, tree, data);
  }
  CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
    show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
  }
  ENDTRY;
  return size ? size : (int)tvb_captured_length(tvb);
}

static int dissect_ours(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, const segment_t *segment,
                        const record_t *record) {
  current_record = record;
  current_segment = segment;
  current_tvb = tvb;
  current_is_drawn = false;
  const int size = shim_dissect_parent(tcp_handle, tvb, pinfo, tree, data);
  /* TCP keeps retransmissions and reordered segments from its sub-dissectors, so from ours too. */
  shim_draw_record(pinfo, tree);
  current_record = NULL;
  for (unsigned i = 0; i < record->over_count; i++) taps_queue_over(pinfo, record->over[i]);
  return size;
}

static int dissect_shim(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  const virtual_t *const carrier = virtual_take_expected();
  const uint8_t layer = pinfo->curr_layer_num;
  current_record = NULL;
  segment_t segment;
  const bool looked_at = shim_tracker() && !pinfo->flags.in_error_pkt && !pinfo->fragmented &&
                         read_segment(tvb, pinfo, data, carrier, &segment) && !shim_user_decided(tcp_ports, &segment);
  if (!looked_at) {
    tls_begin(NULL);
    return call_dissector_only(tcp_handle, tvb, pinfo, tree, data);
  }
  const source_t source = {.payload = segment.bytes + segment.header_size, .captured = segment.captured};
  record_t *record = record_of(pinfo, &segment, &source);
  tls_begin(&segment);
  int size;
  if (record) {
    if (record->claimed && !pinfo->fd->visited) claim_conversation(pinfo, &segment, record);
    size = dissect_ours(tvb, pinfo, tree, data, &segment, record);
  } else {
    if (carrier && carrier->offset == 0 && !pinfo->fd->visited) claim_for_content(pinfo, &segment, carrier);
    size = call_dissector_only(tcp_handle, tvb, pinfo, tree, data);
    if (pinfo->fd->visited) tree_draw_standing(tvb, pinfo, tree, &segment);
  }
  wmem_list_t *pieces = tls_end(pinfo, &segment);
  if (record) virtual_show(tvb, pinfo, tree, &source, record, layer);
  if (pieces) tls_show(pieces, tvb, pinfo, tree, layer);
  return size;
}

/* ---------------------------------------------------------------- the tracker, as long as the file */

static bool heuristic_is_on(const char *name) {
  const heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name(name);
  return !entry || entry->enabled;
}

/* The system's randomness; where there is none, GLib's best. */
static void draw_randomly(uint8_t *bytes, size_t size) {
  if (!getentropy(bytes, size)) return;
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)g_random_int();
}

static void open_file(void) {
  const preferences_t *wanted = &proxytunnel_preferences;
  pt_options_t options = {
      .disable_socks4 = !wanted->socks4 || !heuristic_is_on("proxytunnel_socks4"),
      .disable_socks5 = !wanted->socks5 || !heuristic_is_on("proxytunnel_socks5"),
      .disable_http_connect = !wanted->http_connect || !heuristic_is_on("proxytunnel_connect"),
      .disable_http_forward = !wanted->http_forward || !heuristic_is_on("proxytunnel_forward"),
      .disable_proxy_protocol = !wanted->proxy_protocol || !heuristic_is_on("proxytunnel_proxy"),
      .forward_without_proof = wanted->forward_without_proof,
      .ignore_dns = !wanted->dns,
      .layers = wanted->layers,
      .connections = wanted->connections,
      .synthetic4 = wanted->synthetic4 && *wanted->synthetic4 ? wanted->synthetic4 : NULL,
      .synthetic6 = wanted->synthetic6 && *wanted->synthetic6 ? wanted->synthetic6 : NULL,
  };
  draw_randomly(options.hash_key, sizeof options.hash_key);
  freeze_reset();
  tls_reset();
  tracker = pt_tracker_new(&options);
  names_read_hosts(tracker, wanted->hosts_files);
  outcome = pt_outcome_new();
}

static void close_file(void) {
  pt_tracker_free(tracker);
  pt_outcome_free(outcome);
  tracker = NULL;
  outcome = NULL;
  current_record = NULL;
  virtual_reset();
}

/* The entries of ip.proto have protocols, since the table supports Decode As, but in name only, so that they add no
 * layer; the parent is the dissector behind, which can be disabled as ever. */
void shim_register(int proto) {
  proto_proxytunnel = proto;
  protocol = find_protocol_by_id(proto);
  proto_tcp_shim =
      proto_register_protocol_in_name_only("Transmission Control Protocol (with Proxy Tunnel)", "TCP (Proxy Tunnel)",
                                           "proxytunnel.tcp_shim", proto_get_id_by_filter_name("tcp"), FT_PROTOCOL);
  register_init_routine(open_file);
  register_cleanup_routine(close_file);
}

dissector_handle_t shim_stand_before(uint32_t number, dissector_t shim, int proto) {
  const dissector_handle_t behind = dissector_get_uint_handle(find_dissector_table("ip.proto"), number);
  dissector_add_uint("ip.proto", number, create_dissector_handle(shim, proto));
  return behind;
}

void shim_handoff(void) {
  tcp_ports = find_dissector_table("tcp.port");
  tcp_handle = shim_stand_before(IP_PROTO_TCP, dissect_shim, proto_tcp_shim);
}
