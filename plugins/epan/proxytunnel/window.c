/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Wireshark's window, and the library of ours: it is loaded when somebody asks for it, and never by tshark.
 */
#define _GNU_SOURCE /* dladdr, RTLD_DEFAULT */
#include "window.h"

#include <dlfcn.h>
#include <epan/plugin_if.h>
#include <unistd.h>

#include "export.h"
#include "tunnels.h"

/* ---------------------------------------------------------------- what the plugin does for it */

static void apply_filter(const char *filter) {
  plugin_if_apply_filter(filter, TRUE);
}

static void *begin_export(const char *path, const uint32_t *ids, size_t count, char **why) {
  return export_begin(path, ids, count, why);
}

static uint32_t count_export_frames(void *export_) {
  return export_frames((const export_t *)export_);
}

static int64_t end_export(void *export_, char **why) {
  return export_end((export_t *)export_, why);
}

static void *take_frames(capture_file *file, void *frames) {
  *(uint32_t *)frames = file->count;
  return frames;
}

uint32_t window_frames(void) {
  uint32_t frames = 0;
  plugin_if_get_capture_file(take_frames, &frames);
  return frames;
}

static void *take_filter(capture_file *file, void *filter) {
  *(char **)filter = g_strdup(file->dfilter ? file->dfilter : "");
  return filter;
}

/* Wireshark dissects for a filter with another text only. */
static void filter_again(void) {
  char *filter = NULL;
  plugin_if_get_capture_file(take_filter, &filter);
  if (!filter) return;
  char *same = *filter ? g_strdup_printf("(%s)", filter) : g_strdup("frame");
  apply_filter(same);
  apply_filter(filter);
  g_free(same);
  g_free(filter);
}

/* Texts of GLib and of the core are malloc's. */
static void free_text(char *text) {
  g_free(text);
}

static const window_host_t host = {
    .version = PROXYTUNNEL_WINDOW_VERSION,
    .program = "proxytunnel " PROXYTUNNEL_VERSION,
    .each_tunnel = tunnels_each,
    .listen = tunnels_listen,
    .json = tunnels_json,
    .free_text = free_text,
    .go_to_frame = plugin_if_goto_frame,
    .apply_filter = apply_filter,
    .tcp_follower = ws_tcp_follower,
    .export_begin = begin_export,
    .export_frames = count_export_frames,
    .export_end = end_export,
    .frames = window_frames,
    .filter_again = filter_again,
};

/* ---------------------------------------------------------------- the library */

/* The plugin is in .../epan; what lies there is a plugin, too. */
static char *library_path(void) {
  Dl_info own;
  if (!dladdr(&host, &own) || !own.dli_fname) return NULL;
  char *folder = g_path_get_dirname(own.dli_fname);
  char *plugins = g_path_get_dirname(folder);
  char *path = g_build_filename(plugins, "proxytunnel", PROXYTUNNEL_WINDOW_LIBRARY, NULL);
  g_free(plugins);
  g_free(folder);
  return path;
}

/* Qt's major release in this process; 0: it has none. Two of them would not get on. */
static int qt_here(void) {
  union {
    void *symbol;
    const char *(*version)(void);
  } qt = {dlsym(RTLD_DEFAULT, "qVersion")};
  return qt.symbol ? atoi(qt.version()) : 0;
}

static const window_t *open_library(const char *path, char **why) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    *why = g_strdup_printf(
        "The library of the window cannot be loaded: install what it needs, or build and install "
        "proxytunnel again.\n\n%s",
        dlerror());
    return NULL;
  }
  union {
    void *symbol;
    window_open_t *open;
  } entry = {dlsym(library, PROXYTUNNEL_WINDOW_SYMBOL)};
  const window_t *window = entry.symbol ? entry.open(&host) : NULL;
  if (window && window->version == PROXYTUNNEL_WINDOW_VERSION) return window;
  *why = g_strdup_printf("%s is not of this release of proxytunnel (" PROXYTUNNEL_VERSION
                         "): install both together, and start Wireshark again.",
                         path);
  return NULL;
}

const window_t *window_load(char **why) {
  static const window_t *loaded;
  if (loaded) return loaded;
  char *path = library_path();
  const int qt = qt_here();
  if (!path || access(path, R_OK)) {
    *why = g_strdup_printf(
        "The window of proxytunnel is not installed: %s is not there. It is built where the headers "
        "of Qt %d are (Debian: %s): install them, then build and install proxytunnel again.",
        path ? path : PROXYTUNNEL_WINDOW_LIBRARY, qt, qt == 5 ? "qtbase5-dev" : "qt6-base-dev");
  } else if (PROXYTUNNEL_WINDOW_QT && qt != PROXYTUNNEL_WINDOW_QT) {
    *why = g_strdup_printf(
        "The window of proxytunnel was built with Qt %d, and this Wireshark uses Qt %d: build it "
        "with -DPROXYTUNNEL_WINDOW_QT=%d, and install it again.",
        PROXYTUNNEL_WINDOW_QT, qt, qt);
  } else {
    loaded = open_library(path, why);
  }
  g_free(path);
  return loaded;
}

void window_dissect_again(void) {
  char *why = NULL;
  const window_t *window = window_load(&why);
  g_free(why);
  if (!window || !window->dissect_again()) filter_again();
}
