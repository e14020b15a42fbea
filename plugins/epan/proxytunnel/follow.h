/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: followers that tell parent and virtual conversations apart.
 */
#ifndef PROXYTUNNEL_FOLLOW_H
#define PROXYTUNNEL_FOLLOW_H

#include "ws_compat.h"

void follow_handoff(void);

#endif
