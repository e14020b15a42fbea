/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: where a packet is: its VLANs, and what wraps it.
 *
 * From the frame itself, by the core's own decoder: epan keeps one VLAN tag, and no identifier of what wraps a packet.
 */
#include "place.h"

#include <wiretap/pcap-encap.h>

static int proto_ip, proto_ipv6;
static GHashTable *link_types; /* LINKTYPE_ by WTAP_ENCAP_: Wireshark exports the other direction only */

/* Bytes of the frame in front of it; UINT32_MAX for what is not in the frame itself, but in what was put together. */
static unsigned bytes_before(const packet_info *pinfo, const segment_t *segment) {
  return pinfo->data_src && !pinfo->data_src->next ? (unsigned)tvb_raw_offset(segment->tvb) : UINT32_MAX;
}

static bool is_ethernet(const packet_info *pinfo) {
  return pinfo->rec && pinfo->rec->rec_type == REC_TYPE_PACKET &&
         pinfo->rec->rec_header.packet_header.pkt_encap == WTAP_ENCAP_ETHERNET;
}

bool is_wrapped(const packet_info *pinfo, const segment_t *segment) {
  if (segment->parent != PT_NO_TUNNEL) return false;
  /* Most packets have a frame, a link layer of Ethernet, its type or length, and one header of IP. */
  enum { of_one_packet = 4 };
  if (is_ethernet(pinfo) && wmem_list_count(pinfo->layers) <= of_one_packet) return false;
  unsigned packets = 0;
  for (const wmem_list_frame_t *layer = wmem_list_head(pinfo->layers); layer; layer = wmem_list_frame_next(layer)) {
    const int proto = GPOINTER_TO_INT(wmem_list_frame_data(layer));
    packets += proto == proto_ip || proto == proto_ipv6;
  }
  return packets > 1;
}

static uint32_t link_type_of(const packet_info *pinfo, const pt_bytes_t *frame) {
  const wtap_packet_header *header = &pinfo->rec->rec_header.packet_header;
  if (header->pkt_encap == WTAP_ENCAP_ERF) {
    return pt_link_type_of_erf(header->pseudo_header.erf.phdr.type & 0x7f, frame->bytes, frame->size);
  }
  void *link_type;
  const bool is_known = g_hash_table_lookup_extended(link_types, GINT_TO_POINTER(header->pkt_encap), NULL, &link_type);
  return is_known ? GPOINTER_TO_UINT(link_type) : UINT32_MAX;
}

pt_place_t place_of(const packet_info *pinfo, const segment_t *segment) {
  pt_place_t place = {.vlan = segment->vlan};
  if (segment->parent != PT_NO_TUNNEL) return place;
  if (!pinfo->rec || pinfo->rec->rec_type != REC_TYPE_PACKET) return place;
  /* Most packets: no more than the shortest headers of Ethernet and IPv4 is in front of them. */
  enum { ethernet_and_ip = 34 };
  if (is_ethernet(pinfo) && bytes_before(pinfo, segment) == ethernet_and_ip) return place;
  pt_bytes_t sources[PT_SOURCES];
  size_t count = 0;
  for (const GSList *source = pinfo->data_src; source && count < PT_SOURCES; source = source->next) {
    tvbuff_t *tvb = get_data_source_tvb((const struct data_source *)source->data);
    const unsigned captured = tvb_captured_length(tvb);
    sources[count++] = (pt_bytes_t){.bytes = tvb_get_ptr(tvb, 0, (int)captured), .size = captured};
  }
  if (count) pt_place_of(link_type_of(pinfo, sources), sources, count, segment->bytes, &place);
  return place;
}

void place_handoff(void) {
  proto_ip = proto_get_id_by_filter_name("ip");
  proto_ipv6 = proto_get_id_by_filter_name("ipv6");
  link_types = g_hash_table_new(g_direct_hash, g_direct_equal);
  const int raw = 101; /* 12 and 14 mean raw IP as well, depending on the system; 101 means it everywhere */
  for (int type = 399; type >= 0; --type) {
    const int encapsulation = wtap_pcap_encap_to_wtap_encap(type);
    if (encapsulation != WTAP_ENCAP_UNKNOWN && !wtap_encap_requires_phdr(encapsulation)) {
      g_hash_table_insert(link_types, GINT_TO_POINTER(encapsulation), GINT_TO_POINTER(type));
    }
  }
  g_hash_table_insert(link_types, GINT_TO_POINTER(wtap_pcap_encap_to_wtap_encap(raw)), GINT_TO_POINTER(raw));
}
