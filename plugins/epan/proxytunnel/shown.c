/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the packets that one frame shows: the captured one, where it led to virtual ones, and these.
 */
#include "shown.h"

#include <epan/dissectors/packet-udp.h>
#include <epan/proto_data.h>
#include <epan/tap.h>

#include "frame.h"

static int proto_proxytunnel = -1, proto_tls = -1;

static wmem_map_t *tls_places; /* what TLS keeps of a packet -> the place of its segment in the frame, from 1 on */

/* Who asks for more than TCP's and UDP's own followers, which find what they need in their records. */
static struct {
  const char *name;
  int tap;
} follower_taps[] = {{"tls", 0}, {"http_follow", 0}, {"http2_follow", 0}, {"sip_follow", 0}, {"websocket_follow", 0}};

bool shown_any(packet_info *pinfo) {
  return p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_virtual) != NULL;
}

void shown_note_virtual(packet_info *pinfo) {
  frame_count(pinfo, proto_proxytunnel, key_virtual);
}

/* What belongs to what, in this frame: pointers of epan to shown_t. */
static wmem_map_t *map_of(packet_info *pinfo, uint32_t key) {
  wmem_map_t *map = (wmem_map_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key);
  if (map) return map;
  map = wmem_map_new(pinfo->pool, g_direct_hash, g_direct_equal);
  p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key, map);
  return map;
}

static shown_t *note(packet_info *pinfo, tvbuff_t *tvb, const shown_t *like) {
  shown_t *shown = (shown_t *)wmem_memdup(pinfo->pool, like, sizeof *like);
  shown->packet = tvb_get_ds_tvb(tvb);
  copy_address_wmem(pinfo->pool, &shown->sender, &like->sender);
  copy_address_wmem(pinfo->pool, &shown->receiver, &like->receiver);
  wmem_map_insert(map_of(pinfo, key_shown), shown->packet, shown);
  return shown;
}

/* TLS keeps what it decrypted of a packet under the number of a layer. On the first pass, what is there and was not
 * before is this one's: the segment of that place among those of the frame. */
static void note_tls(packet_info *pinfo, uint32_t place) {
  enum { layers = 256 };
  if (pinfo->fd->visited || !proto_is_frame_protocol(pinfo->layers, "tls")) return;
  for (uint32_t layer = 0; layer < layers; layer++) {
    void *records = p_get_proto_data(wmem_file_scope(), pinfo, proto_tls, layer);
    if (!records || wmem_map_contains(tls_places, records)) continue;
    wmem_map_insert(tls_places, records, GUINT_TO_POINTER(place));
  }
}

static bool is_followed(void) {
  for (unsigned i = 0; i < array_length(follower_taps); i++) {
    const int tap = follower_taps[i].tap;
    if (tap > 0 && have_tap_listener(tap)) return true;
  }
  return false;
}

void shown_note_segment(packet_info *pinfo, tvbuff_t *tvb, const segment_t *segment) {
  const uint32_t place = frame_count(pinfo, proto_proxytunnel, key_segments) + 1;
  note_tls(pinfo, place);
  if (!is_followed()) return;
  const shown_t like = {.sender = segment->sender,
                        .receiver = segment->receiver,
                        .sender_port = segment->sender_port,
                        .receiver_port = segment->receiver_port,
                        .stream = stream_of(pinfo, segment)};
  wmem_map_insert(map_of(pinfo, key_places), GUINT_TO_POINTER(place), note(pinfo, tvb, &like));
}

const shown_t *shown_note_datagram(packet_info *pinfo, tvbuff_t *tvb) {
  conversation_t *conversation = ws_find_udp_conversation(pinfo);
  const struct udp_analysis *analysis = conversation ? get_udp_conversation_data(conversation, pinfo) : NULL;
  const shown_t like = {.sender = pinfo->src,
                        .receiver = pinfo->dst,
                        .sender_port = (uint16_t)pinfo->srcport,
                        .receiver_port = (uint16_t)pinfo->destport,
                        .stream = analysis ? analysis->stream : UINT32_MAX};
  return note(pinfo, tvb, &like);
}

/* What is put together or decrypted comes as a data source behind that of the packet which completes it, and before
 * that of the next packet. */
const shown_t *shown_of_tvb(packet_info *pinfo, tvbuff_t *tvb) {
  wmem_map_t *map = map_of(pinfo, key_shown);
  const tvbuff_t *wanted = tvb_get_ds_tvb(tvb);
  const shown_t *latest = NULL;
  for (const GSList *at = pinfo->data_src; at; at = g_slist_next(at)) {
    const tvbuff_t *source = get_data_source_tvb((const struct data_source *)at->data);
    const shown_t *shown = (const shown_t *)wmem_map_lookup(map, source);
    if (shown) latest = shown;
    if (source == wanted) break;
  }
  return latest;
}

const shown_t *shown_of_tls(packet_info *pinfo, const void *records) {
  const void *place = wmem_map_lookup(tls_places, records);
  return place ? (const shown_t *)wmem_map_lookup(map_of(pinfo, key_places), place) : NULL;
}

void shown_register(int proto) {
  proto_proxytunnel = proto;
  tls_places = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}

void shown_handoff(void) {
  proto_tls = proto_get_id_by_filter_name("tls");
  for (unsigned i = 0; i < array_length(follower_taps); i++) {
    follower_taps[i].tap = find_tap_id(follower_taps[i].name);
  }
}
