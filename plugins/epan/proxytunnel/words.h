/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: attempts and messages in the words of the field.
 */
#ifndef PROXYTUNNEL_WORDS_H
#define PROXYTUNNEL_WORDS_H

#include "record.h"

/* "SOCKS5 Connect www.example.com:443"; lives as long as the pool. */
const char *attempt_text(wmem_allocator_t *pool, const attempt_t *attempt);
/* "method: no authentication", "granted" */
const char *message_text(wmem_allocator_t *pool, const message_t *message);
extern const value_string socks5_method_words[];
bool is_request(const message_t *message);
bool is_reply(const message_t *message);

#endif
