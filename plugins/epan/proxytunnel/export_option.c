/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,export,FILE
 */
#include "export_option.h"

#include <epan/stat_tap_ui.h>

#include "export.h"
#include "output.h"
#include "window.h"

static ws_option_result_t export_option(const char *option, void *user _U_) {
  const char *path = output_of(option, "proxytunnel,export");
  if (!path) WS_OPTION_WRONG;
  char *why = NULL;
  if (!export_until_end(path, &why)) {
    output_failed(path, why);
    g_free(why);
    WS_OPTION_WRONG;
  }
  /* Wireshark obeys options when it has read the file. */
  if (window_frames()) window_dissect_again();
  WS_OPTION_TAKEN;
}

void export_option_handoff(void) {
  static stat_tap_ui ui = {.group = REGISTER_STAT_GROUP_GENERIC,
                           .title = "Virtual packets of proxy tunnels as a file",
                           .cli_string = "proxytunnel,export",
                           .tap_init_cb = export_option};
  register_stat_tap_ui(&ui, NULL);
}
