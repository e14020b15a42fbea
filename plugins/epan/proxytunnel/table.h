/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Statistics > Proxy Tunnels and -z proxytunnel,table[,FILTER]
 */
#ifndef PROXYTUNNEL_TABLE_H
#define PROXYTUNNEL_TABLE_H

#include "ws_compat.h"

void table_handoff(void);

#endif
