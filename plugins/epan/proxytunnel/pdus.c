/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the virtual packets as what Wireshark's own exports take: raw IP (File > Strip Headers), and PDUs whose
 * dissector is that of IP (File > Export PDUs to File). Each dialog offers its own kind only.
 */
#include "pdus.h"

#include <epan/exported_pdu.h>
#include <epan/tap.h>
#include <wiretap/wtap.h>

static int packet_tap = -1, pdu_tap = -1;

static void queue(packet_info *pinfo, int tap, exp_pdu_data_t *pdu, tvbuff_t *packet) {
  pdu->tvb_captured_length = tvb_captured_length(packet);
  pdu->tvb_reported_length = tvb_reported_length(packet);
  pdu->pdu_tvb = packet;
  tap_queue_packet(tap, pinfo, pdu);
}

void pdus_queue(packet_info *pinfo, tvbuff_t *packet) {
  if (have_tap_listener(packet_tap)) queue(pinfo, packet_tap, wmem_new0(pinfo->pool, exp_pdu_data_t), packet);
  if (have_tap_listener(pdu_tap)) {
    const exp_pdu_data_item_t *no_items[] = {NULL};
    const char *dissector = tvb_get_bits8(packet, 0, 4) == 4 ? "ip" : "ipv6";
    exp_pdu_data_t *pdu = export_pdu_create_tags(pinfo, dissector, EXP_PDU_TAG_DISSECTOR_NAME, no_items);
    queue(pinfo, pdu_tap, pdu, packet);
  }
}

void pdus_register(void) {
  packet_tap = register_export_pdu_tap_with_encap("Virtual conversations (proxytunnel)", WTAP_ENCAP_RAW_IP);
  pdu_tap = register_export_pdu_tap("Virtual conversations (proxytunnel, as PDUs)");
}
