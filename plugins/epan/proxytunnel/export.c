/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,export,FILE: the virtual packets as a pcapng file (raw IP, nanoseconds, source frame numbers,
 * comments, names).
 */
#include "export.h"

#include <epan/addr_resolv.h>
#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <epan/to_str.h>
#include <string.h>
#include <wiretap/wtap.h>
#include <wiretap/wtap_opttypes.h>
#include <wsutil/report_message.h>

#include "names.h"
#include "output.h"
#include "tap_queue.h"
#include "words.h"

typedef struct {
  char *path;
  wtap_dumper *dumper;    /* NULL once it is closed */
  GTree *names4, *names6; /* of origins: hashipv4_t and hashipv6_t by "address name" */
} export_t;

static void report_error(const export_t *export, int error, char *text) {
  char *why = g_strdup_printf("%s%s%s", wtap_strerror(error), text ? ": " : "", text ? text : "");
  output_failed(export->path, why);
  g_free(why);
  g_free(text);
}

static void export_name(export_t *export, wmem_allocator_t *pool, const tap_record_t *packet) {
  const attempt_t *attempt = packet->attempt;
  if (!names_its_origin(attempt)) return;
  /* From the packet: in a conversation of mixed families that is the address that is shown. */
  const address *shown = packet->packet->from_client ? &packet->receiver : &packet->sender;
  char *key = g_strdup_printf("%s %s", address_to_str(pool, shown), attempt->host);
  if (shown->type == AT_IPv4) {
    hashipv4_t *entry = g_new0(hashipv4_t, 1);
    memcpy(&entry->addr, shown->data, 4);
    g_strlcpy(entry->name, attempt->host, sizeof entry->name);
    g_tree_replace(export->names4, key, entry);
  } else {
    hashipv6_t *entry = g_new0(hashipv6_t, 1);
    memcpy(entry->addr, shown->data, 16);
    g_strlcpy(entry->name, attempt->host, sizeof entry->name);
    g_tree_replace(export->names6, key, entry);
  }
}

/* What is synthetic says so; the first packet also says what it stands for. */
static const char *comment_of(wmem_allocator_t *pool, const tap_record_t *record) {
  const attempt_t *attempt = record->attempt;
  const char *synthetic = record->packet->is_udp ? "" : "synthetic: not on the wire. ";
  if (!record->opens) return "synthetic: not on the wire";
  return wmem_strdup_printf(
      pool,
      "%s%s by proxy %s%s%s; origin by %s%s%s; request in frame %u, "
      "opened in frame %u",
      synthetic, attempt_text(pool, attempt), endpoint_text(pool, &attempt->proxy),
      *attempt->username ? " for user " : "", attempt->username, pt_provenance_name(attempt->provenance),
      *attempt->virtual_client ? "; the port of the client is synthetic, its own is that of " : "",
      *attempt->virtual_client ? endpoint_text(pool, &attempt->client) : "", attempt->request_frame,
      attempt->opened_frame);
}

static wtap_block_t options_of(wmem_allocator_t *pool, const tap_record_t *record) {
  wtap_block_t block = wtap_block_create(WTAP_BLOCK_PACKET);
  if (record->packet->kind < PT_TRANSLATED || record->opens) {
    const char *comment = comment_of(pool, record);
    wtap_block_add_string_option(block, OPT_COMMENT, comment, strlen(comment));
  }
  wtap_block_add_uint64_option(block, OPT_PKT_PACKETID, record->packet->frame);
  return block;
}

static bool export_packet(export_t *export, packet_info *pinfo, const tap_record_t *packet) {
  if (packet->opens) export_name(export, pinfo->pool, packet);
  wtap_rec record;
  ws_record_init(&record);
  ws_record_is_packet(&record, WTAP_ENCAP_RAW_IP);
  record.presence_flags = WTAP_HAS_TS | WTAP_HAS_CAP_LEN;
  record.ts = pinfo->abs_ts;
  record.tsprec = WTAP_TSPREC_NSEC;
  record.rec_header.packet_header.caplen = packet->captured;
  record.rec_header.packet_header.len = packet->length;
  record.block = options_of(pinfo->pool, packet);
  int error = 0;
  char *text = NULL;
  const bool written = ws_dump(export->dumper, &record, packet->bytes, packet->captured, &error, &text);
  wtap_rec_cleanup(&record);
  if (!written) report_error(export, error, text);
  return written;
}

/* What went wrong was told. */
static void abandon(export_t *export) {
  int error;
  char *text = NULL;
  if (export->dumper) ws_dump_close(export->dumper, &error, &text);
  g_free(text);
  export->dumper = NULL;
}

static tap_packet_status export_frame(void *tapdata, packet_info *pinfo, epan_dissect_t *dissection _U_,
                                      const void *queued, tap_flags_t flags _U_) {
  export_t *export = (export_t *)tapdata;
  if (!export->dumper) return TAP_PACKET_DONT_REDRAW;
  for (const tap_record_t *packet = ((const tap_frame_t *)queued)->first; packet; packet = packet->next) {
    if (packet->event != TAP_PACKET || export_packet(export, pinfo, packet)) continue;
    abandon(export);
    return TAP_PACKET_FAILED;
  }
  return TAP_PACKET_REDRAW;
}

static gboolean prepend_name(void *key _U_, void *entry, void *list) {
  GList **names = (GList **)list;
  *names = g_list_prepend(*names, entry);
  return FALSE;
}

static GList *names_of(GTree *tree) {
  GList *names = NULL;
  g_tree_foreach(tree, prepend_name, &names);
  return names;
}

/* After the last packet; the names are known only now. */
static void export_close(void *tapdata) {
  export_t *export = (export_t *)tapdata;
  if (!export->dumper) return;
  /* The lists are freed by whoever writes them, the entries stay ours. */
  addrinfo_lists_t names = {names_of(export->names4), names_of(export->names6)};
  wtap_dump_set_addrinfo_list(export->dumper, &names);
  int error = 0;
  char *text = NULL;
  if (!ws_dump_close(export->dumper, &error, &text)) report_error(export, error, text);
  export->dumper = NULL;
}

static void export_finish(void *tapdata) {
  export_t *export = (export_t *)tapdata;
  abandon(export);
  g_tree_destroy(export->names4);
  g_tree_destroy(export->names6);
  g_free(export->path);
  g_free(export);
}

static int compare_keys(const void *one, const void *another, void *data _U_) {
  return strcmp((const char *)one, (const char *)another);
}

/* A tree: the captures name the keys, and GLib's hash of a string is no secret. */
static GTree *names_new(void) {
  return g_tree_new_full(compare_keys, NULL, g_free, g_free);
}

static bool export_begin(const char *path) {
  export_t *export = g_new0(export_t, 1);
  export->path = g_strdup(path);
  export->names4 = names_new();
  export->names6 = names_new();
  wtap_dump_params params;
  wtap_dump_params_init(&params, NULL);
  params.encap = WTAP_ENCAP_RAW_IP;
  params.tsprec = WTAP_TSPREC_NSEC;
  int error = 0;
  char *text = NULL;
  const int type = wtap_pcapng_file_type_subtype();
  export->dumper = output_is_stdout(path) ? wtap_dump_open_stdout(type, WTAP_UNCOMPRESSED, &params, &error, &text)
                                          : wtap_dump_open(path, type, WTAP_UNCOMPRESSED, &params, &error, &text);
  if (!export->dumper) {
    report_error(export, error, text);
    export_finish(export);
    return false;
  }
  GString *refusal = register_tap_listener("proxytunnel", export, NULL, TL_REQUIRES_NOTHING, NULL, export_frame,
                                           export_close, export_finish);
  if (!refusal) return true;
  report_failure("proxytunnel: %s", refusal->str);
  g_string_free(refusal, TRUE);
  export_finish(export);
  return false;
}

static ws_option_result_t export_option(const char *option, void *user _U_) {
  const char *path = output_of(option, "proxytunnel,export");
  if (!path || !export_begin(path)) WS_OPTION_WRONG;
  WS_OPTION_TAKEN;
}

void export_handoff(void) {
  static stat_tap_ui ui = {.group = REGISTER_STAT_GROUP_GENERIC,
                           .title = "Virtual packets of proxy tunnels as a file",
                           .cli_string = "proxytunnel,export",
                           .tap_init_cb = export_option};
  register_stat_tap_ui(&ui, NULL);
}
