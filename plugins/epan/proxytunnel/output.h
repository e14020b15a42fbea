/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the files that options name.
 */
#ifndef PROXYTUNNEL_OUTPUT_H
#define PROXYTUNNEL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* The file that an option ("proxytunnel,export,FILE") names behind `what` ("proxytunnel,export"); "-" is standard
 * output. NULL, and a message, if it names none, or one that is open already: the capture, or another output. */
const char *output_of(const char *option, const char *what);
/* False, and a message, if the option has more to say than `what`. */
bool output_takes_nothing_else(const char *option, const char *what);
bool output_is_stdout(const char *path);
/* What a table on standard output may be wide: COLUMNS where that is set, else what the terminal has; 0, no limit,
 * where it is no terminal. */
size_t output_width(void);
/* A regular file that this program has open: the capture, or an output. */
bool output_is_open(const char *path);
/* Whether what was written there can be written again: not what went into a pipe. */
bool output_can_be_replaced(const char *path);
/* Replaces what the file holds. False, and output_failed(), if that cannot be done. */
bool output_write(const char *path, const char *text);
/* A message, and the program's exit code is 2 in the end: whatever else it does is done first. */
void output_failed(const char *path, const char *why);

#endif
