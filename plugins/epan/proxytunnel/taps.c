/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: statistics: conversations by payload, a tree of tunnels, the table and the report of pcap-unproxy.
 */
#include "taps.h"

#include <epan/conversation_table.h>
#include <epan/stat_tap_ui.h>
#include <epan/stats_tree.h>
#include <epan/tap.h>
#include <string.h>
#include <wsutil/report_message.h>

#include "core.h"
#include "output.h"
#include "prefs.h"
#include "tap_queue.h"

static const tap_record_t *first_of(const void *queued) {
  return ((const tap_frame_t *)queued)->first;
}

/* ---------------------------------------------------------------- -z conv,proxytunnel and -z endpoints,proxytunnel */

static const char *filter_name(const address *addr, bool is_udp, conv_filter_type_e filter) {
  const bool is_v4 = addr && addr->type == AT_IPv4;
  switch (filter) {
    case CONV_FT_SRC_PORT:
      return is_udp ? "udp.srcport" : "tcp.srcport";
    case CONV_FT_DST_PORT:
      return is_udp ? "udp.dstport" : "tcp.dstport";
    case CONV_FT_ANY_PORT:
      return is_udp ? "udp.port" : "tcp.port";
    case CONV_FT_SRC_ADDRESS:
      return is_v4 ? "ip.src" : "ipv6.src";
    case CONV_FT_DST_ADDRESS:
      return is_v4 ? "ip.dst" : "ipv6.dst";
    case CONV_FT_ANY_ADDRESS:
      return is_v4 ? "ip.addr" : "ipv6.addr";
  }
  return CONV_FILTER_INVALID;
}

static const char *conversation_filter(conv_item_t *item, conv_filter_type_e filter) {
  return filter_name(item ? &item->src_address : NULL, item && item->ctype == CONVERSATION_UDP, filter);
}

static const char *endpoint_filter(endpoint_item_t *item, conv_filter_type_e filter) {
  return filter_name(item ? &item->myaddress : NULL, item && item->etype == ENDPOINT_UDP, filter);
}

static ct_dissector_info_t conversation_filters = {conversation_filter};
static et_dissector_info_t endpoint_filters = {endpoint_filter};

static tap_packet_status count_conversation(void *table, packet_info *pinfo, epan_dissect_t *dissection _U_,
                                            const void *queued, tap_flags_t flags) {
  conv_hash_t *hash = (conv_hash_t *)table;
  hash->flags = flags;
  for (const tap_record_t *record = first_of(queued); record; record = record->next) {
    if (record->event != TAP_PACKET) continue;
    add_conversation_table_data_with_conv_id(
        hash, &record->sender, &record->receiver, record->sender_port, record->receiver_port, (conv_id_t)record->stream,
        1, (int)record->packet->length, &pinfo->rel_ts, &pinfo->abs_ts, &conversation_filters,
        record->packet->is_udp ? CONVERSATION_UDP : CONVERSATION_TCP);
  }
  return TAP_PACKET_REDRAW;
}

static tap_packet_status count_endpoint(void *table, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                        const void *queued, tap_flags_t flags) {
  conv_hash_t *hash = (conv_hash_t *)table;
  hash->flags = flags;
  for (const tap_record_t *record = first_of(queued); record; record = record->next) {
    if (record->event != TAP_PACKET) continue;
    const int size = (int)record->packet->length;
    const endpoint_type type = record->packet->is_udp ? ENDPOINT_UDP : ENDPOINT_TCP;
    add_endpoint_table_data(hash, &record->sender, record->sender_port, TRUE, 1, size, &endpoint_filters, type);
    add_endpoint_table_data(hash, &record->receiver, record->receiver_port, FALSE, 1, size, &endpoint_filters, type);
  }
  return TAP_PACKET_REDRAW;
}

/* ---------------------------------------------------------------- -z proxytunnel,tree */

static const char attempts_text[] = "Attempts to open a tunnel", flows_text[] = "Targets of relayed datagrams";
static int node_attempts = -1, node_proxies = -1, node_targets = -1, node_origins = -1, node_flows = -1;

static void tree_begin(stats_tree *tree) {
  node_attempts = stats_tree_create_node(tree, attempts_text, 0, STAT_DT_INT, TRUE);
  node_proxies = stats_tree_create_pivot(tree, "Attempts by proxy", 0);
  node_targets = stats_tree_create_pivot(tree, "Targets of opened tunnels", 0);
  node_origins = stats_tree_create_pivot(tree, "Origins of opened tunnels", 0);
  node_flows = stats_tree_create_pivot(tree, flows_text, 0);
}

static void tree_count_record(stats_tree *tree, wmem_allocator_t *pool, const tap_record_t *record) {
  const attempt_t *attempt = record->attempt;
  if (record->event == TAP_PACKET) {
    if (record->packet->is_udp && record->opens) stats_tree_tick_pivot(tree, node_flows, attempt->target);
    return;
  }
  const bool opened = record->event == TAP_OPENED;
  const bool is_new = record->event == TAP_REQUESTED || !attempt->requested;
  increase_stat_node(tree, attempts_text, 0, TRUE, is_new);
  const int node = increase_stat_node(tree, pt_protocol(attempt->protocol)->name, node_attempts, TRUE, is_new);
  /* As it stands; what comes to no end is incomplete. */
  if (!is_new) increase_stat_node(tree, pt_status_name(pt_status_incomplete), node, FALSE, -1);
  tick_stat_node(tree, pt_status_name(tap_status(record)), node, FALSE);
  if (is_new) stats_tree_tick_pivot(tree, node_proxies, endpoint_text(pool, &attempt->proxy));
  if (!opened) return;
  if (*attempt->target) stats_tree_tick_pivot(tree, node_targets, attempt->target);
  if (attempt->has_origin) stats_tree_tick_pivot(tree, node_origins, endpoint_text(pool, &attempt->origin));
}

static tap_packet_status tree_count(stats_tree *tree, packet_info *pinfo, epan_dissect_t *dissection _U_,
                                    const void *queued, tap_flags_t flags _U_) {
  for (const tap_record_t *record = first_of(queued); record; record = record->next) {
    tree_count_record(tree, pinfo->pool, record);
  }
  return TAP_PACKET_REDRAW;
}

/* ------------------------------------------------------------- -z proxytunnel,list and -z proxytunnel,report,FILE */

typedef struct {
  enum { print_list, print_csv, print_report } what;
  char *path;
} printout_t;

static tap_packet_status printout_packet(void *tapdata _U_, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                         const void *queued _U_, tap_flags_t flags _U_) {
  return TAP_PACKET_REDRAW;
}

static void printout_draw(void *tapdata) {
  const printout_t *printout = (const printout_t *)tapdata;
  if (!core_tracker()) return;
  pt_outcome_t *snapshot = pt_outcome_new();
  pt_tracker_snapshot(core_tracker(), snapshot);
  char *text = printout->what == print_list  ? pt_list_text(snapshot, output_width())
               : printout->what == print_csv ? pt_list_csv(snapshot)
                                             : pt_report_json(snapshot, NULL, proxytunnel_preferences.credentials);
  if (text) output_write(printout->path, text);
  pt_text_free(text);
  pt_outcome_free(snapshot);
}

static void printout_finish(void *tapdata) {
  printout_t *printout = (printout_t *)tapdata;
  g_free(printout->path);
  g_free(printout);
}

static bool print_at_end(printout_t wanted) {
  printout_t *printout = g_new(printout_t, 1);
  *printout = wanted;
  GString *error = register_tap_listener("proxytunnel", printout, NULL, TL_REQUIRES_NOTHING, NULL, printout_packet,
                                         printout_draw, printout_finish);
  if (!error) return true;
  report_failure("proxytunnel: %s", error->str);
  g_string_free(error, TRUE);
  printout_finish(printout);
  return false;
}

static ws_option_result_t list_option(const char *option, void *user _U_) {
  const bool as_csv = !strcmp(option, "proxytunnel,list,csv");
  if (!as_csv && !output_takes_nothing_else(option, "proxytunnel,list")) WS_OPTION_WRONG;
  if (!print_at_end((printout_t){.what = as_csv ? print_csv : print_list, .path = g_strdup("-")})) WS_OPTION_WRONG;
  WS_OPTION_TAKEN;
}

static ws_option_result_t report_option(const char *option, void *user _U_) {
  static const char alone[] = "proxytunnel,report";
  const bool is_named = strcmp(option, alone) != 0;
  const char *path = is_named ? output_of(option, alone) : "-";
  if (!path) WS_OPTION_WRONG;
  if (!print_at_end((printout_t){.what = print_report, .path = g_strdup(path)})) WS_OPTION_WRONG;
  WS_OPTION_TAKEN;
}

/* ---------------------------------------------------------------- registration */

void taps_register(int proto) {
  register_conversation_table(proto, FALSE, count_conversation, count_endpoint);
}

void taps_handoff(void) {
  static stat_tap_ui list = {.group = REGISTER_STAT_GROUP_GENERIC,
                             .title = "Proxy tunnels",
                             .cli_string = "proxytunnel,list",
                             .tap_init_cb = list_option};
  static stat_tap_ui report = {.group = REGISTER_STAT_GROUP_GENERIC,
                               .title = "Report on proxy tunnels",
                               .cli_string = "proxytunnel,report",
                               .tap_init_cb = report_option};
  stats_tree_register_plugin("proxytunnel", "proxytunnel", "Proxy Tunnel Counts", 0, tree_count, tree_begin, NULL);
  register_stat_tap_ui(&list, NULL);
  register_stat_tap_ui(&report, NULL);
}
