/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: proxies inside TLS: what the TLS dissector decrypts goes to the core as a stream, and the virtual packets
 * that come back are shown after the TCP dissector has returned, like all others.
 *
 * The first bytes of a session decide. TLS asks heuristics for them, of which the one that accepted last comes first;
 * the one for HTTP would take every CONNECT for itself, so ours stands in front of it. A session with ALPN "http/1.1"
 * comes by the entry of that table. Once a session was taken it is never given back: TLS remembers one dissector for
 * both passes.
 */
#include "tls.h"

#include <epan/conversation.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/proto_data.h>
#include <string.h>

#include "core.h"
#include "decrypted.h"
#include "frame.h"
#include "freeze.h"
#include "place.h"
#include "tap_queue.h"
#include "tree.h"
#include "virtual.h"

static int proto_proxytunnel = -1, proto_alpn = -1;
static dissector_handle_t session_handle, http_handle, data_handle;
static heur_dissector_t http_heuristic;
static heur_dtbl_entry_t *own_entry;

/* What is known of a TLS session; it changes on the first pass only. Frames, 0: never. */
typedef struct {
  uint32_t ours_from, nobodys_after;
  bool not_ours;
} session_t;
static wmem_map_t *sessions; /* conversation -> session_t */

/* A piece of a decrypted stream that meant something. */
typedef struct {
  record_t *record;
  source_t source;
} piece_t;

/* ---------------------------------------------------------------- the stream, as the core wants it */

static record_t *feed(packet_info *pinfo, const segment_t *segment, const source_t *source, pt_stream_end_t end) {
  const pt_place_t place = place_of(pinfo, segment);
  const pt_chunk_t chunk = {
      .sender = endpoint_of(&segment->sender, segment->sender_port),
      .receiver = endpoint_of(&segment->receiver, segment->receiver_port),
      .ip = ip_fields_of(segment),
      .payload = source->payload,
      .payload_size = source->captured,
      .end = end,
      .frame = pinfo->num,
      .time = nanoseconds_of(&pinfo->abs_ts),
      .vlan = place.vlan,
      .network = place.network,
      .parent = segment->parent,
      .layer = segment->layer,
      .path = segment->path,
      .sequence = segment->sequence,
      .from_client = segment->from_client,
  };
  pt_tracker_chunk(core_tracker(), &chunk, core_outcome());
  decrypted_write(&chunk, pt_outcome_progress(core_outcome()));
  segment_t piece = *segment; /* for what freezing wants to know */
  piece.sequence = 0;
  piece.length = source->captured;
  piece.has_syn = false;
  return freeze_outcome(core_outcome(), &piece, source, pinfo);
}

/* ---------------------------------------------------------------- records of a frame */

static void keep_record(packet_info *pinfo, record_t *record) {
  wmem_list_t *list = (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_records);
  if (!list) {
    list = wmem_list_new(wmem_file_scope());
    p_add_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_records, list);
  }
  wmem_list_append(list, record);
}

/* In a later pass: the first record of this stream that was not given yet, if it is of so many bytes. */
static record_t *recall_record(packet_info *pinfo, const segment_t *segment, unsigned size) {
  wmem_list_t *list = (wmem_list_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_proxytunnel, key_records);
  if (!list) return NULL;
  wmem_list_t *used = (wmem_list_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_used);
  if (!used) {
    used = wmem_list_new(pinfo->pool);
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_used, used);
  }
  for (wmem_list_frame_t *at = wmem_list_head(list); at; at = wmem_list_frame_next(at)) {
    record_t *record = (record_t *)wmem_list_frame_data(at);
    const bool is_next = record->sender_port == segment->sender_port &&
                         record->receiver_port == segment->receiver_port && record->parent == segment->parent &&
                         !wmem_list_find(used, record);
    if (!is_next) continue;
    if (record->check != size) return NULL;
    wmem_list_append(used, record);
    return record;
  }
  return NULL;
}

static record_t *record_of(packet_info *pinfo, const segment_t *segment, const source_t *source, pt_stream_end_t end) {
  if (pinfo->fd->visited) return recall_record(pinfo, segment, source->captured);
  record_t *record = feed(pinfo, segment, source, end);
  if (record) {
    record->check = source->captured;
    keep_record(pinfo, record);
  }
  return record;
}

/* ---------------------------------------------------------------- sessions */

/* NULL if nothing is known. */
static session_t *session_of(packet_info *pinfo, const segment_t *segment) {
  conversation_t *conversation = wmem_map_size(sessions) ? conversation_of(pinfo, segment) : NULL;
  return conversation ? (session_t *)wmem_map_lookup(sessions, conversation) : NULL;
}

/* That of the current segment; NULL if there is none. */
static session_t *current_session(packet_info *pinfo) {
  const segment_t *segment = current()->segment;
  return segment && core_tracker() ? session_of(pinfo, segment) : NULL;
}

/* NULL if there is no conversation. */
static session_t *begin_session(packet_info *pinfo, const segment_t *segment) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  conversation_t *conversation = conversation_of(pinfo, segment);
  if (!conversation) return NULL;
  session_t *session = wmem_new0(wmem_file_scope(), session_t);
  wmem_map_insert(sessions, conversation, session);
  return session;
}

/* As it is in this frame, whatever later ones brought. */
static bool is_ours(packet_info *pinfo, const session_t *session) {
  const bool is_over = session && session->nobodys_after && session->nobodys_after < pinfo->num;
  return session && session->ours_from && session->ours_from <= pinfo->num && !is_over;
}

/* The first word of a SOCKS client is not proof, and the second one may never come here: another dissector would have
 * taken the session. So what is a whole greeting, or a request of SOCKS4, is taken on trust, and so is what begins as
 * CONNECT. */
static bool may_be_ours(const uint8_t *bytes, unsigned size) {
  static const char connect[] = "CONNECT ";
  if (size >= sizeof connect - 1 && !memcmp(bytes, connect, sizeof connect - 1)) return true;
  if (size >= 3 && bytes[0] == 5) return bytes[1] > 0 && size == 2u + bytes[1];
  return size >= 9 && bytes[0] == 4 && (bytes[1] == 1 || bytes[1] == 2) && !bytes[size - 1];
}

/* Draws what was understood, or a line for bytes that are payload of a tunnel. */
static void draw(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const record_t *record) {
  segment_t piece = *current()->segment;
  piece.header_size = 0;
  piece.captured = tvb_captured_length(tvb);
  piece.length = tvb_reported_length(tvb);
  tree_draw_record(tvb, pinfo, tree, &piece, record);
  int at = 0;
  for (unsigned i = 0; i < record->parts_count; i++) {
    const int size = (int)record->parts[i].size;
    if (at + size > (int)tvb_reported_length(tvb)) return;
    const attempt_t *attempt = attempt_of(record->parts[i].tunnel);
    if (attempt && size) tree_draw_payload(tvb_new_subset_length(tvb, at, size), pinfo, tree, attempt);
    at += size;
  }
}

static void add_piece(current_t *own, packet_info *pinfo, record_t *record, source_t source) {
  piece_t *piece = wmem_new(pinfo->pool, piece_t);
  piece->record = record;
  piece->source = source;
  if (!own->pieces) own->pieces = wmem_list_new(pinfo->pool);
  wmem_list_append(own->pieces, piece);
}

/* Feeds or recalls the bytes, in pieces that the core takes. Returns the record of the last one. */
static const record_t *take(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const unsigned size = tvb_captured_length(tvb);
  current_t *own = current();
  const record_t *latest = NULL;
  for (unsigned at = 0; at < size; at += PT_CHUNK) {
    const source_t source = {.payload = tvb_get_ptr(tvb, (int)at, (int)MIN(size - at, PT_CHUNK)),
                             .captured = MIN(size - at, PT_CHUNK)};
    record_t *record = record_of(pinfo, own->segment, &source, PT_STREAM_OPEN);
    if (!record) continue;
    latest = record;
    add_piece(own, pinfo, record, source);
    draw(tvb_new_subset_length(tvb, (int)at, (int)source.captured), pinfo, tree, record);
  }
  return latest;
}

/* The dissector of sessions that are ours. */
static int dissect_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_) {
  const unsigned size = tvb_captured_length(tvb);
  session_t *session = current_session(pinfo);
  if (!is_ours(pinfo, session)) return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
  const record_t *record = take(tvb, pinfo, tree);
  if (record) return (int)size;
  const bool is_over = !pinfo->fd->visited && pt_outcome_progress(core_outcome()) == PT_PASSED;
  if (is_over && !session->nobodys_after) session->nobodys_after = pinfo->num;
  return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
}

/* True if the session is ours from here on. */
static bool take_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  current_t *own = current();
  if (!own->segment || !core_tracker() || pinfo->fd->visited || !own_entry || !own_entry->enabled) return false;
  session_t *session = session_of(pinfo, own->segment);
  const bool is_decided = session && (session->ours_from || session->not_ours);
  if (is_decided || tvb == own->offered || !tvb_captured_length(tvb)) return false;
  own->offered = tvb;
  if (!session) session = begin_session(pinfo, own->segment);
  if (!session) return false;
  const record_t *record = take(tvb, pinfo, tree);
  const pt_progress_t progress = pt_outcome_progress(core_outcome());
  const unsigned size = tvb_captured_length(tvb);
  const bool is_session = (record && record->claimed) || progress == PT_HANDSHAKE || progress == PT_OPEN;
  const bool on_trust = progress == PT_UNDECIDED && may_be_ours(tvb_get_ptr(tvb, 0, (int)size), size);
  if (is_session || on_trust) session->ours_from = pinfo->num;
  session->not_ours = progress == PT_PASSED;
  return session->ours_from != 0;
}

static ws_bool_t dissect_heuristic(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  if (!take_session(tvb, pinfo, tree)) return FALSE;
  ws_tls_claim(data, session_handle);
  return TRUE;
}

static ws_bool_t dissect_before_http(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  return dissect_heuristic(tvb, pinfo, tree, data) || http_heuristic(tvb, pinfo, tree, data);
}

/* Here the session is TLS's to give, and both passes come by. */
static int dissect_alpn(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
  if (is_ours(pinfo, current_session(pinfo))) return dissect_session(tvb, pinfo, tree, data);
  if (take_session(tvb, pinfo, tree)) return (int)tvb_captured_length(tvb);
  if (pinfo->can_desegment > 0) pinfo->can_desegment++; /* this call is one that TLS does not know of */
  return call_dissector_with_data(http_handle, tvb, pinfo, tree, data);
}

/* ---------------------------------------------------------------- around the TCP dissector */

void tls_end(current_t *own, packet_info *pinfo) {
  const segment_t *segment = own->segment;
  if (segment->end == PT_STREAM_OPEN || !is_ours(pinfo, session_of(pinfo, segment))) return;
  const source_t none = {.payload = NULL, .captured = 0};
  record_t *record = record_of(pinfo, segment, &none, segment->end);
  if (record) add_piece(own, pinfo, record, none);
}

void tls_show(wmem_list_t *pieces, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint8_t layer) {
  for (wmem_list_frame_t *at = wmem_list_head(pieces); at; at = wmem_list_frame_next(at)) {
    const piece_t *piece = (const piece_t *)wmem_list_frame_data(at);
    tap_queue_attempts(pinfo, piece->record);
    virtual_show(tvb, pinfo, tree, &piece->source, piece->record, layer);
    layer = (uint8_t)(layer + 8); /* other numbers for each, the same in each pass */
  }
}

/* ---------------------------------------------------------------- registration */

/* In name only, and with the name of HTTP: the entry of the ALPN table adds no layer and reads as before. */
void tls_register(int proto) {
  proto_proxytunnel = proto;
  sessions = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
  proto_alpn =
      proto_register_protocol_in_name_only("Hypertext Transfer Protocol", "HTTP (Proxy Tunnel)", "proxytunnel.alpn",
                                           proto_get_id_by_filter_name("http"), FT_PROTOCOL);
}

void tls_handoff(void) {
  /* Exported PDUs name the dissector: of a session with a proxy there is none that reads its bytes alone. */
  session_handle = create_dissector_handle_with_name(dissect_session, proto_proxytunnel, "data");
  data_handle = find_dissector("data");
  heur_dissector_add("tls", dissect_heuristic, "Proxies inside TLS", "proxytunnel_tls", proto_proxytunnel,
                     HEURISTIC_ENABLE);
  own_entry = find_heur_dissector_by_unique_short_name("proxytunnel_tls");
  heur_dtbl_entry_t *http = find_heur_dissector_by_unique_short_name("http_tls");
  if (http) {
    http_heuristic = http->dissector;
    http->dissector = dissect_before_http;
  }
  dissector_table_t alpn = find_dissector_table("tls.alpn");
  http_handle = alpn ? dissector_get_string_handle(alpn, "http/1.1") : NULL;
  if (!http_handle) return;
  /* Exported PDUs name the dissector behind. */
  const char *name = dissector_handle_get_dissector_name(http_handle);
  dissector_add_string("tls.alpn", "http/1.1", create_dissector_handle_with_name(dissect_alpn, proto_alpn, name));
}
