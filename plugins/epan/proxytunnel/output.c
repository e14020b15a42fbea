/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the files that options name.
 */
#include "output.h"

#include <string.h>
#include <sys/stat.h>
#include <wsutil/report_message.h>

/* Captures are opened before options are obeyed. */
static bool is_open(const char *path) {
  enum { most = 1024 }; /* the capture has one of the first numbers */
  struct stat wanted, other;
  if (stat(path, &wanted) || !S_ISREG(wanted.st_mode)) return false;
  for (int file = 0; file < most; file++) {
    if (!fstat(file, &other) && other.st_dev == wanted.st_dev && other.st_ino == wanted.st_ino) return true;
  }
  return false;
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
