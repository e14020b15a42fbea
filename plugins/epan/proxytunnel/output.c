/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the files that options name.
 */
#include "output.h"

#include <glib/gstdio.h>
#include <string.h>
#include <wsutil/report_message.h>

/* Captures are opened before options are obeyed. Where a system does not list its open files, none is found. */
static bool is_open(const char *path) {
  static const char open_files[] = "/dev/fd";
  GStatBuf wanted, other;
  if (g_stat(path, &wanted) || !S_ISREG(wanted.st_mode)) return false;
  GDir *folder = g_dir_open(open_files, 0, NULL);
  if (!folder) return false;
  bool found = false;
  for (const char *name = g_dir_read_name(folder); name && !found; name = g_dir_read_name(folder)) {
    char *file = g_build_filename(open_files, name, NULL);
    found = !g_stat(file, &other) && other.st_dev == wanted.st_dev && other.st_ino == wanted.st_ino;
    g_free(file);
  }
  g_dir_close(folder);
  return found;
}

const char *output_of(const char *option, const char *what) {
  const size_t size = strlen(what);
  if (strncmp(option, what, size) != 0 || option[size] != ',' || !option[size + 1]) {
    report_failure("proxytunnel: name a file: -z %s,FILE", what);
    return NULL;
  }
  const char *path = option + size + 1;
  if (strcmp(path, "-") != 0 && is_open(path)) {
    report_failure("proxytunnel: %s is open already: name another file", path);
    return NULL;
  }
  return path;
}
