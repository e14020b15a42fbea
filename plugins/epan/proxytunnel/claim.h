/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the dissector that is set on parent conversations.
 */
#ifndef PROXYTUNNEL_CLAIM_H
#define PROXYTUNNEL_CLAIM_H

#include "record.h"

void claim_handoff(int proto);
/* Both on the first pass. From this frame on the parent's payload is shown by us. */
void claim_conversation(packet_info *pinfo, const segment_t *segment, record_t *record);
/* A virtual conversation that begins as TLS is TLS, whatever its port; one of forwarded requests is HTTP; and one to a
 * port that was bound for FTP is FTP's. */
void claim_for_content(packet_info *pinfo, const segment_t *segment, const virtual_t *carrier);

#endif
