/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what other dissectors keep of a frame makes way while a virtual packet is dissected, and comes back.
 */
#ifndef PROXYTUNNEL_ASIDE_H
#define PROXYTUNNEL_ASIDE_H

#include "ws_compat.h"

/* HTTP keeps one request and its answer of each frame: the parent's answer would be drawn as that to a request in the
 * tunnel. Returns what aside_leave() wants. `position`: of the virtual packet in the frame. */
void *aside_enter(packet_info *pinfo, unsigned position);
void aside_leave(packet_info *pinfo, unsigned position, void *parents);
void aside_handoff(int proto);

#endif
