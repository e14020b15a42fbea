/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,decrypted,FILE
 */
#include "decrypted.h"

#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <wsutil/report_message.h>

#include "output.h"

static FILE *output;
static char *output_path;

void decrypted_write(const pt_chunk_t *chunk, pt_progress_t progress) {
  if (!output) return;
  uint8_t head[PT_CHUNK_HEAD];
  pt_chunk_encode(chunk, progress, head);
  const bool written = fwrite(head, sizeof head, 1, output) == 1 &&
                       (!chunk->payload_size || fwrite(chunk->payload, chunk->payload_size, 1, output) == 1);
  if (written) return;
  output_failed(output_path, g_strerror(errno));
  if (output != stdout) fclose(output);
  output = NULL;
}

static tap_packet_status see_nothing(void *tapdata _U_, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                     const void *queued _U_, tap_flags_t flags _U_) {
  return TAP_PACKET_DONT_REDRAW;
}

static void finish_output(void *tapdata _U_) {
  const bool failed = output && (output == stdout ? fflush(output) : fclose(output));
  output = NULL;
  if (failed) output_failed(output_path, g_strerror(errno));
}

static ws_option_result_t output_option(const char *option, void *user _U_) {
  const char *path = output_of(option, "proxytunnel,decrypted");
  if (!path) WS_OPTION_WRONG;
  FILE *file = output_is_stdout(path) ? stdout : g_fopen(path, "wb");
  if (!file || fputs(PT_CHUNK_MAGIC, file) < 0) {
    output_failed(path, g_strerror(errno));
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
  g_free(output_path);
  output_path = g_strdup(path);
  WS_OPTION_TAKEN;
}

void decrypted_handoff(void) {
  static stat_tap_ui ui = {.group = REGISTER_STAT_GROUP_GENERIC,
                           .title = "Decrypted streams of sessions with proxies inside TLS",
                           .cli_string = "proxytunnel,decrypted",
                           .tap_init_cb = output_option};
  register_stat_tap_ui(&ui, NULL);
}
