/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: copies of what the core answered, in memory of the file.
 */
#ifndef PROXYTUNNEL_FREEZE_H
#define PROXYTUNNEL_FREEZE_H

#include "record.h"

/* On the first pass. NULL if there was nothing to keep. */
record_t *freeze_outcome(const pt_outcome_t *outcome, const segment_t *segment, const source_t *source,
                         const packet_info *pinfo);

#endif
