/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: hands virtual packets to the IP dissectors, and leaves pinfo as they should not leave it.
 */
#include "virtual.h"

#include <epan/conversation.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/exceptions.h>
#include <epan/prefs.h>
#include <epan/show_exception.h>
#include <string.h>

#include "aside.h"
#include "current.h"
#include "depend.h"
#include "pdus.h"
#include "prefs.h"
#include "shown.h"
#include "tap_queue.h"
#include "tree.h"

static int proto_proxytunnel = -1;
static dissector_handle_t ip_handle, ipv6_handle;

/* ---------------------------------------------------------------- pinfo */

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
  wmem_map_t *layer_counts; /* by protocol */
  uint8_t curr_layer_num, curr_proto_layer_num;
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

/* Those of a virtual packet count from the parent's on: in "ip.src#2" 2 is the depth, however many virtual packets the
 * frame shows. What only they had stays in the table: epan looks for whatever is in the list of layers. */
static void save_count(void *protocol, void *count, void *saved) {
  wmem_map_insert((wmem_map_t *)saved, protocol, GINT_TO_POINTER(*(int *)count));
}

static void restore_count(void *protocol, void *count, void *saved) {
  *(int *)count = GPOINTER_TO_INT(wmem_map_lookup((wmem_map_t *)saved, protocol));
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
  state->layer_counts = wmem_map_new(pinfo->pool, g_direct_hash, g_direct_equal);
  wmem_map_foreach(pinfo->proto_layers, save_count, state->layer_counts);
  state->curr_layer_num = pinfo->curr_layer_num;
  state->curr_proto_layer_num = pinfo->curr_proto_layer_num;
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
  wmem_map_foreach(pinfo->proto_layers, restore_count, state->layer_counts);
  pinfo->curr_layer_num = state->curr_layer_num;
  pinfo->curr_proto_layer_num = state->curr_proto_layer_num;
}

/* ---------------------------------------------------------------- the packets */

/* What the tab of its bytes is called: those of a frame are told apart. */
static const char *source_name(wmem_allocator_t *pool, const virtual_t *virtual) {
  static const char *const names[] = {[PT_SYN] = "Virtual SYN",
                                      [PT_SYN_ACK] = "Virtual SYN, ACK",
                                      [PT_ACK] = "Virtual ACK",
                                      [PT_TRANSLATED] = "Virtual packet",
                                      [PT_HELD] = "Virtual packet, delayed"};
  const char *name = names[virtual->kind];
  return virtual->attempt->layer ? wmem_strdup_printf(pool, "%s, layer %u", name, virtual->attempt->layer) : name;
}

/* Headers, and what was captured of the payload. */
static tvbuff_t *build_packet(tvbuff_t *tvb, packet_info *pinfo, const source_t *source, const virtual_t *virtual) {
  const unsigned headers = virtual->ip_size + virtual->transport_size;
  uint8_t *bytes = (uint8_t *)wmem_alloc(pinfo->pool, headers + virtual->captured);
  memcpy(bytes, virtual->headers, headers);
  const uint8_t *payload = virtual->kept;
  if (!payload && virtual->place + virtual->captured <= source->captured) payload = source->payload + virtual->place;
  const unsigned captured = payload ? virtual->captured : 0;
  if (captured) memcpy(bytes + headers, payload, captured);
  tvbuff_t *packet = tvb_new_child_real_data(tvb, bytes, headers + captured, (int)(headers + virtual->length));
  add_new_data_source(pinfo, packet, source_name(pinfo->pool, virtual));
  return packet;
}

static void dissect_virtual(tvbuff_t *packet, packet_info *pinfo, proto_tree *tree, virtual_t *virtual) {
  const bool is_v4 = virtual->headers[0] >> 4 == 4;
  current_expect(virtual);
  GSList *outer = aside_enter(pinfo, virtual);
  TRY {
    call_dissector_only(is_v4 ? ip_handle : ipv6_handle, packet, pinfo, tree, NULL);
  }
  CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
    show_exception(packet, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
  }
  FINALLY {
    aside_leave(pinfo, virtual, outer);
  }
  ENDTRY;
  current_take_expected(); /* it may have reached no shim */
}

static void note_stream(packet_info *pinfo, attempt_t *attempt) {
  if (attempt->stream != UINT32_MAX || pinfo->fd->visited) return;
  conversation_t *conversation =
      ws_find_tcp_conversation(pinfo, &pinfo->src, &pinfo->dst, pinfo->srcport, pinfo->destport);
  const struct tcp_analysis *analysis = conversation ? get_tcp_conversation_data(conversation, pinfo) : NULL;
  if (analysis) attempt->stream = analysis->stream;
}

/* Whether the frame brought the packet. A datagram that was put together here is shown here, too. */
static bool is_shown_here(const virtual_t *virtual) {
  return virtual->kind == PT_TRANSLATED || virtual->is_udp;
}

static void show_packet(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const source_t *source,
                        virtual_t *virtual) {
  attempt_t *attempt = virtual->attempt;
  shown_note_virtual(pinfo);
  if (is_shown_here(virtual)) {
    /* TCP fences off what it found in the parent, such as "[TCP Window Full]". */
    col_clear_fence(pinfo->cinfo, COL_PROTOCOL);
    col_clear_fence(pinfo->cinfo, COL_INFO);
    col_clear(pinfo->cinfo, COL_INFO);
  } else {
    col_set_writable(pinfo->cinfo, -1, FALSE);
  }
  tvbuff_t *packet = build_packet(tvb, pinfo, source, virtual);
  proto_tree *own_tree = tree_draw_virtual(packet, pinfo, tree, virtual);
  tap_record_t *told = tap_queue_virtual(pinfo, virtual, packet);
  pdus_queue(pinfo, packet);
  dissect_virtual(packet, pinfo, tree, virtual);
  uint32_t stream;
  if (virtual->is_udp) {
    stream = shown_note_datagram(pinfo, packet)->stream;
  } else {
    note_stream(pinfo, attempt);
    tree_draw_stream(own_tree, packet, attempt);
    stream = attempt->stream;
  }
  if (told) told->stream = stream;
}

/* epan asserts that a frame has fewer layers than its preference for the depth of trees says. Beyond half of them a
 * virtual packet's layers go into a list of their own: it is shown like the others, but frame.protocols lacks it. TCP
 * looks at what stands below the layer below it, so the list begins with one. */
static bool has_many_layers(const packet_info *pinfo) {
  return wmem_list_count(pinfo->layers) > prefs.gui_max_tree_depth / 2;
}

/* Reassembly in 4.0 to 4.6 finds what a packet completed by its layer number, so it must be the same in each pass, and
 * others than those of the packets that brought the rest; what the parent's dissection left depends on the pass. There
 * are 256. What comes in more packets of one frame, such as a head in a thousand segments, the last of them completes:
 * it shares its number with none. */
static uint8_t layer_number(const record_t *record, unsigned i, uint8_t layer) {
  enum { numbers = 256 };
  const bool is_last = i == record->packets_count - 1;
  const unsigned place = is_last && i >= numbers ? numbers - 1 : i % (numbers - 1);
  return (uint8_t)(layer + 4 + place * (record->packets_count <= 16 ? 8 : 3));
}

void virtual_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const source_t *source, const record_t *record,
                  uint8_t layer) {
  if (!proxytunnel_preferences.virtual_conversations || !record->packets_count) return;
  pinfo_state_t state;
  save_state(pinfo, &state);
  for (unsigned i = 0; i < record->packets_count; i++) {
    virtual_t *virtual = &record->packets[i];
    if (!i || virtual->attempt != virtual[-1].attempt) depend_mark(pinfo, virtual);
    pinfo->curr_layer_num = layer_number(record, i, layer);
    if (has_many_layers(pinfo)) {
      pinfo->layers = wmem_list_new(pinfo->pool);
      wmem_list_append(pinfo->layers, GINT_TO_POINTER(proto_proxytunnel));
    }
    pinfo->use_conv_addr_port_endpoints = FALSE;
    pinfo->conv_addr_port_endpoints = NULL;
    pinfo->conv_elements = NULL;
    pinfo->can_desegment = 0;
    show_packet(tvb, pinfo, tree, source, virtual);
    restore_state(pinfo, &state);
    /* The frame itself is not from the client to the origin where it only opened the tunnel. */
    if (!is_shown_here(virtual)) restore_ends(pinfo, &state);
  }
}

void virtual_handoff(int proto) {
  proto_proxytunnel = proto;
  ip_handle = find_dissector("ip");
  ipv6_handle = find_dissector("ipv6");
}
