/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Tools > Proxy Tunnel, in Wireshark's window. Programs without one have no menus.
 */
#include "menu.h"

#include <epan/epan_dissect.h>
#include <epan/plugin_if.h>
#include <wsutil/report_message.h>

#include "record.h"
#include "window.h"

/* ---------------------------------------------------------------- the window */

static const window_t *wanted_window(void) {
  char *why = NULL;
  const window_t *window = window_load(&why);
  if (!window) report_failure("%s", why);
  g_free(why);
  return window;
}

static void show_tunnels(ext_menubar_gui_type type _U_, gpointer gui _U_, gpointer user _U_) {
  const window_t *window = wanted_window();
  if (window) window->show_tunnels();
}

static void export_all(ext_menubar_gui_type type _U_, gpointer gui _U_, gpointer user _U_) {
  const window_t *window = wanted_window();
  if (window) window->export_all();
}

static void about(ext_menubar_gui_type type _U_, gpointer gui _U_, gpointer user _U_) {
  const window_t *window = wanted_window();
  if (window) window->about();
}

/* ---------------------------------------------------------------- the selected packet */

typedef struct {
  uint32_t frame; /* 0: none is selected */
  const attempt_t *attempt;
} selection_t;

/* Of a frame that shows several it is the innermost, which is drawn last. */
static void *take_selection(capture_file *file, void *result) {
  selection_t *selection = (selection_t *)result;
  if (!file->edt || !file->edt->tree || !file->current_frame) return NULL;
  selection->frame = file->current_frame->num;
  GPtrArray *ids = proto_find_finfo(file->edt->tree, proto_registrar_get_id_byname("proxytunnel.id"));
  for (guint i = 0; i < ids->len; i++) {
    field_info *info = (field_info *)g_ptr_array_index(ids, i);
    const attempt_t *attempt = attempt_of(fvalue_get_uinteger(WS_FIELD_VALUE(info)));
    if (attempt && (!selection->attempt || attempt->layer >= selection->attempt->layer)) selection->attempt = attempt;
  }
  g_ptr_array_free(ids, TRUE);
  return result;
}

static selection_t selected(void) {
  selection_t selection = {0};
  plugin_if_get_capture_file(take_selection, &selection);
  if (!selection.attempt) {
    report_warning("proxytunnel: %s", selection.frame ? "The selected packet belongs to no proxy tunnel."
                                                      : "Select a packet of a proxy tunnel first.");
  }
  return selection;
}

/* Where the tunnel was asked for, which is in its parent; from there, where the parent was. */
static void go_to_parent(ext_menubar_gui_type type _U_, gpointer gui _U_, gpointer user _U_) {
  const selection_t selection = selected();
  if (!selection.attempt) return;
  const attempt_t *attempt = selection.attempt;
  while (attempt && attempt->request_frame >= selection.frame) attempt = attempt_of(attempt->parent);
  if (attempt && attempt->request_frame) {
    plugin_if_goto_frame(attempt->request_frame);
  } else {
    report_warning("proxytunnel: The selected packet asks for the outermost tunnel: it has no parent.");
  }
}

static void go_to_virtual(ext_menubar_gui_type type _U_, gpointer gui _U_, gpointer user _U_) {
  const selection_t selection = selected();
  if (!selection.attempt) return;
  const attempt_t *attempt = selection.attempt;
  const uint32_t payload = payload_frame_of(attempt);
  const uint32_t frame = payload || !attempt->opened ? payload : attempt->opened_frame;
  if (frame) {
    plugin_if_goto_frame(frame);
  } else {
    report_warning("proxytunnel: No tunnel opened here (%s): there is no virtual conversation.",
                   pt_status_name(attempt->status));
  }
}

/* ---------------------------------------------------------------- the menu */

static const struct {
  const char *label, *hint;
  ext_menubar_action_cb callback;
} entries[] = {
    {"&Tunnels…", "The tunnels of this capture as a table", show_tunnels},
    {"&Export Virtual Conversations…", "A capture as if there had been no proxy", export_all},
    {NULL, NULL, NULL},
    {"Go to &Parent", "The request for the tunnel that the selected packet belongs to", go_to_parent},
    {"Go to &Virtual Conversation", "The first payload of that tunnel", go_to_virtual},
    {NULL, NULL, NULL},
    {"&About…", "", about},
};

void menu_register(int proto) {
  ext_menu_t *menu = ext_menubar_register_menu(proto, "&Proxy Tunnel", TRUE);
  ext_menubar_set_parentmenu(menu, "Tools");
  for (unsigned i = 0; i < array_length(entries); i++) {
    if (entries[i].label) {
      ext_menubar_add_entry(menu, entries[i].label, entries[i].hint, entries[i].callback, NULL);
    } else {
      ext_menubar_add_separator(menu);
    }
  }
}
