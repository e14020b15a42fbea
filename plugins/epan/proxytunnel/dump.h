/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: a capture file of virtual packets.
 */
#ifndef PROXYTUNNEL_DUMP_H
#define PROXYTUNNEL_DUMP_H

#include "tap_queue.h"

/* An open file: pcapng, raw IP, nanoseconds, source frame numbers, comments. Of the functions that can fail, `why` is
 * set if they do: free it with g_free(). */
typedef struct dump dump_t;

/* Replaces what the file holds; "-" is standard output. NULL if that cannot be done. */
dump_t *dump_open(const char *path, char **why);
/* `packet` is one of the frame of pinfo (TAP_PACKET). */
bool dump_packet(dump_t *dump, packet_info *pinfo, const tap_record_t *packet, char **why);
/* What was put in so far is a valid file then. */
bool dump_flush(dump_t *dump, char **why);
/* Writes the names of origins, which are known only now. The dump is gone, in any case. */
bool dump_close(dump_t *dump, char **why);

#endif
