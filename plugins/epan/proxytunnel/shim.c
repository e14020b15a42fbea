/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: stands in front of the TCP and UDP dissectors: feeds the core once, has TCP dissected as ever, then shows
 * the virtual packets.
 */
#include "packet-proxytunnel.h"

#include <string.h>

#include <epan/conversation.h>
#include <epan/dissectors/packet-ip.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/exceptions.h>
#include <epan/ipproto.h>
#include <epan/prefs.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>

static int proto_proxytunnel = -1, proto_tcp_shim = -1, proto_udp_shim = -1;
static protocol_t *protocol;
static dissector_handle_t tcp_handle, udp_handle, ip_handle, ipv6_handle;
static dissector_table_t tcp_ports;

static pt_tracker_t *tracker;
static pt_outcome_t *outcome;

/* What TCP is dissecting. Virtual packets come only after TCP has returned, so none of this needs to be restored; what
 * carries IP inside TCP in another way meets a record of its own or none. */
static const record_t *current_record;
static const segment_t *current_segment;
static tvbuff_t *current_tvb;
static bool current_is_drawn;
/* The virtual segment that was just handed to the IP dissector: the next segment that the shim sees is this one. */
static const virtual_t *expected;

/* Keys of per-packet memory; records of segments have the keys from 0 on. */
enum { key_calls = 0, key_virtual = 1 };

const pt_tracker_t *shim_tracker(void) {
  return tracker;
}
const record_t *shim_record(void) {
  return current_record;
}
const segment_t *shim_segment(void) {
  return current_segment;
}

bool shim_shows_virtual(packet_info *pinfo) {
  return p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual) != NULL;
}

/* ---------------------------------------------------------------- the segment, as the core wants it */

static bool is_ip(const address *addr) {
  return addr->type == AT_IPv4 || addr->type == AT_IPv6;
}

/* False for what is no whole TCP header over IP. */
static bool read_segment(tvbuff_t *tvb, packet_info *pinfo, const virtual_t *carrier, segment_t *segment) {
  const unsigned captured = tvb_captured_length(tvb);
  if (captured < 20 || !is_ip(&pinfo->src) || pinfo->dst.type != pinfo->src.type) return false;
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
  segment->parent = carrier ? carrier->attempt->id : PT_NO_TUNNEL;
  segment->layer = carrier ? carrier->attempt->layer + 1 : 0;
  return true;
}

static pt_endpoint_t endpoint_of(const address *addr, uint16_t port) {
  pt_endpoint_t end = {.address = {.version = addr->type == AT_IPv4 ? 4 : 6}, .port = port};
  memcpy(end.address.octets, addr->data, (size_t)addr->len);
  return end;
}

/* `data` is what the IP dissectors pass to those of ip.proto: the header as they read it. */
static pt_ip_fields_t ip_fields_of(void *data, const address *sender) {
  pt_ip_fields_t fields = {.version = sender->type == AT_IPv4 ? 4 : 6, .hop_limit = 64};
  const ws_ip4 *ip4 = WS_IP4_PTR(data);
  const ws_ip6 *ip6 = WS_IP6_PTR(data);
  if (ip4) {
    fields.traffic_class = ip4->ip_tos;
    fields.hop_limit = ip4->ip_ttl;
    fields.identification = ip4->ip_id;
    fields.dont_fragment = (ip4->ip_off & 0x4000) != 0;
  } else if (ip6) {
    fields.traffic_class = ip6->ip6_tc;
    fields.hop_limit = ip6->ip6_hop;
    fields.flow_label = ip6->ip6_flw & 0xfffff;
  }
  return fields;
}

static int64_t nanoseconds_of(const nstime_t *time) {
  return (int64_t)time->secs * 1000000000 + time->nsecs;
}

static record_t *feed(packet_info *pinfo, const segment_t *segment, void *data) {
  const pt_segment_t given = {
      .sender = endpoint_of(&segment->sender, segment->sender_port),
      .receiver = endpoint_of(&segment->receiver, segment->receiver_port),
      .ip = ip_fields_of(data, &segment->sender),
      .header = segment->bytes,
      .header_size = segment->header_size,
      .payload = segment->bytes + segment->header_size,
      .payload_size = segment->captured,
      .length = segment->length,
      .frame = pinfo->num,
      .time = nanoseconds_of(&pinfo->abs_ts),
      .parent = segment->parent,
      .layer = segment->layer,
  };
  pt_tracker_segment(tracker, &given, outcome);
  record_t *record = freeze_outcome(outcome, segment, pinfo->num);
  if (record && record->opened) names_register(record->opened);
  return record;
}

/* ---------------------------------------------------------------- records of a frame */

/* The position of this segment among those of the frame. */
static unsigned count_call(packet_info *pinfo) {
  unsigned *calls = (unsigned *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls);
  if (!calls) {
    calls = wmem_new0(pinfo->pool, unsigned);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_calls, calls);
  }
  return (*calls)++;
}

static record_t *record_of(packet_info *pinfo, const segment_t *segment, void *data) {
  const unsigned call = count_call(pinfo);
  if (!pinfo->fd->visited) {
    record_t *record = feed(pinfo, segment, data);
    if (record) p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call, record);
    return record;
  }
  record_t *record = (record_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, call);
  const bool same = record && record->sequence == segment->sequence && record->sender_port == segment->sender_port &&
                    record->receiver_port == segment->receiver_port;
  return same ? record : NULL;
}

/* ---------------------------------------------------------------- virtual packets */

/* What a dissection changes in pinfo and nobody undoes. */
typedef struct {
  address dl_src, dl_dst, net_src, net_dst, src, dst;
  port_type ptype;
  uint32_t srcport, destport, match_uint;
  const char *match_string, *current_proto, *noreassembly_reason;
  struct conversation_addr_port_endpoints *conv_addr_port_endpoints;
  struct conversation_element *conv_elements;
  ws_bool_t use_conv_addr_port_endpoints, fragmented, writable;
  uint16_t can_desegment, saved_can_desegment, want_pdu_tracking;
  int desegment_offset, p2p_dir;
  uint32_t desegment_len, bytes_until_next_pdu;
  wmem_list_t *layers;
  uint8_t curr_layer_num;
} pinfo_state_t;

static void save_ends(const packet_info *pinfo, pinfo_state_t *state) {
  copy_address_shallow(&state->dl_src, &pinfo->dl_src);
  copy_address_shallow(&state->dl_dst, &pinfo->dl_dst);
  copy_address_shallow(&state->net_src, &pinfo->net_src);
  copy_address_shallow(&state->net_dst, &pinfo->net_dst);
  copy_address_shallow(&state->src, &pinfo->src);
  copy_address_shallow(&state->dst, &pinfo->dst);
  state->ptype = pinfo->ptype;
  state->srcport = pinfo->srcport;
  state->destport = pinfo->destport;
}

static void restore_ends(packet_info *pinfo, const pinfo_state_t *state) {
  copy_address_shallow(&pinfo->dl_src, &state->dl_src);
  copy_address_shallow(&pinfo->dl_dst, &state->dl_dst);
  copy_address_shallow(&pinfo->net_src, &state->net_src);
  copy_address_shallow(&pinfo->net_dst, &state->net_dst);
  copy_address_shallow(&pinfo->src, &state->src);
  copy_address_shallow(&pinfo->dst, &state->dst);
  pinfo->ptype = state->ptype;
  pinfo->srcport = state->srcport;
  pinfo->destport = state->destport;
}

static void save_state(const packet_info *pinfo, pinfo_state_t *state) {
  save_ends(pinfo, state);
  state->match_uint = pinfo->match_uint;
  state->match_string = pinfo->match_string;
  state->current_proto = pinfo->current_proto;
  state->noreassembly_reason = pinfo->noreassembly_reason;
  state->conv_addr_port_endpoints = pinfo->conv_addr_port_endpoints;
  state->conv_elements = pinfo->conv_elements;
  state->use_conv_addr_port_endpoints = pinfo->use_conv_addr_port_endpoints;
  state->fragmented = pinfo->fragmented;
  state->writable = col_get_writable(pinfo->cinfo, -1);
  state->can_desegment = pinfo->can_desegment;
  state->saved_can_desegment = pinfo->saved_can_desegment;
  state->want_pdu_tracking = pinfo->want_pdu_tracking;
  state->desegment_offset = pinfo->desegment_offset;
  state->p2p_dir = pinfo->p2p_dir;
  state->desegment_len = pinfo->desegment_len;
  state->bytes_until_next_pdu = pinfo->bytes_until_next_pdu;
  state->layers = pinfo->layers;
  state->curr_layer_num = pinfo->curr_layer_num;
}

static void restore_state(packet_info *pinfo, const pinfo_state_t *state) {
  pinfo->match_uint = state->match_uint;
  pinfo->match_string = state->match_string;
  pinfo->current_proto = state->current_proto;
  pinfo->noreassembly_reason = state->noreassembly_reason;
  pinfo->conv_addr_port_endpoints = state->conv_addr_port_endpoints;
  pinfo->conv_elements = state->conv_elements;
  pinfo->use_conv_addr_port_endpoints = state->use_conv_addr_port_endpoints;
  pinfo->fragmented = state->fragmented;
  col_set_writable(pinfo->cinfo, -1, state->writable);
  pinfo->can_desegment = state->can_desegment;
  pinfo->saved_can_desegment = state->saved_can_desegment;
  pinfo->want_pdu_tracking = state->want_pdu_tracking;
  pinfo->desegment_offset = state->desegment_offset;
  pinfo->p2p_dir = state->p2p_dir;
  pinfo->desegment_len = state->desegment_len;
  pinfo->bytes_until_next_pdu = state->bytes_until_next_pdu;
  pinfo->layers = state->layers;
  pinfo->curr_layer_num = state->curr_layer_num;
}

/* The packet: headers and what was captured of its payload. */
static tvbuff_t *build_packet(tvbuff_t *tvb, packet_info *pinfo, const segment_t *parent, const virtual_t *segment) {
  const unsigned headers = segment->ip_size + segment->tcp_size;
  uint8_t *bytes = (uint8_t *)wmem_alloc(pinfo->pool, headers + segment->captured);
  memcpy(bytes, segment->headers, headers);
  const uint8_t *payload = segment->kept;
  if (!payload && segment->place + segment->captured <= parent->captured) {
    payload = parent->bytes + parent->header_size + segment->place;
  }
  const unsigned captured = payload ? segment->captured : 0;
  if (captured) memcpy(bytes + headers, payload, captured);
  tvbuff_t *packet = tvb_new_child_real_data(tvb, bytes, headers + captured, (int)(headers + segment->length));
  add_new_data_source(pinfo, packet, "Virtual packet");
  taps_queue_virtual(pinfo, segment, bytes, headers + captured, headers + segment->length);
  return packet;
}

static void dissect_virtual(tvbuff_t *packet, packet_info *pinfo, proto_tree *tree, const virtual_t *segment) {
  const bool is_v4 = segment->headers[0] >> 4 == 4;
  expected = segment;
  TRY {
    call_dissector_only(is_v4 ? ip_handle : ipv6_handle, packet, pinfo, tree, NULL);
  }
  CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
    show_exception(packet, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
  }
  ENDTRY;
  expected = NULL;
}

static uint32_t stream_of(packet_info *pinfo, const address *sender, uint16_t sender_port, const address *receiver,
                          uint16_t receiver_port) {
  conversation_t *conversation = ws_find_tcp_conversation(pinfo, sender, receiver, sender_port, receiver_port);
  const struct tcp_analysis *analysis = conversation ? get_tcp_conversation_data(conversation, pinfo) : NULL;
  return analysis ? analysis->stream : UINT32_MAX;
}

static void show_virtual(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *parent,
                         const virtual_t *segment) {
  attempt_t *attempt = segment->attempt;
  const bool carried_here = segment->kind == PT_TRANSLATED;
  if (carried_here) {
    /* TCP fences off what it found in the parent, such as "[TCP Window Full]". */
    col_clear_fence(pinfo->cinfo, COL_PROTOCOL);
    col_clear_fence(pinfo->cinfo, COL_INFO);
    col_clear(pinfo->cinfo, COL_INFO);
  } else {
    col_set_writable(pinfo->cinfo, -1, FALSE);
  }
  tvbuff_t *packet = build_packet(tvb, pinfo, parent, segment);
  proto_tree *own_tree = tree_draw_virtual(packet, pinfo, tree, segment);
  dissect_virtual(packet, pinfo, tree, segment);
  if (attempt->stream == UINT32_MAX && !pinfo->fd->visited) {
    attempt->stream = stream_of(pinfo, &pinfo->src, (uint16_t)pinfo->srcport, &pinfo->dst, (uint16_t)pinfo->destport);
  }
  tree_draw_stream(own_tree, packet, attempt);
}

/* epan asserts that a frame has fewer layers than its preference for the depth of trees says. Beyond half of them a
 * virtual packet's layers go into a list of their own: it is shown like the others, but frame.protocols lacks it. */
static bool has_many_layers(const packet_info *pinfo) {
  return wmem_list_count(pinfo->layers) > prefs.gui_max_tree_depth / 2;
}

static void show_all_virtual(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *parent,
                             const record_t *record, uint8_t layer) {
  /* Reassembly in 4.0 to 4.6 goes by layer numbers, which must be the same in each pass, and other ones for each packet
   * of the frame; those that the parent's dissection left depend on the pass. */
  const unsigned step = record->segments_count <= 16 ? 8 : 3;
  pinfo_state_t state;
  save_state(pinfo, &state);
  p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual, GUINT_TO_POINTER(1));
  for (unsigned i = 0; i < record->segments_count; i++) {
    const virtual_t *segment = &record->segments[i];
    pinfo->curr_layer_num = (uint8_t)(layer + 4 + i * step);
    if (has_many_layers(pinfo)) pinfo->layers = wmem_list_new(pinfo->pool);
    pinfo->use_conv_addr_port_endpoints = FALSE;
    pinfo->conv_addr_port_endpoints = NULL;
    pinfo->conv_elements = NULL;
    pinfo->can_desegment = 0;
    show_virtual(tvb, pinfo, tree, parent, segment);
    restore_state(pinfo, &state);
    /* The frame itself is not from the client to the origin where it only opened the tunnel. */
    if (segment->kind != PT_TRANSLATED) restore_ends(pinfo, &state);
  }
}

/* ---------------------------------------------------------------- the shim in front of TCP */

/* The user's own word on a port is final. */
static bool user_decided(const segment_t *segment) {
  return dissector_is_uint_changed(tcp_ports, segment->sender_port) ||
         dissector_is_uint_changed(tcp_ports, segment->receiver_port);
}

/* Known once TCP has seen the segment; drawn on every frame that tells of the attempt. */
static void note_parent_stream(packet_info *pinfo, const segment_t *segment, const record_t *record) {
  const uint32_t stream =
      stream_of(pinfo, &segment->sender, segment->sender_port, &segment->receiver, segment->receiver_port);
  if (record->opened) record->opened->parent_stream = stream;
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

/* As ever, but what throws must not take the virtual packets with it. */
static int dissect_parent(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  volatile int size = 0;
  TRY {
    size = call_dissector_only(tcp_handle, tvb, pinfo, tree, data);
  }
  CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
    show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
  }
  ENDTRY;
  return size ? size : (int)tvb_captured_length(tvb);
}

static int dissect_ours(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, const segment_t *segment,
                        const record_t *record) {
  const uint8_t layer = pinfo->curr_layer_num;
  current_record = record;
  current_segment = segment;
  current_tvb = tvb;
  current_is_drawn = false;
  const int size = dissect_parent(tvb, pinfo, tree, data);
  /* TCP keeps retransmissions and reordered segments from its sub-dissectors, so from ours too. */
  shim_draw_record(pinfo, tree);
  current_record = NULL;
  for (unsigned i = 0; i < record->over_count; i++) taps_queue_over(pinfo, record->over[i]);
  if (proxytunnel_preferences.virtual_conversations && record->segments_count) {
    show_all_virtual(tvb, pinfo, tree, segment, record, layer);
  }
  return size;
}

static int dissect_shim(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  const virtual_t *const carrier = expected;
  expected = NULL;
  current_record = NULL;
  segment_t segment;
  const bool looked_at = tracker && !pinfo->flags.in_error_pkt && !pinfo->fragmented &&
                         proto_is_protocol_enabled(protocol) && read_segment(tvb, pinfo, carrier, &segment) &&
                         !user_decided(&segment);
  record_t *record = looked_at ? record_of(pinfo, &segment, data) : NULL;
  if (record) {
    if (record->claimed && !pinfo->fd->visited) claim_conversation(pinfo, &segment, record);
    return dissect_ours(tvb, pinfo, tree, data, &segment, record);
  }
  if (looked_at && carrier && carrier->offset == 0 && !pinfo->fd->visited) claim_for_tls(pinfo, &segment);
  const int size = call_dissector_only(tcp_handle, tvb, pinfo, tree, data);
  if (looked_at && pinfo->fd->visited) tree_draw_standing(tvb, pinfo, tree, &segment);
  return size;
}

/* ---------------------------------------------------------------- the shim in front of UDP */

static int dissect_udp_shim(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  const unsigned captured = tvb_captured_length(tvb);
  const bool looked_at = tracker && !pinfo->fd->visited && !pinfo->flags.in_error_pkt && !pinfo->fragmented &&
                         captured >= 8 && is_ip(&pinfo->src) && pinfo->dst.type == pinfo->src.type;
  if (looked_at) {
    const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)captured);
    const pt_datagram_t datagram = {
        .sender = endpoint_of(&pinfo->src, get16(bytes)),
        .receiver = endpoint_of(&pinfo->dst, get16(bytes + 2)),
        .payload = bytes + 8,
        .payload_size = captured - 8,
        .length = tvb_reported_length(tvb) - 8,
        .frame = pinfo->num,
        .time = nanoseconds_of(&pinfo->abs_ts),
    };
    pt_tracker_datagram(tracker, &datagram);
  }
  return call_dissector_only(udp_handle, tvb, pinfo, tree, data);
}

/* ---------------------------------------------------------------- the tracker, as long as the file */

static bool heuristic_is_on(const char *name) {
  const heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name(name);
  return !entry || entry->enabled;
}

static void open_file(void) {
  const preferences_t *wanted = &proxytunnel_preferences;
  const pt_options_t options = {
      .disable_socks4 = !wanted->socks4 || !heuristic_is_on("proxytunnel_socks4"),
      .disable_socks5 = !wanted->socks5 || !heuristic_is_on("proxytunnel_socks5"),
      .disable_http_connect = !wanted->http_connect || !heuristic_is_on("proxytunnel_connect"),
      .ignore_dns = !wanted->dns,
      .layers = wanted->layers,
      .synthetic4 = wanted->synthetic4 && *wanted->synthetic4 ? wanted->synthetic4 : NULL,
      .synthetic6 = wanted->synthetic6 && *wanted->synthetic6 ? wanted->synthetic6 : NULL,
  };
  freeze_reset();
  tracker = pt_tracker_new(&options);
  outcome = pt_outcome_new();
}

static void close_file(void) {
  pt_tracker_free(tracker);
  pt_outcome_free(outcome);
  tracker = NULL;
  outcome = NULL;
  current_record = NULL;
  expected = NULL;
}

/* The entries of ip.proto have protocols, since the table supports Decode As, but in name only, so that they add no
 * layer; the parent is the dissector behind, which can be disabled as ever. */
void shim_register(int proto) {
  proto_proxytunnel = proto;
  protocol = find_protocol_by_id(proto);
  proto_tcp_shim =
      proto_register_protocol_in_name_only("Transmission Control Protocol (with Proxy Tunnel)", "TCP (Proxy Tunnel)",
                                           "proxytunnel.tcp_shim", proto_get_id_by_filter_name("tcp"), FT_PROTOCOL);
  proto_udp_shim =
      proto_register_protocol_in_name_only("User Datagram Protocol (with Proxy Tunnel)", "UDP (Proxy Tunnel)",
                                           "proxytunnel.udp_shim", proto_get_id_by_filter_name("udp"), FT_PROTOCOL);
  register_init_routine(open_file);
  register_cleanup_routine(close_file);
}

/* Puts a shim in front of a dissector of ip.proto, which is returned. */
static dissector_handle_t stand_before(uint32_t number, dissector_t shim, int proto) {
  const dissector_handle_t behind = dissector_get_uint_handle(find_dissector_table("ip.proto"), number);
  dissector_add_uint("ip.proto", number, create_dissector_handle(shim, proto));
  return behind;
}

void shim_handoff(void) {
  ip_handle = find_dissector("ip");
  ipv6_handle = find_dissector("ipv6");
  tcp_ports = find_dissector_table("tcp.port");
  tcp_handle = stand_before(IP_PROTO_TCP, dissect_shim, proto_tcp_shim);
  udp_handle = stand_before(IP_PROTO_UDP, dissect_udp_shim, proto_udp_shim);
}
