/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the shim in front of the UDP dissector.
 */
#ifndef PROXYTUNNEL_UDP_H
#define PROXYTUNNEL_UDP_H

#include "ws_compat.h"

void udp_register(int proto);
void udp_handoff(void);

#endif
