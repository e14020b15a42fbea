/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what taps of ours are told of a frame.
 */
#include "tap_queue.h"

#include <epan/proto_data.h>
#include <epan/tap.h>

#include "frame.h"

static int proto_proxytunnel = -1, tunnel_tap = -1;

/* The first one of a frame is queued, with all that come behind it: taps are called when the frame was dissected. */
static tap_record_t *add_record(packet_info *pinfo) {
  tap_record_t *record = wmem_new0(pinfo->pool, tap_record_t);
  tap_frame_t *frame = (tap_frame_t *)p_get_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_taps);
  if (frame) {
    frame->last->next = record;
  } else {
    frame = wmem_new0(pinfo->pool, tap_frame_t);
    frame->first = record;
    p_add_proto_data(pinfo->pool, pinfo, proto_proxytunnel, key_taps, frame);
    tap_queue_packet(tunnel_tap, pinfo, frame);
  }
  frame->last = record;
  return record;
}

static void take_address(const virtual_t *virtual, const uint8_t *bytes, tap_record_t *record) {
  const bool is_v4 = bytes[0] >> 4 == 4;
  const address_type type = is_v4 ? AT_IPv4 : AT_IPv6;
  const int size = is_v4 ? 4 : 16;
  const uint8_t *addresses = bytes + (is_v4 ? 12 : 8);
  set_address(&record->sender, type, size, addresses);
  set_address(&record->receiver, type, size, addresses + size);
  record->sender_port = get16(bytes + virtual->ip_size);
  record->receiver_port = get16(bytes + virtual->ip_size + 2);
}

tap_record_t *tap_queue_virtual(packet_info *pinfo, const virtual_t *virtual, tvbuff_t *packet) {
  if (!have_tap_listener(tunnel_tap)) return NULL;
  tap_record_t *record = add_record(pinfo);
  record->attempt = virtual->attempt;
  record->packet = virtual;
  record->opens = virtual->is_udp ? virtual->attempt->payload_frame == pinfo->num : virtual->kind == PT_SYN;
  record->captured = tvb_captured_length(packet);
  record->length = tvb_reported_length(packet);
  record->bytes = tvb_get_ptr(packet, 0, (int)record->captured);
  record->stream = UINT32_MAX;
  take_address(virtual, record->bytes, record);
  return record;
}

static void queue_attempts(packet_info *pinfo, tap_event_t event, attempt_t *const *attempts, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    tap_record_t *record = add_record(pinfo);
    record->event = event;
    record->attempt = attempts[i];
  }
}

void tap_queue_attempts(packet_info *pinfo, const record_t *record) {
  if (!have_tap_listener(tunnel_tap)) return;
  queue_attempts(pinfo, TAP_REQUESTED, record->requested, record->requested_count);
  queue_attempts(pinfo, TAP_OPENED, record->opened, record->opened_count);
  queue_attempts(pinfo, TAP_OVER, record->over, record->over_count);
}

pt_status_t tap_status(const tap_record_t *record) {
  if (record->event == TAP_REQUESTED) return pt_status_incomplete;
  return record->event == TAP_OVER ? record->attempt->status : pt_status_established;
}

void tap_queue_register(int proto) {
  proto_proxytunnel = proto;
  tunnel_tap = register_tap("proxytunnel");
}
