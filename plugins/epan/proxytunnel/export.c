/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the virtual packets of frames as they are dissected, into a file.
 */
#include "export.h"

#include <epan/tap.h>

#include "core.h"
#include "dump.h"
#include "output.h"
#include "tap_queue.h"

struct export {
  char *path;
  dump_t *dump;      /* NULL: written to its end, or failed */
  GHashTable *ids;   /* of wanted tunnels; NULL: all */
  bool is_of_option; /* its errors are told when they happen, and change the exit code */
  bool is_outdated;  /* the frames will be dissected anew */
  int64_t packets;
  uint32_t frames; /* of the capture, with and without virtual packets; not counted for options */
  char *why;       /* it failed */
};

static void fail(export_t *export, char *why) {
  if (export->is_of_option) output_failed(export->path, why);
  if (export->why) {
    g_free(why);
  } else {
    export->why = why;
  }
}

static void close_dump(export_t *export) {
  char *why = NULL;
  if (export->dump && !dump_close(export->dump, &why)) fail(export, why);
  export->dump = NULL;
}

/* Nothing is lost before there is something new: tshark says that it will begin anew when it has read everything, and
 * Wireshark when a file is closed. */
static void begin_anew(export_t *export) {
  export->is_outdated = false;
  if (!export->dump || !export->packets) return;
  close_dump(export);
  export->packets = 0;
  if (!output_can_be_replaced(export->path) || export->why) return;
  char *why = NULL;
  if (output_is_open(export->path)) {
    fail(export, g_strdup("it is open now, and stays as it is"));
    return;
  }
  export->dump = dump_open(export->path, &why);
  if (!export->dump) fail(export, why);
}

static void export_reset(void *tapdata) {
  ((export_t *)tapdata)->is_outdated = true;
}

static bool is_wanted(const export_t *export, const tap_record_t *record) {
  if (record->event != TAP_PACKET) return false;
  return !export->ids || g_hash_table_contains(export->ids, GUINT_TO_POINTER(record->attempt->id));
}

static tap_packet_status export_frame(void *tapdata, packet_info *pinfo, epan_dissect_t *dissection _U_,
                                      const void *queued, tap_flags_t flags _U_) {
  export_t *export = (export_t *)tapdata;
  for (const tap_record_t *packet = ((const tap_frame_t *)queued)->first; packet; packet = packet->next) {
    if (!is_wanted(export, packet)) continue;
    if (export->is_outdated) begin_anew(export);
    if (!export->dump) return TAP_PACKET_DONT_REDRAW;
    char *why = NULL;
    if (!dump_packet(export->dump, pinfo, packet, &why)) {
      fail(export, why);
      close_dump(export);
      return TAP_PACKET_FAILED;
    }
    export->packets++;
  }
  return TAP_PACKET_REDRAW;
}

/* Wireshark draws at any time: also before it reads, and while it does. */
static void export_draw(void *tapdata) {
  export_t *export = (export_t *)tapdata;
  if (export->is_outdated && core_tracker()) begin_anew(export);
  char *why = NULL;
  if (!export->dump || dump_flush(export->dump, &why)) return;
  fail(export, why);
  close_dump(export);
}

static void export_free(export_t *export) {
  if (export->ids) g_hash_table_destroy(export->ids);
  g_free(export->why);
  g_free(export->path);
  g_free(export);
}

static void finish_option(void *tapdata) {
  export_t *export = (export_t *)tapdata;
  close_dump(export);
  export_free(export);
}

static export_t *export_new(const char *path, tap_finish_cb finish, char **why) {
  export_t *export = g_new0(export_t, 1);
  export->path = g_strdup(path);
  export->is_of_option = finish != NULL;
  export->dump = dump_open(path, why);
  if (export->dump) {
    GString *refusal = register_tap_listener("proxytunnel", export, NULL, TL_REQUIRES_NOTHING, export_reset,
                                             export_frame, export_draw, finish);
    if (!refusal) return export;
    *why = g_string_free(refusal, FALSE);
    char *ignored = NULL;
    dump_close(export->dump, &ignored);
    g_free(ignored);
  }
  export_free(export);
  return NULL;
}

bool export_until_end(const char *path, char **why) {
  return export_new(path, finish_option, why) != NULL;
}

static void frames_reset(void *tapdata) {
  *(uint32_t *)tapdata = 0;
}

static tap_packet_status frames_count(void *tapdata, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                      const void *queued _U_, tap_flags_t flags _U_) {
  ++*(uint32_t *)tapdata;
  return TAP_PACKET_DONT_REDRAW;
}

export_t *export_begin(const char *path, const uint32_t *ids, size_t count, char **why) {
  if (output_is_open(path)) {
    *why = g_strdup("it is open already: name another file");
    return NULL;
  }
  export_t *export = export_new(path, NULL, why);
  if (!export) return NULL;
  GString *refusal = register_tap_listener("frame", &export->frames, NULL, TL_REQUIRES_NOTHING, frames_reset,
                                           frames_count, NULL, NULL);
  if (refusal) g_string_free(refusal, TRUE); /* then it seems that none were */
  if (!count) return export;
  export->ids = g_hash_table_new(g_direct_hash, g_direct_equal);
  for (size_t i = 0; i < count; i++) g_hash_table_add(export->ids, GUINT_TO_POINTER(ids[i]));
  return export;
}

uint32_t export_frames(const export_t *export) {
  return export->frames;
}

int64_t export_end(export_t *export, char **why) {
  remove_tap_listener(&export->frames);
  remove_tap_listener(export);
  close_dump(export);
  *why = g_steal_pointer(&export->why);
  const int64_t packets = *why ? -1 : export->packets;
  export_free(export);
  return packets;
}
