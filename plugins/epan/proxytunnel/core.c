/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the tracker of the open file.
 */
#include "core.h"

#include <unistd.h>

#include "names.h"
#include "prefs.h"

static protocol_t *protocol;
static pt_tracker_t *tracker;
static pt_outcome_t *outcome;

pt_tracker_t *core_tracker(void) {
  return tracker;
}
pt_outcome_t *core_outcome(void) {
  return outcome;
}
static bool heuristic_is_on(const char *name) {
  const heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name(name);
  return !entry || entry->enabled;
}

static uint32_t disabled_families(const preferences_t *wanted) {
  uint32_t disabled = 0;
  for (unsigned i = 0; i < PT_FAMILY_COUNT; i++) {
    if (!wanted->families[i] || !heuristic_is_on(pt_family((pt_family_t)i)->heuristic)) disabled |= 1u << i;
  }
  return disabled;
}

/* The system's randomness; where there is none, GLib's best. */
static void draw_randomly(uint8_t *bytes, size_t size) {
  if (!getentropy(bytes, size)) return;
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)g_random_int();
}

/* Whoever turns the protocol on or off has the file dissected anew, and so opened. */
static void open_file(void) {
  if (!proto_is_protocol_enabled(protocol)) return;
  const preferences_t *wanted = &proxytunnel_preferences;
  pt_options_t options = {
      .disabled = disabled_families(wanted),
      .forward_without_proof = wanted->forward_without_proof,
      .trusted = wanted->trust_forwarded,
      .ignore_dns = !wanted->dns,
      .layers = wanted->layers,
      .connections = wanted->connections,
      .synthetic4 = wanted->synthetic4 && *wanted->synthetic4 ? wanted->synthetic4 : NULL,
      .synthetic6 = wanted->synthetic6 && *wanted->synthetic6 ? wanted->synthetic6 : NULL,
  };
  draw_randomly(options.hash_key, sizeof options.hash_key);
  tracker = pt_tracker_new(&options);
  names_read_hosts(tracker, wanted->hosts_files);
  outcome = pt_outcome_new();
}

static void close_file(void) {
  pt_tracker_free(tracker);
  pt_outcome_free(outcome);
  tracker = NULL;
  outcome = NULL;
}

void core_register(int proto) {
  protocol = find_protocol_by_id(proto);
  register_init_routine(open_file);
  register_cleanup_routine(close_file);
}
