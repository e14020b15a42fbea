/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: every difference between the releases of Wireshark (4.0, 4.4, 4.6) that the plugin meets. No other file asks
 * for a version.
 */
#ifndef PROXYTUNNEL_WS_COMPAT_H
#define PROXYTUNNEL_WS_COMPAT_H

#include <wireshark.h>
#include <ws_version.h>
#include <epan/addr_resolv.h>
#include <epan/conversation.h>
#include <epan/dissectors/packet-tls.h>
#include <epan/packet.h>
#include <wiretap/wtap.h>

#define WS_RELEASE (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)

/* The truth value of callbacks and of the functions that take one. */
#if WS_RELEASE >= 404
typedef bool ws_bool_t;
#else
typedef gboolean ws_bool_t;
#endif

/* The conversation that the TCP dissector uses. From 4.4 on the user can have conversations told apart by interface and
 * VLAN; the functions for that take the ends from pinfo, where TCP writes the ports only later. */
#if WS_RELEASE >= 404
static inline packet_info ws_between(const packet_info *pinfo, const address *sender, const address *receiver,
                                     uint32_t sender_port, uint32_t receiver_port, port_type type) {
  packet_info own = *pinfo;
  copy_address_shallow(&own.src, sender);
  copy_address_shallow(&own.dst, receiver);
  own.srcport = sender_port;
  own.destport = receiver_port;
  own.ptype = type;
  return own;
}
#endif

static inline conversation_t *ws_find_tcp_conversation(packet_info *pinfo, const address *sender,
                                                       const address *receiver, uint32_t sender_port,
                                                       uint32_t receiver_port) {
#if WS_RELEASE >= 404
  const packet_info own = ws_between(pinfo, sender, receiver, sender_port, receiver_port, PT_TCP);
#if WS_RELEASE >= 406
  return find_conversation_strat(&own, CONVERSATION_TCP, 0, false);
#else
  return find_conversation_strat(&own, CONVERSATION_TCP, 0);
#endif
#else
  return find_conversation(pinfo->num, sender, receiver, CONVERSATION_TCP, sender_port, receiver_port, 0);
#endif
}

static inline conversation_t *ws_new_tcp_conversation(packet_info *pinfo, const address *sender,
                                                      const address *receiver, uint32_t sender_port,
                                                      uint32_t receiver_port) {
#if WS_RELEASE >= 404
  packet_info own = ws_between(pinfo, sender, receiver, sender_port, receiver_port, PT_TCP);
  return conversation_new_strat(&own, CONVERSATION_TCP, 0);
#else
  return conversation_new(pinfo->num, sender, receiver, CONVERSATION_TCP, sender_port, receiver_port, 0);
#endif
}

/* The conversation in which TCP looks for a dissector: in 4.4 and 4.6 that is never one of those told apart. */
static inline conversation_t *ws_plain_tcp_conversation(packet_info *pinfo, const address *sender,
                                                        const address *receiver, uint32_t sender_port,
                                                        uint32_t receiver_port) {
  conversation_t *plain =
      find_conversation(pinfo->num, sender, receiver, CONVERSATION_TCP, sender_port, receiver_port, 0);
  if (plain) return plain;
  return conversation_new(pinfo->num, sender, receiver, CONVERSATION_TCP, sender_port, receiver_port, 0);
}

/* The same for UDP, which in 4.6 looks among those told apart. */
static inline conversation_t *ws_claimed_udp_conversation(packet_info *pinfo, const address *sender,
                                                          const address *receiver, uint32_t sender_port,
                                                          uint32_t receiver_port) {
#if WS_RELEASE >= 406
  const packet_info own = ws_between(pinfo, sender, receiver, sender_port, receiver_port, PT_UDP);
  conversation_t *found = find_conversation_strat(&own, CONVERSATION_UDP, 0, false);
  return found ? found : conversation_new_strat(&own, CONVERSATION_UDP, 0);
#else
  conversation_t *found =
      find_conversation(pinfo->num, sender, receiver, CONVERSATION_UDP, sender_port, receiver_port, 0);
  if (found) return found;
  return conversation_new(pinfo->num, sender, receiver, CONVERSATION_UDP, sender_port, receiver_port, 0);
#endif
}

/* The conversation that the UDP dissector used just now. */
static inline conversation_t *ws_find_udp_conversation(packet_info *pinfo) {
#if WS_RELEASE >= 406
  return find_conversation_strat(pinfo, CONVERSATION_UDP, 0, false);
#elif WS_RELEASE >= 404
  return find_conversation_strat(pinfo, CONVERSATION_UDP, 0);
#else
  return find_conversation(pinfo->num, &pinfo->src, &pinfo->dst, CONVERSATION_UDP, pinfo->srcport, pinfo->destport, 0);
#endif
}

static inline void ws_add_ipv4_name(uint32_t address, const char *name) {
#if WS_RELEASE >= 404
  add_ipv4_name(address, name, false);
#else
  add_ipv4_name(address, name);
#endif
}

static inline void ws_add_ipv6_name(const ws_in6_addr *address, const char *name) {
#if WS_RELEASE >= 404
  add_ipv6_name(address, name, false);
#else
  add_ipv6_name(address, name);
#endif
}

/* The frame of pinfo cannot be read without that one. From 4.4 on that is kept as long as the file is open, and holds
 * for the frames that that one depends on, too. */
#define WS_DEPENDS_FOR_GOOD (WS_RELEASE >= 404)

static inline void ws_depend(packet_info *pinfo, uint32_t frame) {
#if WS_RELEASE >= 404
  mark_frame_as_depended_upon(pinfo->fd, frame);
#else
  mark_frame_as_depended_upon(pinfo, frame);
#endif
}

/* What the callback of a "-z" option returns. Before 4.6 one that finds its argument wrong ends the program, as those
 * of Wireshark do. */
#if WS_RELEASE >= 406
typedef bool ws_option_result_t;
#define WS_OPTION_TAKEN return true
#define WS_OPTION_WRONG return false
#else
typedef void ws_option_result_t;
#define WS_OPTION_TAKEN return
#define WS_OPTION_WRONG exit(1)
#endif

/* One packet into a file. In 4.6 the bytes travel inside the record. */
static inline bool ws_dump(wtap_dumper *dumper, wtap_rec *record, const uint8_t *bytes, size_t size, int *error,
                           char **text) {
#if WS_RELEASE >= 406
  ws_buffer_clean(&record->data);
  ws_buffer_append(&record->data, bytes, size);
  return wtap_dump(dumper, record, error, text);
#else
  (void)size;
  return wtap_dump(dumper, record, bytes, error, text);
#endif
}

static inline void ws_record_init(wtap_rec *record) {
#if WS_RELEASE >= 406
  wtap_rec_init(record, 2048);
#else
  wtap_rec_init(record);
#endif
}

/* Says that the record is a packet. */
static inline void ws_record_is_packet(wtap_rec *record, int encapsulation) {
#if WS_RELEASE >= 406
  wtap_setup_packet_rec(record, encapsulation);
#else
  record->rec_type = REC_TYPE_PACKET;
  record->rec_header.packet_header.pkt_encap = encapsulation;
#endif
}

static inline bool ws_dump_close(wtap_dumper *dumper, int *error, char **text) {
#if WS_RELEASE >= 404
  bool reload = false;
#else
  gboolean reload = FALSE;
#endif
  return wtap_dump_close(dumper, &reload, error, text);
}

/* A follower's filter functions, and how to take the place of a follower. */
#if WS_RELEASE >= 404
#define WS_FIELD_VALUE(info) ((info)->value)
#else
#define WS_FIELD_VALUE(info) (&(info)->value)
#endif

#if WS_RELEASE >= 404
typedef char ws_filter_text_t;
typedef unsigned ws_stream_number_t;
#define WS_REPLACE_FOLLOWER(follower, packet_filter, index_filter, listener)                                      \
  register_follow_stream(get_follow_proto_id(follower), get_follow_tap_string(follower), (packet_filter),         \
                         (index_filter), get_follow_address_func(follower), get_follow_port_to_display(follower), \
                         (listener), get_follow_stream_count_func(follower), get_follow_sub_stream_id_func(follower))
#else
typedef gchar ws_filter_text_t;
typedef guint ws_stream_number_t;
#define WS_REPLACE_FOLLOWER(follower, packet_filter, index_filter, listener)                                      \
  register_follow_stream(get_follow_proto_id(follower), get_follow_tap_string(follower), (packet_filter),         \
                         (index_filter), get_follow_address_func(follower), get_follow_port_to_display(follower), \
                         (listener))
#endif

/* What the window calls the follower of TCP streams. */
static inline int ws_tcp_follower(void) {
#if WS_RELEASE >= 404
  return proto_get_id_by_filter_name("tcp");
#else
  return 0; /* FOLLOW_TCP */
#endif
}

/* How a heuristic of TLS takes a session for good. */
static inline void ws_tls_claim(void *data, dissector_handle_t handle) {
#if WS_RELEASE >= 404
  *((struct tlsinfo *)data)->app_handle = handle;
#else
  *(dissector_handle_t *)data = handle;
#endif
}

/* A header of the PROXY protocol, by the built-in dissector; `data` is what TCP passes on. False if there is none. */
static inline bool ws_dissect_proxy_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data) {
#if WS_RELEASE >= 404
  dissector_handle_t handle = find_dissector(tvb_get_uint8(tvb, 0) == 'P' ? "proxy_v1" : "proxy_v2");
  if (!handle) return false;
  const bool writable = col_get_writable(pinfo->cinfo, -1);
  col_set_writable(pinfo->cinfo, -1, false);
  call_dissector_only(handle, tvb, pinfo, tree, data);
  col_set_writable(pinfo->cinfo, -1, writable);
  return true;
#else
  heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name("proxy_tcp");
  if (!entry || !entry->enabled) return false;
  call_heur_dissector_direct(entry, tvb, pinfo, tree, data);
  return true;
#endif
}

/* What kind of plugin this is. */
#if WS_RELEASE >= 404
#include <wsutil/plugins.h>
#define WS_HAS_PLUGIN_DESCRIBE 1
#else
#define WS_HAS_PLUGIN_DESCRIBE 0
#endif

#endif
