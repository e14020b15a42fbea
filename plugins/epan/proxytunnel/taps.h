/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: statistics.
 */
#ifndef PROXYTUNNEL_TAPS_H
#define PROXYTUNNEL_TAPS_H

#include "ws_compat.h"

void taps_register(int proto);
void taps_handoff(void);

#endif
