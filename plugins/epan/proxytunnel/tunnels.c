/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the tunnels of the open file as rows of plain facts, for the window.
 */
#include "tunnels.h"

#include <epan/tap.h>
#include <string.h>
#include <wsutil/report_message.h>

#include "core.h"
#include "prefs.h"

/* ---------------------------------------------------------------- rows */

/* Of an association that is its flows' target, or how many they are. */
static const char *target_of(wmem_allocator_t *pool, const pt_attempt_t *attempt, unsigned flows) {
  if (flows > 1) return wmem_strdup_printf(pool, "%u targets", flows);
  if (!*attempt->host) return attempt->target_text;
  return wmem_strdup_printf(pool, strchr(attempt->host, ':') ? "[%s]:%u" : "%s:%u", attempt->host, attempt->port);
}

static const char *answer_of(wmem_allocator_t *pool, const pt_attempt_t *attempt) {
  const bool has_code = attempt->status != pt_status_established && attempt->reply_code >= 0;
  if (!has_code) return attempt->reason;
  return wmem_strdup_printf(pool, "%d%s%s", attempt->reply_code, *attempt->reason ? " " : "", attempt->reason);
}

static const char *anomalies_of(wmem_allocator_t *pool, const pt_attempt_t *attempt) {
  wmem_strbuf_t *text = wmem_strbuf_new(pool, "");
  for (size_t i = 0; i < attempt->anomalies_count; i++) {
    wmem_strbuf_append_printf(text, "%s%s", i ? ", " : "", attempt->anomalies[i]);
  }
  return wmem_strbuf_get_str(text);
}

static unsigned flows_of(uint32_t id) {
  unsigned flows = 0;
  while (flow_of(id, flows)) flows++;
  return flows;
}

/* What only the dissection knows: `attempt` is NULL if it was not told of it. */
static void add_frames(tunnel_row_t *row, const attempt_t *attempt) {
  row->parent_stream = attempt ? attempt->parent_stream : UINT32_MAX;
  row->stream = attempt ? attempt->stream : UINT32_MAX;
  row->opened_frame = attempt && attempt->opened ? attempt->opened_frame : 0;
  row->payload_frame = attempt ? payload_frame_of(attempt) : 0;
}

static void visit_attempt(const pt_attempt_t *attempt, tunnel_visitor_t *visit, void *context) {
  wmem_allocator_t *pool = wmem_allocator_new(WMEM_ALLOCATOR_SIMPLE);
  const unsigned flows = flows_of(attempt->id);
  const attempt_t *flow = flows == 1 ? flow_of(attempt->id, 0) : NULL;
  const bool has_origin = attempt->has_origin || (flow && flow->has_origin);
  const pt_endpoint_t *origin = attempt->has_origin || !flow ? &attempt->origin : &flow->origin;
  const pt_provenance_t provenance = attempt->has_origin || !flow ? attempt->provenance : flow->provenance;
  tunnel_row_t row = {
      .id = attempt->id,
      .parent = attempt->parent,
      .layer = attempt->layer,
      .protocol = pt_protocol(attempt->protocol)->title,
      .command = pt_command(attempt->command)->title,
      .client = endpoint_text(pool, &attempt->client),
      .proxy = endpoint_text(pool, &attempt->proxy),
      .target = target_of(pool, attempt, flows),
      .origin = has_origin ? endpoint_text(pool, origin) : "",
      .provenance = has_origin ? pt_provenance_name(provenance) : "",
      .status = pt_status_name(attempt->status),
      .answer = answer_of(pool, attempt),
      .username = attempt->username,
      .anomalies = anomalies_of(pool, attempt),
      .client_bytes = attempt->client_bytes,
      .server_bytes = attempt->server_bytes,
      .missing_bytes = attempt->client_missing + attempt->server_missing,
      .request_time = attempt->request_frame ? attempt->request_time : 0,
      .closed_time = attempt->closed_frame ? attempt->closed_time : 0,
      .request_frame = (uint32_t)attempt->request_frame,
      .is_udp = attempt->command == pt_command_udp_associate,
  };
  add_frames(&row, attempt_of(attempt->id));
  visit(context, &row);
  wmem_destroy_allocator(pool);
}

void tunnels_each(tunnel_visitor_t *visit, void *context) {
  if (!core_tracker()) return;
  pt_outcome_t *snapshot = pt_outcome_new();
  pt_tracker_snapshot(core_tracker(), snapshot);
  const size_t count = pt_outcome_event_count(snapshot);
  for (size_t i = 0; i < count; i++) {
    pt_event_t event;
    pt_outcome_event(snapshot, i, &event);
    visit_attempt(&event.attempt, visit, context);
  }
  pt_outcome_free(snapshot);
}

char *tunnels_json(const uint32_t *ids, size_t count) {
  pt_outcome_t *snapshot = pt_outcome_new();
  if (core_tracker()) pt_tracker_snapshot(core_tracker(), snapshot);
  char *text = pt_tunnels_json(snapshot, ids, count, proxytunnel_preferences.credentials);
  pt_outcome_free(snapshot);
  return text;
}

/* ---------------------------------------------------------------- changes */

static struct {
  void (*changed)(void *context);
  void *context;
} listener;

static tap_packet_status note_frame(void *tapdata _U_, packet_info *pinfo _U_, epan_dissect_t *dissection _U_,
                                    const void *queued _U_, tap_flags_t flags _U_) {
  return TAP_PACKET_REDRAW;
}

/* Also some time after a file was closed or begun: epan counts that as a reason to draw. */
static void tell_change(void *tapdata _U_) {
  if (listener.changed) listener.changed(listener.context);
}

static void forget_listener(void *tapdata _U_) {
  listener.changed = NULL;
}

void tunnels_listen(void (*changed)(void *context), void *context) {
  if (listener.changed) remove_tap_listener(&listener);
  listener.changed = changed;
  listener.context = context;
  if (!changed) return;
  GString *refusal = register_tap_listener("proxytunnel", &listener, NULL, TL_REQUIRES_NOTHING, NULL, note_frame,
                                           tell_change, forget_listener);
  if (!refusal) return;
  report_failure("proxytunnel: %s", refusal->str);
  g_string_free(refusal, TRUE);
  listener.changed = NULL;
}
