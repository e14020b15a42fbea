/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,export,FILE
 */
#ifndef PROXYTUNNEL_EXPORT_OPTION_H
#define PROXYTUNNEL_EXPORT_OPTION_H

#include "ws_compat.h"

void export_option_handoff(void);

#endif
