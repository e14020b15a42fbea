/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: puts the names of origins into Wireshark's table, so that addresses read as what the client asked for.
 */
#include "packet-proxytunnel.h"

#include <string.h>

/* Wireshark cuts longer names. */
enum { longest_name = 255 };

static bool is_name(const char *text) {
  const size_t size = strlen(text);
  if (!size || size > longest_name) return false;
  for (const char *at = text; *at; at++) {
    if (!g_ascii_isgraph(*at)) return false;
  }
  return true;
}

void names_register(const attempt_t *attempt) {
  if (!attempt->has_origin || !strcmp(attempt->provenance, "literal") || !is_name(attempt->host)) return;
  const uint8_t *octets = attempt->origin.address.octets;
  ws_in6_addr six = {{0}};
  if (attempt->origin.address.version == 4) {
    uint32_t four;
    memcpy(&four, octets, sizeof four);
    ws_add_ipv4_name(four, attempt->host);
    /* In a conversation of mixed families the address is shown as ::ffff:a.b.c.d. */
    six.bytes[10] = six.bytes[11] = 0xff;
    memcpy(six.bytes + 12, octets, sizeof four);
    if (attempt->client.address.version == 6) ws_add_ipv6_name(&six, attempt->host);
  } else {
    memcpy(six.bytes, octets, sizeof six.bytes);
    ws_add_ipv6_name(&six, attempt->host);
  }
}
