/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: names that come from elsewhere (hosts files), and those of origins, which are put into Wireshark's table so
 * that addresses read as what the client asked for.
 */
#include "names.h"

#include <string.h>
#include <wsutil/report_message.h>

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

void names_read_hosts(pt_tracker_t *tracker, const char *files) {
  char **paths = g_strsplit(files ? files : "", ",", 0);
  for (char **path = paths; *path; path++) {
    if (!**path) continue;
    char *text = NULL;
    GError *error = NULL;
    if (!g_file_get_contents(*path, &text, NULL, &error)) {
      report_failure("proxytunnel: a hosts file cannot be read: %s", error->message);
      g_error_free(error);
      continue;
    }
    char **lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line; line++) pt_tracker_hosts_line(tracker, *line);
    g_strfreev(lines);
    g_free(text);
  }
  g_strfreev(paths);
}

/* The target of BIND is expected to connect, and that of a PROXY header is the proxy. */
bool names_its_origin(const attempt_t *attempt) {
  const bool is_elsewhere = attempt->provenance == pt_provenance_literal ||
                            attempt->provenance == pt_provenance_carrier || attempt->command == pt_command_bind;
  return attempt->has_origin && !is_elsewhere && is_name(attempt->host);
}

void names_register(const attempt_t *attempt) {
  if (!names_its_origin(attempt)) return;
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
