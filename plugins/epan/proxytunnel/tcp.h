/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the shim in front of the TCP dissector.
 */
#ifndef PROXYTUNNEL_TCP_H
#define PROXYTUNNEL_TCP_H

#include "ws_compat.h"

void tcp_register(void);
void tcp_handoff(void);

#endif
