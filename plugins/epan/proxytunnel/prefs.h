/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the preferences.
 */
#ifndef PROXYTUNNEL_PREFS_H
#define PROXYTUNNEL_PREFS_H

#include "ws_compat.h"

typedef struct {
  ws_bool_t socks4, socks5, http_connect, http_forward, proxy_protocol, forward_without_proof;
  ws_bool_t precedence, virtual_conversations, dns, credentials;
  guint layers, connections;
  const char *synthetic4, *synthetic6, *hosts_files;
} preferences_t;

extern preferences_t proxytunnel_preferences;
void preferences_register(int proto);

#endif
