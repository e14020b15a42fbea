/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: File > Export PDUs to File, File > Strip Headers, and tshark -U: virtual conversations
 */
#ifndef PROXYTUNNEL_PDUS_H
#define PROXYTUNNEL_PDUS_H

#include "ws_compat.h"

/* A virtual packet, whole: an IP packet. */
void pdus_queue(packet_info *pinfo, tvbuff_t *packet);
void pdus_register(void);

#endif
