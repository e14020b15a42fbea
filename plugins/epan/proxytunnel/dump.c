/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: a capture file of virtual packets.
 */
#include "dump.h"

#include <epan/addr_resolv.h>
#include <epan/to_str.h>
#include <string.h>
#include <wiretap/wtap.h>
#include <wiretap/wtap_opttypes.h>

#include "names.h"
#include "output.h"
#include "words.h"

struct dump {
  wtap_dumper *file;
  GTree *names4, *names6; /* of origins: hashipv4_t and hashipv6_t by "address name" */
};

static bool failed(int error, char *text, char **why) {
  *why = g_strdup_printf("%s%s%s", wtap_strerror(error), text ? ": " : "", text ? text : "");
  g_free(text);
  return false;
}

/* ---------------------------------------------------------------- names */

static int compare_keys(const void *one, const void *another, void *data _U_) {
  return strcmp((const char *)one, (const char *)another);
}

/* A tree: the captures name the keys, and GLib's hash of a string is no secret. */
static GTree *names_new(void) {
  return g_tree_new_full(compare_keys, NULL, g_free, g_free);
}

static void note_name(dump_t *dump, wmem_allocator_t *pool, const tap_record_t *packet) {
  const attempt_t *attempt = packet->attempt;
  if (!names_its_origin(attempt)) return;
  /* From the packet: in a conversation of mixed families that is the address that is shown. */
  const address *shown = packet->packet->from_client ? &packet->receiver : &packet->sender;
  char *key = g_strdup_printf("%s %s", address_to_str(pool, shown), attempt->host);
  if (shown->type == AT_IPv4) {
    hashipv4_t *entry = g_new0(hashipv4_t, 1);
    memcpy(&entry->addr, shown->data, 4);
    g_strlcpy(entry->name, attempt->host, sizeof entry->name);
    g_tree_replace(dump->names4, key, entry);
  } else {
    hashipv6_t *entry = g_new0(hashipv6_t, 1);
    memcpy(entry->addr, shown->data, 16);
    g_strlcpy(entry->name, attempt->host, sizeof entry->name);
    g_tree_replace(dump->names6, key, entry);
  }
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

/* ---------------------------------------------------------------- packets */

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

static nstime_t timestamp_of(int64_t nanoseconds) {
  const int64_t second = 1000000000;
  const int64_t rest = (nanoseconds % second + second) % second;
  return (nstime_t){.secs = (time_t)((nanoseconds - rest) / second), .nsecs = (int)rest};
}

bool dump_packet(dump_t *dump, packet_info *pinfo, const tap_record_t *packet, char **why) {
  if (packet->opens) note_name(dump, pinfo->pool, packet);
  wtap_rec record;
  ws_record_init(&record);
  ws_record_is_packet(&record, WTAP_ENCAP_RAW_IP);
  record.presence_flags = WTAP_HAS_TS | WTAP_HAS_CAP_LEN;
  record.ts = timestamp_of(packet->packet->time);
  record.tsprec = WTAP_TSPREC_NSEC;
  record.rec_header.packet_header.caplen = packet->captured;
  record.rec_header.packet_header.len = packet->length;
  record.block = options_of(pinfo->pool, packet);
  int error = 0;
  char *text = NULL;
  const bool written = ws_dump(dump->file, &record, packet->bytes, packet->captured, &error, &text);
  wtap_rec_cleanup(&record);
  return written || failed(error, text, why);
}

/* ---------------------------------------------------------------- the file */

dump_t *dump_open(const char *path, char **why) {
  wtap_dump_params params;
  wtap_dump_params_init(&params, NULL);
  params.encap = WTAP_ENCAP_RAW_IP;
  params.tsprec = WTAP_TSPREC_NSEC;
  int error = 0;
  char *text = NULL;
  const int type = wtap_pcapng_file_type_subtype();
  wtap_dumper *file = output_is_stdout(path) ? wtap_dump_open_stdout(type, WTAP_UNCOMPRESSED, &params, &error, &text)
                                             : wtap_dump_open(path, type, WTAP_UNCOMPRESSED, &params, &error, &text);
  if (!file) {
    failed(error, text, why);
    return NULL;
  }
  dump_t *dump = g_new0(dump_t, 1);
  dump->file = file;
  dump->names4 = names_new();
  dump->names6 = names_new();
  return dump;
}

bool dump_flush(dump_t *dump, char **why) {
  int error = 0;
  return wtap_dump_flush(dump->file, &error) || failed(error, NULL, why);
}

bool dump_close(dump_t *dump, char **why) {
  /* The lists are freed by whoever writes them, the entries stay ours. */
  addrinfo_lists_t names = {names_of(dump->names4), names_of(dump->names6)};
  wtap_dump_set_addrinfo_list(dump->file, &names);
  int error = 0;
  char *text = NULL;
  const bool written = ws_dump_close(dump->file, &error, &text) || failed(error, text, why);
  g_tree_destroy(dump->names4);
  g_tree_destroy(dump->names6);
  g_free(dump);
  return written;
}
