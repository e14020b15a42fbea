/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the files that options name: -z proxytunnel,WHAT,FILE
 */
#ifndef PROXYTUNNEL_OUTPUT_H
#define PROXYTUNNEL_OUTPUT_H

#include "ws_compat.h"

/* The file in `option`, which begins with `what` ("proxytunnel,export"); "-" is standard output. NULL, and the user was
 * told why, if there is none, or if it is a file that is open: that is the capture, or what another option writes. */
const char *output_of(const char *option, const char *what);

#endif
