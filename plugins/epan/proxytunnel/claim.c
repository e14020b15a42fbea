/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the dissector that is set on parent conversations: it keeps others from reading what belongs to the tunnel,
 * and gives handshakes to the built-in dissectors that know them.
 */
#include "claim.h"

#include <epan/dissectors/packet-tcp.h>

#include "current.h"
#include "prefs.h"
#include "tree.h"

static int proto_proxytunnel = -1, proto_ftp_data = -1;
static dissector_handle_t claim_handle, http_handle, http_over_tcp_handle, socks_handle, tls_handle, data_handle,
    ftp_data_handle;

/* What is known of a claimed conversation; it changes on the first pass only. */
typedef struct {
  pt_reader_t reader;
  const attempt_t *asked; /* without an answer so far, or NULL */
} claim_t;

/* The built-in dissector of SOCKS compares with this port and knows no other. */
enum { socks_port = 1080 };

/* ---------------------------------------------------------------- the handshake's bytes */

static claim_t *claim_of(packet_info *pinfo, const address *sender, uint32_t sender_port, const address *receiver,
                         uint32_t receiver_port) {
  conversation_t *conversation = ws_find_tcp_conversation(pinfo, sender, receiver, sender_port, receiver_port);
  return conversation ? (claim_t *)conversation_get_proto_data(conversation, proto_proxytunnel) : NULL;
}

/* True if a request ends here that began in a segment which was not given to the built-in dissector. */
static bool is_tail_of_request(const record_t *record, uint32_t frame, unsigned size) {
  for (unsigned i = 0; i < record->messages_count; i++) {
    const message_t *message = &record->messages[i];
    if (message->kind == pt_message_http_connect_request && message->frame == frame) return message->size > size;
  }
  return false;
}

/* How many bytes the messages take that end in this frame. */
static unsigned size_of_messages(const record_t *record, uint32_t frame) {
  unsigned sum = 0;
  for (unsigned i = 0; i < record->messages_count; i++) {
    if (record->messages[i].frame == frame) sum += record->messages[i].size;
  }
  return sum;
}

static bool ends_with_connect(const record_t *record) {
  return record->messages_count && record->messages[record->messages_count - 1].kind == pt_message_http_connect_request;
}

static void dissect_http(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const record_t *record, void *tcp) {
  const unsigned size = tvb_reported_length(tvb);
  const unsigned understood = MIN(size_of_messages(record, pinfo->num), size);
  const bool early_tail = ends_with_connect(record) && understood < size;
  if (record->early && !record->messages_count) {
    tree_draw_early_bytes(tvb, pinfo, tree);
    return;
  }
  if (is_tail_of_request(record, pinfo->num, size)) {
    tree_draw_handshake_bytes(tvb, pinfo, tree);
    return;
  }
  tvbuff_t *messages = early_tail ? tvb_new_subset_length(tvb, 0, (int)understood) : tvb;
  /* HTTP that did not see a CONNECT would take all of the tunnel for the body of the answer that grants it. */
  pinfo->can_desegment = record->opened_count ? 0 : pinfo->saved_can_desegment;
  call_dissector_only(http_handle, messages, pinfo, tree, tcp);
  if (early_tail) tree_draw_early_bytes(tvb_new_subset_remaining(tvb, (int)understood), pinfo, tree);
}

/* Among payload of forwarded requests: an answer of the proxy's own, or bytes of which nobody knows yet whose they are.
 */
static void dissect_between(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const record_t *record, void *tcp) {
  for (unsigned i = 0; i < record->messages_count; i++) {
    const message_t *message = &record->messages[i];
    const bool is_whole = message->frame == pinfo->num && message->size <= tvb_reported_length(tvb);
    if (message->kind != pt_message_http_response_head || !is_whole) continue;
    call_dissector_only(http_handle, tvb, pinfo, tree, tcp);
    return;
  }
  tree_draw_waiting_bytes(tvb, pinfo, tree);
}

static bool is_among_forwarded(const record_t *record) {
  if (record_forwards(record)) return true;
  return record->progress == PT_OPEN && !record->opened_count && !record->over_count && !ends_with_connect(record);
}

static void dissect_handshake(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                              const record_t *record, void *tcp) {
  const bool known_port = segment->sender_port == socks_port || segment->receiver_port == socks_port;
  const bool whole = size_of_messages(record, pinfo->num) == tvb_reported_length(tvb);
  const claim_t *claim =
      claim_of(pinfo, &segment->sender, segment->sender_port, &segment->receiver, segment->receiver_port);
  const pt_reader_t reader = claim ? claim->reader : pt_reader_nobody;
  if (reader == pt_reader_http && is_among_forwarded(record)) {
    dissect_between(tvb, pinfo, tree, record, tcp);
  } else if (reader == pt_reader_http) {
    dissect_http(tvb, pinfo, tree, record, tcp);
  } else if (reader == pt_reader_proxy_header) {
    const bool is_drawn = record->messages_count && whole && ws_dissect_proxy_header(tvb, pinfo, tree, tcp);
    if (!is_drawn && !record->messages_count) tree_draw_handshake_bytes(tvb, pinfo, tree);
  } else if (reader == pt_reader_socks && socks_handle && known_port && whole) {
    call_dissector_only(socks_handle, tvb, pinfo, tree, tcp);
  } else if (record->early && !record->messages_count) {
    tree_draw_early_bytes(tvb, pinfo, tree);
  } else if (!record->messages_count) {
    tree_draw_handshake_bytes(tvb, pinfo, tree);
  }
  current_draw(current(), pinfo, tree);
}

/* Where the bytes that TCP hands over stand in the segment: they are a rest of it, or what it put together for the
 * built-in dissector. Both end with the segment; the latter may begin before it. */
static int position_of(tvbuff_t *tvb, const segment_t *segment, const void *tcp) {
  const int size = (int)tvb_reported_length(tvb), length = (int)segment->length;
  const struct tcpinfo *position = (const struct tcpinfo *)tcp;
  return position && position->is_reassembled ? length - size : MAX(length - size, 0);
}

/* ---------------------------------------------------------------- the dissector */

static int dissect_left(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const claim_t *claim = claim_of(pinfo, &pinfo->src, pinfo->srcport, &pinfo->dst, pinfo->destport);
  /* What follows a refused CONNECT is HTTP, for whoever reads that; what follows refused SOCKS is nothing, but the
   * built-in dissector would take it for the rest of a handshake. */
  if (!claim || claim->reader == pt_reader_http || claim->reader == pt_reader_proxy_header) return 0;
  return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
}

static int dissect_claimed(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  const record_t *record = current()->record;
  const segment_t *segment = current()->segment;
  if (pinfo->flags.in_error_pkt) {
    tree_draw_quoted(tvb, pinfo, tree);
    return (int)tvb_captured_length(tvb);
  }
  if (!record || !record->claimed) return dissect_left(tvb, pinfo, tree);
  const int position = position_of(tvb, segment, tcp), size = (int)tvb_reported_length(tvb);
  int begin = 0; /* of the part, in the segment */
  for (unsigned i = 0; i < record->parts_count; i++) {
    const pt_part_t *part = &record->parts[i];
    const int end = begin + (int)part->size;
    /* What was put together from earlier segments is handshake. */
    const int from = MAX(i ? begin - position : 0, 0), to = MIN(end - position, size);
    if (from < to) {
      tvbuff_t *own = tvb_new_subset_length(tvb, from, to - from);
      if (part->tunnel == PT_NO_TUNNEL) {
        dissect_handshake(own, pinfo, tree, segment, record, tcp);
      } else {
        tree_draw_payload(own, pinfo, tree, attempt_of(part->tunnel));
      }
    }
    begin = end;
  }
  if (!record->parts_count) dissect_handshake(tvb, pinfo, tree, segment, record, tcp);
  current_draw(current(), pinfo, tree);
  return (int)tvb_captured_length(tvb);
}

/* ---------------------------------------------------------------- claiming */

static pt_reader_t reader_of(const record_t *record) {
  const attempt_t *latest = record->parts_count ? attempt_of(record->parts[record->parts_count - 1].tunnel) : NULL;
  if (!record->messages_count && !latest) return pt_reader_nobody;
  const pt_protocol_t protocol = record->messages_count ? record->messages[0].protocol : latest->protocol;
  return pt_family(pt_protocol(protocol)->family)->reader;
}

static void note_asked(claim_t *claim, const segment_t *segment, record_t *record) {
  record->early = claim->asked && claim->asked->client.port == segment->sender_port;
  for (unsigned i = 0; i < record->messages_count; i++) {
    const attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) claim->asked = attempt;
  }
  if (record->opened_count || record->over_count) claim->asked = NULL;
}

/* `transfer` is what FTP keeps of one, or NULL. */
static void set_dissector(packet_info *pinfo, const segment_t *segment, conversation_t *conversation,
                          dissector_handle_t handle, void *transfer) {
  conversation_set_dissector_from_frame_number(conversation, pinfo->num, handle);
  conversation_t *plain = ws_plain_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                                    segment->receiver_port);
  if (transfer) conversation_add_proto_data(conversation, proto_ftp_data, transfer);
  if (plain == conversation) return;
  conversation_set_dissector_from_frame_number(plain, pinfo->num, handle);
  if (transfer) conversation_add_proto_data(plain, proto_ftp_data, transfer);
}

void claim_conversation(packet_info *pinfo, const segment_t *segment, record_t *record) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  conversation_t *conversation = conversation_of(pinfo, segment);
  if (!conversation) {
    conversation = ws_new_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                           segment->receiver_port);
  }
  claim_t *claim = (claim_t *)conversation_get_proto_data(conversation, proto_proxytunnel);
  if (!claim) {
    claim = wmem_new0(wmem_file_scope(), claim_t);
    claim->reader = reader_of(record);
    conversation_add_proto_data(conversation, proto_proxytunnel, claim);
  }
  note_asked(claim, segment, record);
  if (proxytunnel_preferences.precedence && conversation_get_dissector(conversation, pinfo->num) != claim_handle) {
    set_dissector(pinfo, segment, conversation, claim_handle, NULL);
  }
}

/* Record type 22 (handshake), version 3.x, length, message 1 (client hello): RFC 8446 sections 4 and 5.1. */
static bool begins_as_tls(const segment_t *segment) {
  const uint8_t *payload = segment->bytes + segment->header_size;
  return segment->captured >= 6 && payload[0] == 22 && payload[1] == 3 && payload[2] <= 4 && payload[5] == 1;
}

/* An FTP client in active mode tells the server the address that its proxy bound (RFC 959 PORT, RFC 2428 EPRT), and FTP
 * expects the data there; but the virtual conversation ends at the client. */
static conversation_t *expected_by_ftp(packet_info *pinfo, const attempt_t *attempt) {
  const bool is_bind = attempt->has_bound && attempt->has_origin && attempt->command == pt_command_bind;
  if (!is_bind) return NULL;
  const address peer = address_of(&attempt->origin), client = address_of(&attempt->client);
  const pt_endpoint_t *const said[] = {&attempt->bound, &attempt->proxy}; /* the latter where BND is 0.0.0.0 */
  for (unsigned i = 0; i < array_length(said); i++) {
    const address listening = address_of(said[i]);
    const uint16_t port = attempt->bound.port;
    conversation_t *found = find_conversation(pinfo->num, &peer, &listening, CONVERSATION_TCP, 20, port, NO_PORT_B);
    /* After EPRT, up to 4.4 at least, the server's end is not the one that is expected. */
    if (!found) {
      found = find_conversation(pinfo->num, &client, &listening, CONVERSATION_TCP, port, 0, NO_PORT_B);
    }
    if (found && conversation_get_dissector(found, pinfo->num) == ftp_data_handle) return found;
  }
  return NULL;
}

/* A proxy is asked for any port; the built-in dissector of that port would keep TLS on port 80 for itself, or HTTP on
 * port 21. */
void claim_for_content(packet_info *pinfo, const segment_t *segment, const virtual_t *carrier) {
  DISSECTOR_ASSERT(!pinfo->fd->visited);
  const bool is_http = is_forward(carrier->attempt);
  conversation_t *const expected = expected_by_ftp(pinfo, carrier->attempt);
  const dissector_handle_t handle = is_http                  ? http_over_tcp_handle
                                    : expected               ? ftp_data_handle
                                    : begins_as_tls(segment) ? tls_handle
                                                             : NULL;
  if (!handle) return;
  conversation_t *conversation = conversation_of(pinfo, segment);
  if (!conversation && (is_http || expected)) {
    conversation = ws_new_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                           segment->receiver_port);
  }
  if (conversation && !conversation_get_dissector(conversation, pinfo->num)) {
    void *const transfer = expected ? conversation_get_proto_data(expected, proto_ftp_data) : NULL;
    set_dissector(pinfo, segment, conversation, handle, transfer);
  }
}

/* Without precedence the built-in dissectors come first, and what they leave comes here. The heuristics are also the
 * switches of the protocols in Enabled Protocols, which the tracker obeys (core.c). */
static bool dissect_heuristic(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  const record_t *record = current()->record;
  return record && record->claimed && dissect_claimed(tvb, pinfo, tree, tcp) > 0;
}

/* One function for each, since a function stands for one heuristic only. */
#define PT_ROW(id, ...)                                                                             \
  static ws_bool_t heuristic_##id(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) { \
    return dissect_heuristic(tvb, pinfo, tree, tcp);                                                \
  }
PT_FAMILIES(PT_ROW)
#undef PT_ROW
#define PT_ROW(id, ...) heuristic_##id,
static const heur_dissector_t heuristics[] = {PT_FAMILIES(PT_ROW)};
#undef PT_ROW

void claim_handoff(int proto) {
  proto_proxytunnel = proto;
  claim_handle = create_dissector_handle(dissect_claimed, proto);
  /* Not the one over TCP: that takes whatever follows a granted CONNECT for payload, in a second pass the CONNECT
   * too. */
  http_handle = find_dissector("http");
  http_over_tcp_handle = find_dissector("http-over-tcp");
  socks_handle = dissector_get_uint_handle(find_dissector_table("tcp.port"), socks_port);
  tls_handle = find_dissector("tls");
  data_handle = find_dissector("data");
  ftp_data_handle = find_dissector("ftp-data");
  proto_ftp_data = proto_get_id_by_filter_name("ftp-data");
  for (unsigned i = 0; i < PT_FAMILY_COUNT; i++) {
    const pt_family_row_t *family = pt_family((pt_family_t)i);
    const char *title = wmem_strdup_printf(wmem_epan_scope(), "%s on any port", family->title);
    heur_dissector_add("tcp", heuristics[i], title, family->heuristic, proto, HEURISTIC_ENABLE);
  }
}
