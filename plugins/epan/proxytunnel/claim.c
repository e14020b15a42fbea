/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the dissector that is set on parent conversations: it keeps others from reading what belongs to the tunnel,
 * and gives handshakes to the built-in dissectors that know them.
 */
#include "packet-proxytunnel.h"

#include <epan/dissectors/packet-tcp.h>
#include <string.h>

static int proto_proxytunnel = -1;
static dissector_handle_t claim_handle, http_handle, socks_handle, tls_handle, data_handle;

/* What is known of a claimed conversation; it changes on the first pass only. */
typedef struct {
  bool is_http; /* else SOCKS */
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

static bool speaks_http(packet_info *pinfo, const segment_t *segment) {
  const claim_t *claim =
      claim_of(pinfo, &segment->sender, segment->sender_port, &segment->receiver, segment->receiver_port);
  return claim && claim->is_http;
}

/* True if a request ends here that began in a segment which was not given to the built-in dissector. */
static bool is_tail_of_request(const record_t *record, uint32_t frame, unsigned size) {
  for (unsigned i = 0; i < record->messages_count; i++) {
    const message_t *message = &record->messages[i];
    if (message->kind == PT_HTTP_CONNECT_REQUEST && message->frame == frame) return message->size > size;
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
  return record->messages_count && record->messages[record->messages_count - 1].kind == PT_HTTP_CONNECT_REQUEST;
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
  pinfo->can_desegment = pinfo->saved_can_desegment;
  call_dissector_only(http_handle, messages, pinfo, tree, tcp);
  if (early_tail) tree_draw_early_bytes(tvb_new_subset_remaining(tvb, (int)understood), pinfo, tree);
}

static void dissect_handshake(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const segment_t *segment,
                              const record_t *record, void *tcp) {
  const bool known_port = segment->sender_port == socks_port || segment->receiver_port == socks_port;
  const bool whole = size_of_messages(record, pinfo->num) == tvb_reported_length(tvb);
  if (speaks_http(pinfo, segment)) {
    dissect_http(tvb, pinfo, tree, record, tcp);
  } else if (socks_handle && known_port && whole) {
    call_dissector_only(socks_handle, tvb, pinfo, tree, tcp);
  } else if (record->early && !record->messages_count) {
    tree_draw_early_bytes(tvb, pinfo, tree);
  } else if (!record->messages_count) {
    tree_draw_handshake_bytes(tvb, pinfo, tree);
  }
  shim_draw_record(pinfo, tree);
}

/* How many of the bytes that TCP hands over belong to the handshake. TCP hands over a rest of the segment, or what it
 * put together for the built-in dissector, which ends with the segment. */
static unsigned handshake_part(tvbuff_t *tvb, const segment_t *segment, const record_t *record, const void *tcp) {
  const unsigned size = tvb_reported_length(tvb);
  const unsigned payload = segment->length - MIN(record->handshake_bytes, segment->length);
  const struct tcpinfo *position = (const struct tcpinfo *)tcp;
  if (position && position->is_reassembled) return size - MIN(payload, size);
  const unsigned skipped = segment->length - MIN(size, segment->length);
  return record->handshake_bytes > skipped ? MIN(record->handshake_bytes - skipped, size) : 0;
}

/* ---------------------------------------------------------------- the dissector */

static int dissect_left(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree) {
  const claim_t *claim = claim_of(pinfo, &pinfo->src, pinfo->srcport, &pinfo->dst, pinfo->destport);
  /* What follows a refused CONNECT is HTTP, for whoever reads that; what follows refused SOCKS is nothing, but the
   * built-in dissector would take it for the rest of a handshake. */
  if (!claim || claim->is_http) return 0;
  return call_dissector_only(data_handle, tvb, pinfo, tree, NULL);
}

static int dissect_claimed(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  const record_t *record = shim_record();
  const segment_t *segment = shim_segment();
  if (pinfo->flags.in_error_pkt) {
    tree_draw_quoted(tvb, tree);
    return (int)tvb_captured_length(tvb);
  }
  if (!record || !record->claimed) return dissect_left(tvb, pinfo, tree);
  const unsigned size = tvb_reported_length(tvb);
  const unsigned handshake = handshake_part(tvb, segment, record, tcp);
  if (handshake) {
    dissect_handshake(tvb_new_subset_length(tvb, 0, (int)handshake), pinfo, tree, segment, record, tcp);
  }
  if (handshake < size) {
    tree_draw_payload(tvb_new_subset_remaining(tvb, (int)handshake), pinfo, tree, attempt_of(record->tunnel));
  }
  return (int)tvb_captured_length(tvb);
}

/* ---------------------------------------------------------------- claiming */

static bool is_http(const record_t *record) {
  if (record->messages_count) return !strncmp(record->messages[0].protocol, "http", 4);
  const attempt_t *attempt = attempt_of(record->tunnel);
  return attempt && !strncmp(attempt->protocol, "http", 4);
}

static void note_asked(claim_t *claim, const segment_t *segment, record_t *record) {
  record->early = claim->asked && claim->asked->client.port == segment->sender_port;
  for (unsigned i = 0; i < record->messages_count; i++) {
    const attempt_t *attempt = attempt_of(record->messages[i].attempt);
    if (attempt) claim->asked = attempt;
  }
  if (record->opened || record->over_count) claim->asked = NULL;
}

void claim_conversation(packet_info *pinfo, const segment_t *segment, record_t *record) {
  conversation_t *conversation = ws_find_tcp_conversation(pinfo, &segment->sender, &segment->receiver,
                                                          segment->sender_port, segment->receiver_port);
  if (!conversation) {
    conversation = ws_new_tcp_conversation(pinfo, &segment->sender, &segment->receiver, segment->sender_port,
                                           segment->receiver_port);
  }
  claim_t *claim = (claim_t *)conversation_get_proto_data(conversation, proto_proxytunnel);
  if (!claim) {
    claim = wmem_new0(wmem_file_scope(), claim_t);
    claim->is_http = is_http(record);
    conversation_add_proto_data(conversation, proto_proxytunnel, claim);
  }
  note_asked(claim, segment, record);
  if (proxytunnel_preferences.precedence && conversation_get_dissector(conversation, pinfo->num) != claim_handle) {
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, claim_handle);
  }
}

/* Record type 22 (handshake), version 3.x, length, message 1 (client hello): RFC 8446 sections 4 and 5.1. */
static bool begins_as_tls(const segment_t *segment) {
  const uint8_t *payload = segment->bytes + segment->header_size;
  return segment->captured >= 6 && payload[0] == 22 && payload[1] == 3 && payload[2] <= 4 && payload[5] == 1;
}

/* A proxy is asked for any port; the built-in dissector of that port would keep TLS on port 80 for itself. */
void claim_for_tls(packet_info *pinfo, const segment_t *segment) {
  if (!tls_handle || !begins_as_tls(segment)) return;
  conversation_t *conversation = ws_find_tcp_conversation(pinfo, &segment->sender, &segment->receiver,
                                                          segment->sender_port, segment->receiver_port);
  if (conversation && !conversation_get_dissector(conversation, pinfo->num)) {
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, tls_handle);
  }
}

/* Without precedence the built-in dissectors come first, and what they leave comes here. The three heuristics are also
 * the switches of the protocols in Enabled Protocols, which the tracker obeys (shim.c). */
static bool dissect_heuristic(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  const record_t *record = shim_record();
  return record && record->claimed && dissect_claimed(tvb, pinfo, tree, tcp) > 0;
}

static ws_bool_t dissect_socks4(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  return dissect_heuristic(tvb, pinfo, tree, tcp);
}

static ws_bool_t dissect_socks5(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  return dissect_heuristic(tvb, pinfo, tree, tcp);
}

static ws_bool_t dissect_connect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcp) {
  return dissect_heuristic(tvb, pinfo, tree, tcp);
}

void claim_handoff(int proto) {
  proto_proxytunnel = proto;
  claim_handle = create_dissector_handle(dissect_claimed, proto);
  /* Not the one over TCP: that takes whatever follows a granted CONNECT for payload, in a second pass the CONNECT
   * too. */
  http_handle = find_dissector("http");
  socks_handle = dissector_get_uint_handle(find_dissector_table("tcp.port"), socks_port);
  tls_handle = find_dissector("tls");
  data_handle = find_dissector("data");
  heur_dissector_add("tcp", dissect_socks4, "SOCKS4 and SOCKS4a on any port", "proxytunnel_socks4", proto,
                     HEURISTIC_ENABLE);
  heur_dissector_add("tcp", dissect_socks5, "SOCKS5 on any port", "proxytunnel_socks5", proto, HEURISTIC_ENABLE);
  heur_dissector_add("tcp", dissect_connect, "HTTP CONNECT on any port", "proxytunnel_connect", proto,
                     HEURISTIC_ENABLE);
}
