/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: proxies inside TLS: what the TLS dissector decrypts goes to the core as a stream, and the virtual packets
 * that come back are shown after the TCP dissector has returned, like all others.
 *
 * The first bytes of a session decide. TLS asks heuristics for them, of which the one that accepted last comes first;
 * the one for HTTP would take every CONNECT for itself, so ours stands in front of it. A session with ALPN "http/1.1"
 * comes by the entry of that table. Once a session was taken it is never given back: TLS remembers one dissector for
 * both passes.
 */
#include "packet-proxytunnel.h"

#include <epan/conversation.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/proto_data.h>
#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <wsutil/report_message.h>

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

/* The segment that TCP is dissecting, and its pieces so far. */
static const segment_t *current_segment;
static wmem_list_t *current_pieces;
static tvbuff_t *offered; /* what take_session() was asked for last: TLS has more than one way to it */

static FILE *output; /* "-z proxytunnel,decrypted,FILE" */

void tls_reset(void) {
  sessions = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
  current_segment = NULL;
  current_pieces = NULL;
}

/* ---------------------------------------------------------------- the stream, as the core wants it */

static void write_piece(const pt_chunk_t *chunk, pt_progress_t progress) {
  if (!output) return;
  uint8_t head[PT_CHUNK_HEAD];
  pt_chunk_encode(chunk, progress, head);
  const bool written = fwrite(head, sizeof head, 1, output) == 1 &&
                       (!chunk->payload_size || fwrite(chunk->payload, chunk->payload_size, 1, output) == 1);
  if (written) return;
  report_failure("proxytunnel: decrypted streams cannot be written");
  output = NULL;
}

static record_t *feed(packet_info *pinfo, const segment_t *segment, const source_t *source, pt_stream_end_t end) {
  const pt_chunk_t chunk = {
      .sender = shim_endpoint(&segment->sender, segment->sender_port),
      .receiver = shim_endpoint(&segment->receiver, segment->receiver_port),
      .ip = segment->ip,
      .payload = source->payload,
      .payload_size = source->captured,
      .end = end,
      .frame = pinfo->num,
      .time = shim_nanoseconds(&pinfo->abs_ts),
      .network = shim_network(pinfo),
      .parent = segment->parent,
      .layer = segment->layer,
      .path = segment->path,
      .sequence = segment->sequence,
      .from_client = segment->from_client,
  };
  pt_tracker_chunk(shim_tracker(), &chunk, shim_outcome());
  write_piece(&chunk, pt_outcome_progress(shim_outcome()));
  segment_t piece = *segment; /* for what freezing wants to know */
  piece.sequence = 0;
  piece.length = source->captured;
  piece.has_syn = false;
  return freeze_outcome(shim_outcome(), &piece, source, pinfo->num);
}

/* ---------------------------------------------------------------- records of a frame */

/* Keys of memory of the file and of the packet; those of segments are below, those of TLS above (ws_compat.h). */
enum { key_records = 1 << 20, key_used = 3 };

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
    if (record->sequence != size) return NULL;
    wmem_list_append(used, record);
    return record;
  }
  return NULL;
}

static record_t *record_of(packet_info *pinfo, const segment_t *segment, const source_t *source, pt_stream_end_t end) {
  if (pinfo->fd->visited) return recall_record(pinfo, segment, source->captured);
  record_t *record = feed(pinfo, segment, source, end);
  if (record) {
    record->sequence = source->captured;
    keep_record(pinfo, record);
  }
  return record;
}

/* ---------------------------------------------------------------- sessions */

/* NULL if nothing is known. */
static session_t *session_of(packet_info *pinfo, const segment_t *segment) {
  conversation_t *conversation = shim_conversation(pinfo, segment);
  return conversation && sessions ? (session_t *)wmem_map_lookup(sessions, conversation) : NULL;
}

/* NULL if there is no conversation. */
static session_t *begin_session(packet_info *pinfo, const segment_t *segment) {
  conversation_t *conversation = shim_conversation(pinfo, segment);
  if (!conversation || !sessions) return NULL;
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
  segment_t piece = *current_segment;
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

/* Feeds or recalls the bytes, in pieces that the core takes. Returns the record of the last one. */
static const record_t *take(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const unsigned size = tvb_captured_length(tvb);
  const record_t *latest = NULL;
  for (unsigned at = 0; at < size; at += PT_CHUNK) {
    const source_t source = {.payload = tvb_get_ptr(tvb, (int)at, (int)MIN(size - at, PT_CHUNK)),
                             .captured = MIN(size - at, PT_CHUNK)};
    record_t *record = record_of(pinfo, current_segment, &source, PT_STREAM_OPEN);
    if (!record) continue;
    latest = record;
    piece_t *piece = wmem_new(pinfo->pool, piece_t);
    piece->record = record;
    piece->source = source;
    if (!current_pieces) current_pieces = wmem_list_new(pinfo->pool);
    wmem_list_append(current_pieces, piece);
    draw(tvb_new_subset_length(tvb, (int)at, (int)source.captured), pinfo, tree, record);
  }
  return latest;
}

/* The dissector of sessions that are ours. */
static int dissect_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_) {
  const unsigned size = tvb_captured_length(tvb);
  session_t *session = current_segment && shim_tracker() ? session_of(pinfo, current_segment) : NULL;
  if (!is_ours(pinfo, session)) return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
  const record_t *record = take(tvb, pinfo, tree);
  if (record) return (int)size;
  const bool is_over = !pinfo->fd->visited && pt_outcome_progress(shim_outcome()) == PT_PASSED;
  if (is_over && !session->nobodys_after) session->nobodys_after = pinfo->num;
  return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
}

/* True if the session is ours from here on. */
static bool take_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  if (!current_segment || !shim_tracker() || pinfo->fd->visited || !own_entry || !own_entry->enabled) return false;
  session_t *session = session_of(pinfo, current_segment);
  const bool is_decided = session && (session->ours_from || session->not_ours);
  if (is_decided || tvb == offered || !tvb_captured_length(tvb)) return false;
  offered = tvb;
  if (!session) session = begin_session(pinfo, current_segment);
  if (!session) return false;
  const record_t *record = take(tvb, pinfo, tree);
  const pt_progress_t progress = pt_outcome_progress(shim_outcome());
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
  const bool is_known = current_segment && shim_tracker();
  if (is_known && is_ours(pinfo, session_of(pinfo, current_segment))) {
    return dissect_session(tvb, pinfo, tree, data);
  }
  if (take_session(tvb, pinfo, tree)) return (int)tvb_captured_length(tvb);
  if (pinfo->can_desegment > 0) pinfo->can_desegment++; /* this call is one that TLS does not know of */
  return call_dissector_with_data(http_handle, tvb, pinfo, tree, data);
}

/* ---------------------------------------------------------------- around the TCP dissector */

void tls_begin(const segment_t *segment) {
  current_segment = segment;
  current_pieces = NULL;
  offered = NULL;
}

wmem_list_t *tls_end(packet_info *pinfo, const segment_t *segment) {
  wmem_list_t *pieces = current_pieces;
  current_segment = NULL;
  current_pieces = NULL;
  if (segment->end == PT_STREAM_OPEN || !is_ours(pinfo, session_of(pinfo, segment))) return pieces;
  const source_t none = {.payload = NULL, .captured = 0};
  record_t *record = record_of(pinfo, segment, &none, segment->end);
  if (!record) return pieces;
  piece_t *piece = wmem_new(pinfo->pool, piece_t);
  piece->record = record;
  piece->source = none;
  if (!pieces) pieces = wmem_list_new(pinfo->pool);
  wmem_list_append(pieces, piece);
  return pieces;
}

void tls_show(wmem_list_t *pieces, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint8_t layer) {
  for (wmem_list_frame_t *at = wmem_list_head(pieces); at; at = wmem_list_frame_next(at)) {
    const piece_t *piece = (const piece_t *)wmem_list_frame_data(at);
    for (unsigned i = 0; i < piece->record->over_count; i++) taps_queue_over(pinfo, piece->record->over[i]);
    virtual_show(tvb, pinfo, tree, &piece->source, piece->record, layer);
    layer = (uint8_t)(layer + 8); /* other numbers for each, the same in each pass */
  }
}

/* ---------------------------------------------------------------- -z proxytunnel,decrypted,FILE */

static tap_packet_status see_nothing(void *tapdata _U_, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                     const void *queued _U_, tap_flags_t flags _U_) {
  return TAP_PACKET_DONT_REDRAW;
}

static void finish_output(void *tapdata _U_) {
  if (output && output != stdout) {
    fclose(output);
  } else if (output) {
    fflush(output);
  }
  output = NULL;
}

static ws_option_result_t output_option(const char *option, void *user _U_) {
  static const char prefix[] = "proxytunnel,decrypted,";
  if (!g_str_has_prefix(option, prefix) || !option[sizeof prefix - 1]) {
    report_failure("proxytunnel: name a file: -z proxytunnel,decrypted,FILE");
    WS_OPTION_WRONG;
  }
  const char *path = option + sizeof prefix - 1;
  FILE *file = strcmp(path, "-") != 0 ? g_fopen(path, "wb") : stdout;
  if (!file || fputs(PT_CHUNK_MAGIC, file) < 0) {
    report_failure("proxytunnel: %s cannot be written", path);
    WS_OPTION_WRONG;
  }
  GString *refusal =
      register_tap_listener("proxytunnel", &output, NULL, TL_REQUIRES_NOTHING, NULL, see_nothing, NULL, finish_output);
  if (refusal) {
    report_failure("proxytunnel: %s", refusal->str);
    g_string_free(refusal, TRUE);
    WS_OPTION_WRONG;
  }
  output = file;
  WS_OPTION_TAKEN;
}

void tls_register_output(void) {
  static stat_tap_ui ui = {.group = REGISTER_STAT_GROUP_GENERIC,
                           .title = "Decrypted streams of sessions with proxies inside TLS",
                           .cli_string = "proxytunnel,decrypted",
                           .tap_init_cb = output_option};
  register_stat_tap_ui(&ui, NULL);
}

/* ---------------------------------------------------------------- registration */

/* In name only, and with the name of HTTP: the entry of the ALPN table adds no layer and reads as before. */
void tls_register(int proto) {
  proto_proxytunnel = proto;
  proto_alpn =
      proto_register_protocol_in_name_only("Hypertext Transfer Protocol", "HTTP (Proxy Tunnel)", "proxytunnel.alpn",
                                           proto_get_id_by_filter_name("http"), FT_PROTOCOL);
}

void tls_handoff(void) {
  session_handle = create_dissector_handle(dissect_session, proto_proxytunnel);
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
  if (http_handle) dissector_add_string("tls.alpn", "http/1.1", create_dissector_handle(dissect_alpn, proto_alpn));
}
