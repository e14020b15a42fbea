/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the frames that a virtual packet depends on, so that what is saved of a capture ("Displayed packets", -Y
 * with -w in two passes) brings the handshake along and can be opened again.
 */
#ifndef PROXYTUNNEL_DEPEND_H
#define PROXYTUNNEL_DEPEND_H

#include "record.h"

/* On the first pass, when TCP has returned: remembers frames in which a connection opens or says who is asked for.
 * `record` may be NULL: then it is not decided whether the connection is a proxy's. */
void depend_note(packet_info *pinfo, const segment_t *segment, const record_t *record);
/* In each pass: the frame depends on those of the tunnel whose packet it shows. */
void depend_mark(packet_info *pinfo, const virtual_t *packet);
void depend_register(void);

#endif
