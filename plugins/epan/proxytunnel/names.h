/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: names that come from elsewhere, and those of origins.
 */
#ifndef PROXYTUNNEL_NAMES_H
#define PROXYTUNNEL_NAMES_H

#include "record.h"

/* True if the target is a name that the origin's address can be shown with. */
bool names_its_origin(const attempt_t *attempt);
/* On the first pass, when a tunnel opened. */
void names_register(const attempt_t *attempt);
/* Tells the tracker what hosts files say; their names are parted by commas. */
void names_read_hosts(pt_tracker_t *tracker, const char *files);

#endif
