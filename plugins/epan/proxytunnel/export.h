/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the virtual packets of frames as they are dissected, into a file.
 */
#ifndef PROXYTUNNEL_EXPORT_H
#define PROXYTUNNEL_EXPORT_H

#include "ws_compat.h"

/* A file into which the virtual packets are written as their frames are dissected, however often: whenever that begins
 * anew, so does the file. */
typedef struct export export_t;

/* Of the tunnels with these ids (copied), or of all if there are none. NULL, and `why` (free with g_free()), if the
 * file cannot be written. */
export_t *export_begin(const char *path, const uint32_t *ids, size_t count, char **why);
/* How many frames of the open file were dissected since it began, or began anew. */
uint32_t export_frames(const export_t *export);
/* The file is complete, with the names of origins, and the export is gone. How many packets it has; or -1, and `why`,
 * if something could not be written. */
int64_t export_end(export_t *export, char **why);

/* Of all tunnels until the program ends; what fails later is told, and changes the exit code (output.h). */
bool export_until_end(const char *path, char **why);

#endif
