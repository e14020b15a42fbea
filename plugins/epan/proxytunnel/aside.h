/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what other dissectors keep of a frame makes way while a virtual packet is dissected, and comes back.
 */
#ifndef PROXYTUNNEL_ASIDE_H
#define PROXYTUNNEL_ASIDE_H

#include "record.h"

/* Dissectors keep what a later pass shall find by the frame alone (HTTP a request and its answer, TLS in 4.0 what it
 * decrypted), by the number of a layer, of which there are 256 (TCP the time since the packet before), or by how many
 * layers of their own there are. So each virtual packet has such a memory of its own, which stands in the place of the
 * frame's from enter to leave. Returns what aside_leave() wants. */
GSList *aside_enter(packet_info *pinfo, virtual_t *virtual);
void aside_leave(packet_info *pinfo, virtual_t *virtual, GSList *outer);

#endif
