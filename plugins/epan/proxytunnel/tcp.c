/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: stands in front of the TCP dissector: feeds the core once, has TCP dissected as ever, then has the virtual
 * packets shown.
 */
#include "tcp.h"

#include <epan/dissectors/packet-tcp.h>
#include <epan/ipproto.h>

#include "claim.h"
#include "core.h"
#include "current.h"
#include "depend.h"
#include "freeze.h"
#include "place.h"
#include "shim.h"
#include "shown.h"
#include "tap_queue.h"
#include "tls.h"
#include "tree.h"
#include "virtual.h"

static int proto_tcp_shim = -1;
static dissector_handle_t tcp_handle;
static dissector_table_t tcp_ports;

/* False for what is no whole TCP header over IP. */
static bool read_segment(tvbuff_t *tvb, packet_info *pinfo, void *data, const virtual_t *carrier, segment_t *segment) {
  const unsigned captured = tvb_captured_length(tvb);
  if (captured < 20 || !is_ip(&pinfo->src) || pinfo->dst.type != pinfo->src.type) return false;
  const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)captured);
  const unsigned header_size = (unsigned)(bytes[12] >> 4) * 4;
  if (header_size < 20 || header_size > captured) return false;
  copy_address_shallow(&segment->sender, &pinfo->src);
  copy_address_shallow(&segment->receiver, &pinfo->dst);
  segment->sender_port = get16(bytes);
  segment->receiver_port = get16(bytes + 2);
  segment->sequence = get32(bytes + 4);
  segment->header_size = header_size;
  segment->captured = captured - header_size;
  segment->length = tvb_reported_length(tvb) - header_size;
  segment->bytes = bytes;
  segment->has_syn = (bytes[13] & TH_SYN) != 0;
  segment->end = bytes[13] & TH_RST ? PT_STREAM_RST : bytes[13] & TH_FIN ? PT_STREAM_FIN : PT_STREAM_OPEN;
  segment->tvb = tvb;
  segment->ip = data;
  segment->vlan = carrier ? carrier->vlan : 0;
  segment->parent = carrier ? carrier->attempt->id : PT_NO_TUNNEL;
  segment->layer = carrier ? carrier->attempt->layer + 1 : 0;
  segment->path = carrier ? carrier->attempt->path : 0;
  segment->from_client = !carrier || carrier->from_client;
  return true;
}

/* What stands in its header, and who carries it: what pt_tracker_passes() reads. */
static void fill_seen(pt_segment_t *given, const packet_info *pinfo, const segment_t *segment) {
  given->sender = endpoint_of(&segment->sender, segment->sender_port);
  given->receiver = endpoint_of(&segment->receiver, segment->receiver_port);
  given->header = segment->bytes;
  given->header_size = segment->header_size;
  given->length = segment->length;
  given->frame = pinfo->num;
  given->time = nanoseconds_of(&pinfo->abs_ts);
  given->parent = segment->parent;
  given->layer = segment->layer;
}

/* On the first pass, most segments of ordinary traffic: the core has them, and nothing comes of it. */
static bool passes(pt_tracker_t *tracker, const packet_info *pinfo, const segment_t *segment) {
  if (pinfo->fd->visited || is_wrapped(pinfo, segment)) return false;
  pt_segment_t given; /* the rest of it is nobody's business here, and much of what this costs */
  fill_seen(&given, pinfo, segment);
  return pt_tracker_passes(tracker, &given);
}

static record_t *feed(const packet_info *pinfo, const segment_t *segment, const source_t *source) {
  pt_segment_t given = {0};
  fill_seen(&given, pinfo, segment);
  given.ip = ip_fields_of(segment);
  given.payload = segment->bytes + segment->header_size;
  given.payload_size = segment->captured;
  const pt_place_t place = place_of(pinfo, segment);
  given.vlan = place.vlan;
  given.network = place.network;
  given.encapsulation = place.encapsulation;
  given.encapsulation_size = place.encapsulation_size;
  given.path = segment->path;
  pt_tracker_segment(core_tracker(), &given, core_outcome());
  return freeze_outcome(core_outcome(), segment, source, pinfo);
}

/* True for what may be of use to know what this connection is. */
static bool is_opening(const segment_t *segment, pt_progress_t progress, const record_t *record) {
  const bool tells = record && (record->messages_count || record_forwards(record));
  return segment->has_syn || (segment->length && (progress == PT_UNDECIDED || progress == PT_HANDSHAKE || tells));
}

static int dissect_shim(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  const virtual_t *const carrier = current_take_expected();
  const uint8_t layer = pinfo->curr_layer_num;
  segment_t segment;
  current_t own = {.tvb = tvb};
  pt_tracker_t *const tracker = core_tracker();
  const bool is_read =
      tracker && !pinfo->flags.in_error_pkt && !pinfo->fragmented && read_segment(tvb, pinfo, data, carrier, &segment);
  const bool is_passing = is_read && passes(tracker, pinfo, &segment);
  const bool looked_at = is_passing || (is_read && !user_decided(tcp_ports, &segment));
  if (!looked_at) return current_dissect(&own, tcp_handle, pinfo, tree, data);
  const source_t source = {.payload = segment.bytes + segment.header_size, .captured = segment.captured};
  record_t *record = is_passing ? NULL : shim_record(pinfo, &segment, &source, feed);
  const pt_progress_t progress = is_passing ? PT_PASSED : pt_outcome_progress(core_outcome());
  const bool opening = !pinfo->fd->visited && is_opening(&segment, progress, record);
  own.segment = &segment;
  own.record = record;
  if (!pinfo->fd->visited && record && record->claimed) claim_conversation(pinfo, &segment, record);
  if (!pinfo->fd->visited && !record && carrier && carrier->offset == 0) claim_for_content(pinfo, &segment, carrier);
  const int size = current_dissect(&own, tcp_handle, pinfo, tree, data);
  if (record) {
    /* TCP keeps retransmissions and reordered segments from its sub-dissectors, so from ours too. */
    current_draw(&own, pinfo, tree);
    tap_queue_attempts(pinfo, record);
  } else if (pinfo->fd->visited) {
    tree_draw_standing(tvb, pinfo, tree, &segment);
  }
  if (opening) depend_note(pinfo, &segment, record);
  tls_end(&own, pinfo);
  if (carrier || own.pieces || (record && record->packets_count)) shown_note_segment(pinfo, tvb, &segment);
  if (record) virtual_show(tvb, pinfo, tree, &source, record, layer);
  if (own.pieces) tls_show(own.pieces, tvb, pinfo, tree, layer);
  return size;
}

/* The entries of ip.proto have protocols, since the table supports Decode As, but in name only, so that they add no
 * layer; the parent is the dissector behind, which can be disabled as ever. */
void tcp_register(void) {
  proto_tcp_shim =
      proto_register_protocol_in_name_only("Transmission Control Protocol (with Proxy Tunnel)", "TCP (Proxy Tunnel)",
                                           "proxytunnel.tcp_shim", proto_get_id_by_filter_name("tcp"), FT_PROTOCOL);
}

void tcp_handoff(void) {
  tcp_ports = find_dissector_table("tcp.port");
  tcp_handle = shim_stand_before(IP_PROTO_TCP, dissect_shim, proto_tcp_shim);
}
