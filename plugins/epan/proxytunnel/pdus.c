/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the virtual packets as what Wireshark calls PDUs: a capture of raw IP, written by its own export.
 */
#include "pdus.h"

#include <epan/exported_pdu.h>
#include <epan/tap.h>
#include <wiretap/wtap.h>

static int pdu_tap = -1;

void pdus_queue(packet_info *pinfo, tvbuff_t *packet) {
  if (!have_tap_listener(pdu_tap)) return;
  exp_pdu_data_t *pdu = wmem_new0(pinfo->pool, exp_pdu_data_t);
  pdu->tvb_captured_length = tvb_captured_length(packet);
  pdu->tvb_reported_length = tvb_reported_length(packet);
  pdu->pdu_tvb = packet;
  tap_queue_packet(pdu_tap, pinfo, pdu);
}

void pdus_register(void) {
  pdu_tap = register_export_pdu_tap_with_encap("Virtual conversations (proxytunnel)", WTAP_ENCAP_RAW_IP);
}
