/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the tunnels of the open file as rows of plain facts, for the window.
 */
#ifndef PROXYTUNNEL_TUNNELS_H
#define PROXYTUNNEL_TUNNELS_H

#include "record.h"
#include "window_host.h"

/* These three are those of window_host_t. */
void tunnels_each(tunnel_visitor_t *visit, void *context);
void tunnels_listen(void (*changed)(void *context), void *context);
char *tunnels_json(const uint32_t *ids, size_t count);

#endif
