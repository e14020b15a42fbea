/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,export,FILE
 */
#ifndef PROXYTUNNEL_EXPORT_H
#define PROXYTUNNEL_EXPORT_H

#include "ws_compat.h"

void export_handoff(void);

#endif
