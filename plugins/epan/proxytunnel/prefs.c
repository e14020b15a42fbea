/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the preferences. They are read when a file is opened; Wireshark opens it anew when one of them changes.
 */
#include "prefs.h"

#include <epan/prefs.h>
#include <wsutil/report_message.h>

static const char default_synthetic4[] = "198.18.0.0/15", default_synthetic6[] = "fd70:726f:7879::/48";

#define PT_ROW(...) TRUE,
preferences_t proxytunnel_preferences = {
    .families = {PT_FAMILIES(PT_ROW)},
    .forward_without_proof = FALSE,
    .precedence = TRUE,
    .virtual_conversations = TRUE,
    .dns = TRUE,
    .credentials = FALSE,
    .layers = PT_LAYERS,
    .connections = 0,
    .hosts_files = "",
    .trust_forwarded = "",
    .synthetic4 = default_synthetic4,
    .synthetic6 = default_synthetic6,
};
#undef PT_ROW

static void check_prefix(const char *name, const char *prefix, unsigned version) {
  if (!prefix || !*prefix || pt_is_prefix(prefix, version)) return;
  report_failure("proxytunnel.%s: no IPv%u prefix with room for addresses; %s is used", name, version,
                 version == 4 ? default_synthetic4 : default_synthetic6);
}

static void check_trusted(const char *trusted) {
  if (!trusted || !*trusted || pt_is_address_list(trusted)) return;
  report_failure("proxytunnel.trust_forwarded: no comma list of addresses and networks; nobody is believed");
}

/* Called when they have changed. */
static void check(void) {
  preferences_t *const wanted = &proxytunnel_preferences;
  check_prefix("synthetic4", wanted->synthetic4, 4);
  check_prefix("synthetic6", wanted->synthetic6, 6);
  check_trusted(wanted->trust_forwarded);
  if (wanted->layers >= 1 && wanted->layers <= PT_LAYERS) return;
  report_failure("proxytunnel.layers: not from 1 to %u, so %u is used", (unsigned)PT_LAYERS, (unsigned)PT_LAYERS);
  wanted->layers = PT_LAYERS;
}

void preferences_register(int proto) {
  preferences_t *const wanted = &proxytunnel_preferences;
  module_t *module = prefs_register_protocol(proto, check);
  for (unsigned i = 0; i < PT_FAMILY_COUNT; i++) {
    const pt_family_row_t *family = pt_family((pt_family_t)i);
    const char *title = wmem_strdup_printf(wmem_epan_scope(), "Find %s", family->title);
    prefs_register_bool_preference(module, family->preference, title, family->hint, &wanted->families[i]);
  }
  prefs_register_bool_preference(module, "forward_without_proof", "An absolute URI alone makes a server a proxy",
                                 "A server may be sent absolute URIs, too. If off, a request in absolute form counts "
                                 "as forwarded only if something proves a proxy: another port or address than the "
                                 "server's, a Proxy-* field, DNS, a tunnel; if on, unless it is known to name the "
                                 "server",
                                 &wanted->forward_without_proof);
  prefs_register_string_preference(module, "trust_forwarded", "Believe Forwarded and X-Forwarded-For of",
                                   "Addresses and networks of reverse proxies and balancers, parted by commas: what "
                                   "their HTTP requests say of the client is believed, and each client gets a "
                                   "conversation with the server. Empty: nobody",
                                   &wanted->trust_forwarded);
  prefs_register_bool_preference(module, "precedence",
                                 "Take precedence over built-in dissectors on proxied connections",
                                 "If off, the dissectors for HTTP and SOCKS keep the ports that they know, and the "
                                 "bytes of a proxied connection are shown by them as well as in its virtual one",
                                 &wanted->precedence);
  prefs_register_bool_preference(module, "virtual_conversations", "Show virtual conversations",
                                 "Show what went through a tunnel as a conversation with the origin",
                                 &wanted->virtual_conversations);
  prefs_register_bool_preference(module, "dns", "Take addresses of origins from DNS answers in the capture",
                                 "If off, an origin that was asked for by name gets a synthetic address unless the "
                                 "proxy told the real one",
                                 &wanted->dns);
  prefs_register_string_preference(module, "hosts_files", "Take addresses of origins from hosts files",
                                   "Names of files with lines as in /etc/hosts, parted by commas; what the capture "
                                   "says of a name counts more",
                                   &wanted->hosts_files);
  prefs_register_string_preference(module, "synthetic4", "Synthetic IPv4 addresses",
                                   "The prefix from which addresses for names are taken", &wanted->synthetic4);
  prefs_register_string_preference(module, "synthetic6", "Synthetic IPv6 addresses",
                                   "The prefix from which addresses for names are taken", &wanted->synthetic6);
  prefs_register_uint_preference(module, "layers", "Longest chain of proxies",
                                 "Tunnels inside tunnels, 1 to 8 deep; those further in are reported, but not shown",
                                 10, &wanted->layers);
  prefs_register_uint_preference(module, "connections", "Connections followed at once",
                                 "The longest idle are forgotten first; 0: as many as pcap-unproxy follows", 10,
                                 &wanted->connections);
  prefs_register_bool_preference(module, "credentials", "Show passwords",
                                 "Show the passwords that were given to proxies", &wanted->credentials);
}
