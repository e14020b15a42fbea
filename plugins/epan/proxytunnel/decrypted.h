/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: -z proxytunnel,decrypted,FILE: every piece of a decrypted stream goes there, too (docs/decisions/0008,
 * 0012).
 */
#ifndef PROXYTUNNEL_DECRYPTED_H
#define PROXYTUNNEL_DECRYPTED_H

#include "ws_compat.h"
#include "capi/proxytunnel.h"

/* Nothing happens unless the file was asked for. */
void decrypted_write(const pt_chunk_t *chunk, pt_progress_t progress);
void decrypted_handoff(void);

#endif
