/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the files that options name.
 */
#include "output.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wsutil/report_message.h>

/* Captures are opened before options are obeyed. */
bool output_is_open(const char *path) {
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
  if (!output_is_stdout(path) && output_is_open(path)) {
    report_failure("proxytunnel: %s is open already: name another file", path);
    return NULL;
  }
  return path;
}

bool output_takes_nothing_else(const char *option, const char *what) {
  if (!strcmp(option, what)) return true;
  report_failure("proxytunnel: -z %s has no filter or other argument", what);
  return false;
}

bool output_is_stdout(const char *path) {
  return !strcmp(path, "-");
}

size_t output_width(void) {
  struct winsize size = {0};
  if (!isatty(STDOUT_FILENO)) return 0;
  const char *set = getenv("COLUMNS");
  const long width = set ? strtol(set, NULL, 10) : 0;
  if (width > 0) return (size_t)width;
  return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* A tap cannot tell the program that it failed. */
static void exit_with_failure(void) {
  enum { failure = 2 };
  fflush(NULL);
  _exit(failure);
}

void output_failed(const char *path, const char *why) {
  static bool is_told;
  report_failure("proxytunnel: %s cannot be written: %s", output_is_stdout(path) ? "standard output" : path, why);
  if (!is_told) is_told = !atexit(exit_with_failure);
}

static bool write_stream(FILE *file, const char *text) {
  return fputs(text, file) >= 0 && !fflush(file);
}

bool output_can_be_replaced(const char *path) {
  struct stat there;
  return !output_is_stdout(path) && (stat(path, &there) || S_ISREG(there.st_mode));
}

/* A device or a pipe stays what it is; a file is replaced when its text is complete. */
bool output_write(const char *path, const char *text) {
  if (output_can_be_replaced(path)) {
    GError *error = NULL;
    if (g_file_set_contents(path, text, -1, &error)) return true;
    output_failed(path, error->message);
    g_error_free(error);
    return false;
  }
  FILE *file = output_is_stdout(path) ? stdout : g_fopen(path, "wb");
  bool written = file && write_stream(file, text);
  const int error = errno;
  if (file && file != stdout) written = !fclose(file) && written;
  if (!written) output_failed(path, g_strerror(error));
  return written;
}
