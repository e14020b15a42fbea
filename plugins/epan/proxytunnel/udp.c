/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: stands in front of the UDP dissector: names from DNS, datagrams that SOCKS proxies relay, and those with a
 * PROXY header.
 */
#include "udp.h"

#include <epan/ipproto.h>
#include <string.h>

#include "core.h"
#include "current.h"
#include "freeze.h"
#include "place.h"
#include "prefs.h"
#include "shim.h"
#include "shown.h"
#include "tap_queue.h"
#include "tree.h"
#include "virtual.h"

static int proto_proxytunnel = -1, proto_udp_shim = -1;
static dissector_handle_t udp_handle, relayed_handle;
static dissector_table_t udp_ports;

enum { header_size = 8 };

/* False for what is no whole UDP header over IP. A datagram is a segment without connection. */
static bool read_datagram(tvbuff_t *tvb, packet_info *pinfo, void *data, const virtual_t *carrier,
                          segment_t *datagram) {
  const unsigned captured = tvb_captured_length(tvb);
  if (captured < header_size || !is_ip(&pinfo->src) || pinfo->dst.type != pinfo->src.type) return false;
  memset(datagram, 0, sizeof *datagram);
  copy_address_wmem(pinfo->pool, &datagram->sender, &pinfo->src);
  copy_address_wmem(pinfo->pool, &datagram->receiver, &pinfo->dst);
  datagram->bytes = tvb_get_ptr(tvb, 0, (int)captured);
  datagram->sender_port = get16(datagram->bytes);
  datagram->receiver_port = get16(datagram->bytes + 2);
  datagram->header_size = header_size;
  /* The length in the header counts, where IP has padding behind it; 0 is a jumbogram's. */
  const unsigned said = get16(datagram->bytes + 4), there = tvb_reported_length(tvb);
  if (said && said < header_size) return false;
  datagram->length = MIN(said ? said : there, there) - header_size;
  datagram->captured = MIN(captured - header_size, datagram->length);
  datagram->tvb = tvb;
  datagram->ip = data;
  datagram->vlan = carrier ? carrier->vlan : 0;
  datagram->parent = carrier ? carrier->attempt->id : PT_NO_TUNNEL;
  datagram->layer = carrier ? carrier->attempt->layer + 1 : 0;
  return true;
}

static record_t *feed(const packet_info *pinfo, const segment_t *datagram, const source_t *source) {
  const pt_place_t place = place_of(pinfo, datagram);
  const pt_datagram_t given = {
      .sender = endpoint_of(&datagram->sender, datagram->sender_port),
      .receiver = endpoint_of(&datagram->receiver, datagram->receiver_port),
      .ip = ip_fields_of(datagram),
      .payload = source->payload,
      .payload_size = source->captured,
      .length = datagram->length,
      .checksum = get16(datagram->bytes + 6),
      .frame = pinfo->num,
      .time = nanoseconds_of(&pinfo->abs_ts),
      .vlan = place.vlan,
      .network = place.network,
      .parent = datagram->parent,
      .layer = datagram->layer,
  };
  pt_tracker_datagram(core_tracker(), &given, core_outcome());
  return freeze_outcome(core_outcome(), datagram, source, pinfo);
}

/* The parent's payload is not for whoever knows its port. */
static int dissect_relayed(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_) {
  const record_t *record = current()->record;
  if (!record || !record->parts_count) return 0;
  const pt_part_t *last = &record->parts[record->parts_count - 1];
  const attempt_t *tunnel = attempt_of(last->tunnel);
  if (tunnel && pt_protocol(tunnel->protocol)->family == pt_family_proxy_protocol) {
    const unsigned size = MIN(last->size, tvb_reported_length(tvb));
    tree_draw_payload(tvb_new_subset_remaining(tvb, (int)(tvb_reported_length(tvb) - size)), pinfo, tree, tunnel);
    return (int)tvb_captured_length(tvb);
  }
  const unsigned header = MIN(record->parts[0].size, tvb_reported_length(tvb));
  const attempt_t *attempt = record->packets_count ? record->packets[0].attempt : NULL;
  if (!attempt && record->parts_count > 1) attempt = attempt_of(record->parts[1].tunnel);
  tree_draw_datagram(tvb, pinfo, tree, header, attempt);
  return (int)tvb_captured_length(tvb);
}

static void claim(packet_info *pinfo, const segment_t *datagram) {
  conversation_t *conversation = ws_claimed_udp_conversation(pinfo, &datagram->sender, &datagram->receiver,
                                                             datagram->sender_port, datagram->receiver_port);
  if (conversation_get_dissector(conversation, pinfo->num) != relayed_handle) {
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, relayed_handle);
  }
}

static int dissect_shim(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  const virtual_t *const carrier = current_take_expected();
  const uint8_t layer = pinfo->curr_layer_num;
  segment_t datagram;
  current_t own = {.tvb = tvb};
  const bool looked_at = core_tracker() && !pinfo->flags.in_error_pkt && !pinfo->fragmented &&
                         read_datagram(tvb, pinfo, data, carrier, &datagram);
  if (!looked_at) return current_dissect(&own, udp_handle, pinfo, tree, data);
  const source_t source = {.payload = datagram.bytes + header_size, .captured = datagram.captured};
  const record_t *record = shim_record(pinfo, &datagram, &source, feed);
  const bool is_relayed = record && record->progress == PT_OPEN;
  if (!is_relayed) return current_dissect(&own, udp_handle, pinfo, tree, data);
  const bool is_ours = proxytunnel_preferences.precedence && !user_decided(udp_ports, &datagram);
  if (is_ours && !pinfo->fd->visited) claim(pinfo, &datagram);
  own.record = record;
  const int size = current_dissect(&own, udp_handle, pinfo, tree, data);
  shown_note_datagram(pinfo, tvb);
  tree_draw_record(tvb, pinfo, tree, &datagram, record);
  tap_queue_attempts(pinfo, record);
  virtual_show(tvb, pinfo, tree, &source, record, layer);
  return size;
}

void udp_register(int proto) {
  proto_proxytunnel = proto;
  proto_udp_shim =
      proto_register_protocol_in_name_only("User Datagram Protocol (with Proxy Tunnel)", "UDP (Proxy Tunnel)",
                                           "proxytunnel.udp_shim", proto_get_id_by_filter_name("udp"), FT_PROTOCOL);
}

void udp_handoff(void) {
  udp_ports = find_dissector_table("udp.port");
  relayed_handle = create_dissector_handle(dissect_relayed, proto_proxytunnel);
  udp_handle = shim_stand_before(IP_PROTO_UDP, dissect_shim, proto_udp_shim);
}
