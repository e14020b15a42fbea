/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the preferences.
 */
#ifndef PROXYTUNNEL_PREFS_H
#define PROXYTUNNEL_PREFS_H

#include "capi/proxytunnel.h"
#include "ws_compat.h"

typedef struct {
  ws_bool_t families[PT_FAMILY_COUNT]; /* to be found */
  ws_bool_t forward_without_proof;
  ws_bool_t precedence, virtual_conversations, dns, credentials;
  guint layers, connections;
  const char *synthetic4, *synthetic6, *hosts_files, *trust_forwarded;
} preferences_t;

extern preferences_t proxytunnel_preferences;
void preferences_register(int proto);

#endif
