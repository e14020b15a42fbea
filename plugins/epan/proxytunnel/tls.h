/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: proxies inside TLS.
 */
#ifndef PROXYTUNNEL_TLS_H
#define PROXYTUNNEL_TLS_H

#include "current.h"

/* The TCP dissector has returned. If the segment closes its stream, that ends what was decrypted, too. */
void tls_end(current_t *own, packet_info *pinfo);
/* Shows the pieces of what was decrypted of one segment. */
void tls_show(wmem_list_t *pieces, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint8_t layer);
void tls_register(int proto);
void tls_handoff(void);

#endif
