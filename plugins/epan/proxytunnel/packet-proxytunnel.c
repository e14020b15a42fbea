/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the plugin's entry: what Wireshark looks for in the library, and the protocol.
 */
#include <ws_symbol_export.h>

#include "claim.h"
#include "core.h"
#include "decrypted.h"
#include "depend.h"
#include "export_option.h"
#include "fields.h"
#include "follow.h"
#include "place.h"
#include "menu.h"
#include "pdus.h"
#include "prefs.h"
#include "record.h"
#include "shim.h"
#include "shown.h"
#include "table.h"
#include "tap_queue.h"
#include "taps.h"
#include "tcp.h"
#include "tls.h"
#include "tree.h"
#include "udp.h"
#include "virtual.h"

WS_DLL_PUBLIC_DEF const char plugin_version[] = PROXYTUNNEL_VERSION;
WS_DLL_PUBLIC_DEF const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
WS_DLL_PUBLIC_DEF const int plugin_want_minor = WIRESHARK_VERSION_MINOR;
WS_DLL_PUBLIC void plugin_register(void);
#if WS_HAS_PLUGIN_DESCRIBE
WS_DLL_PUBLIC uint32_t plugin_describe(void);
#endif

static int proto_proxytunnel = -1;

static void register_protocol(void) {
  proto_proxytunnel = proto_register_protocol("Proxy Tunnel", "ProxyTunnel", "proxytunnel");
  core_register(proto_proxytunnel);
  record_register();
  depend_register();
  fields_register(proto_proxytunnel);
  tree_register(proto_proxytunnel);
  preferences_register(proto_proxytunnel);
  shown_register(proto_proxytunnel);
  tap_queue_register(proto_proxytunnel);
  taps_register(proto_proxytunnel);
  pdus_register();
  shim_register(proto_proxytunnel);
  tcp_register();
  udp_register(proto_proxytunnel);
  tls_register(proto_proxytunnel);
  menu_register(proto_proxytunnel);
}

static void hand_off(void) {
  claim_handoff(proto_proxytunnel);
  place_handoff();
  tcp_handoff();
  udp_handoff();
  tls_handoff();
  virtual_handoff(proto_proxytunnel);
  shown_handoff();
  follow_handoff();
  taps_handoff();
  table_handoff();
  export_option_handoff();
  decrypted_handoff();
}

void plugin_register(void) {
  static proto_plugin plugin = {.register_protoinfo = register_protocol, .register_handoff = hand_off};
  proto_register_plugin(&plugin);
}

#if WS_HAS_PLUGIN_DESCRIBE
uint32_t plugin_describe(void) {
  return WS_PLUGIN_DESC_DISSECTOR;
}
#endif
