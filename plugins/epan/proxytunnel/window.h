/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Wireshark's window, and the library of ours: it is loaded when somebody asks for it, and never by tshark.
 */
#ifndef PROXYTUNNEL_WINDOW_H
#define PROXYTUNNEL_WINDOW_H

#include "window_host.h"

/* NULL if there is none; then `why` says what to do: free it with g_free(). */
const window_t *window_load(char **why);

/* How many frames Wireshark's window shows; 0 if there is no such window. */
uint32_t window_frames(void);
/* Has Wireshark dissect all of them once more, so that taps are told. */
void window_dissect_again(void);

#endif
