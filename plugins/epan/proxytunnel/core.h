/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the tracker of the open file.
 */
#ifndef PROXYTUNNEL_CORE_H
#define PROXYTUNNEL_CORE_H

#include "ws_compat.h"
#include "capi/proxytunnel.h"

/* NULL if no file is open, or if the protocol was off when it was. */
pt_tracker_t *core_tracker(void);
/* What it answered last. */
pt_outcome_t *core_outcome(void);
void core_register(int proto);

#endif
