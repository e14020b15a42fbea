/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: a table of the tunnels, in Wireshark's Statistics menu and in tshark: a row for each attempt to open one,
 * and for each target of relayed datagrams.
 */
#include "table.h"

#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <inttypes.h>

#include "tap_queue.h"

enum { C_PROTOCOL, C_COMMAND, C_CLIENT, C_PROXY, C_TARGET, C_ORIGIN, C_STATUS, C_PACKETS, C_BYTES, C_COUNT };

static stat_tap_table_item columns[C_COUNT] = {
    [C_PROTOCOL] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Protocol", "%-14s"},
    [C_COMMAND] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Command", "%-13s"},
    [C_CLIENT] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Client", "%-21s"},
    [C_PROXY] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Proxy", "%-21s"},
    [C_TARGET] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Target", "%-32s"},
    [C_ORIGIN] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Origin", "%-21s"},
    [C_STATUS] = {TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Status", "%-12s"},
    [C_PACKETS] = {TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Packets", "%7u"},
    [C_BYTES] = {TABLE_ITEM_STRING, TAP_ALIGN_RIGHT, "Bytes", "%s"}, /* numbers are of 32 bits, or have decimals */
};

static stat_tap_table_item_type *cell(stat_tap_table *table, unsigned row, unsigned column) {
  return stat_tap_get_field_data(table, row, column);
}

/* What a cell owns: its text; and the first number of all, since there is no room elsewhere, the rows by attempt. */
static void **own_of(stat_tap_table *table, unsigned row, unsigned column) {
  return &cell(table, row, column)->user_data.ptr_value;
}
static GHashTable *rows_of(stat_tap_table *table) {
  return (GHashTable *)*own_of(table, 0, C_PACKETS);
}

static void set_text(stat_tap_table *table, unsigned row, unsigned column, const char *text) {
  char **own = (char **)own_of(table, row, column);
  if (!g_strcmp0(*own, text)) return;
  g_free(*own);
  *own = g_strdup(text);
  cell(table, row, column)->value.string_value = *own;
}

static void set_attempt(packet_info *pinfo, stat_tap_table *table, unsigned row, const attempt_t *attempt,
                        pt_status_t status) {
  const struct {
    unsigned column;
    const char *text;
  } texts[] = {
      {C_PROTOCOL, pt_protocol(attempt->protocol)->title},
      {C_COMMAND, pt_command(attempt->command)->title},
      {C_CLIENT, endpoint_text(pinfo->pool, &attempt->client)},
      {C_PROXY, endpoint_text(pinfo->pool, &attempt->proxy)},
      {C_TARGET, attempt->target},
      {C_ORIGIN, attempt->has_origin ? endpoint_text(pinfo->pool, &attempt->origin) : ""},
      {C_STATUS, pt_status_name(status)},
  };
  for (unsigned i = 0; i < array_length(texts); i++) set_text(table, row, texts[i].column, texts[i].text);
}

typedef struct {
  unsigned number;
  uint64_t bytes;
} row_t;

static row_t *row_of(stat_tap_table *table, const attempt_t *attempt) {
  row_t *known = table->num_elements ? (row_t *)g_hash_table_lookup(rows_of(table), attempt) : NULL;
  if (known) return known;
  row_t *row = g_new0(row_t, 1);
  row->number = table->num_elements;
  stat_tap_table_item_type fields[C_COUNT] = {{.type = TABLE_ITEM_NONE}};
  for (unsigned i = 0; i < C_COUNT; i++) fields[i].type = columns[i].type;
  stat_tap_init_table_row(table, row->number, C_COUNT, fields);
  if (!row->number) *own_of(table, 0, C_PACKETS) = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  g_hash_table_insert(rows_of(table), (void *)(uintptr_t)attempt, row);
  return row;
}

/* Sorted as a text it stands where the number would. */
static void set_bytes(packet_info *pinfo, stat_tap_table *table, const row_t *row) {
  set_text(table, row->number, C_BYTES, wmem_strdup_printf(pinfo->pool, "%13" PRIu64, row->bytes));
}

static tap_packet_status count(void *tapdata, packet_info *pinfo, epan_dissect_t *dissection _U_, const void *queued,
                               tap_flags_t flags _U_) {
  stat_tap_table_ui *ui = ((stat_data_t *)tapdata)->stat_tap_data;
  stat_tap_table *table = g_array_index(ui->tables, stat_tap_table *, 0);
  for (const tap_record_t *record = ((const tap_frame_t *)queued)->first; record; record = record->next) {
    const unsigned before = table->num_elements;
    row_t *row = row_of(table, record->attempt);
    const bool tells_more = record->event != TAP_PACKET || table->num_elements != before;
    if (tells_more) set_attempt(pinfo, table, row->number, record->attempt, tap_status(record));
    if (record->event == TAP_PACKET) {
      cell(table, row->number, C_PACKETS)->value.uint_value++;
      row->bytes += record->length;
    }
    set_bytes(pinfo, table, row);
  }
  return TAP_PACKET_REDRAW;
}

static void free_cell(stat_tap_table *table, unsigned row, unsigned column, stat_tap_table_item_type *field) {
  if (field->type == TABLE_ITEM_STRING) g_free(field->user_data.ptr_value);
  if (!row && column == C_PACKETS) g_hash_table_destroy(rows_of(table));
}

/* Without rows, since those of another reading need not be the same. */
static void empty(stat_tap_table *table) {
  for (unsigned row = 0; row < table->num_elements; row++) {
    for (unsigned column = 0; column < C_COUNT; column++) free_cell(table, row, column, cell(table, row, column));
    g_free(table->elements[row]);
  }
  table->num_elements = 0;
}

static void begin(stat_tap_table_ui *ui) {
  static const char title[] = "Tunnels";
  stat_tap_table *known = stat_tap_find_table(ui, title);
  if (known) {
    empty(known);
  } else {
    stat_tap_add_table(ui, stat_tap_init_table(title, C_COUNT, 0, NULL));
  }
}

void table_handoff(void) {
  static stat_tap_table_ui ui = {.group = REGISTER_PACKET_STAT_GROUP_UNSORTED,
                                 .title = "Proxy Tunnels",
                                 .tap_name = "proxytunnel",
                                 .cli_string = "proxytunnel,table",
                                 .stat_tap_init_cb = begin,
                                 .packet_func = count,
                                 .stat_tap_reset_table_cb = empty,
                                 .stat_tap_free_table_item_cb = free_cell,
                                 .nfields = C_COUNT,
                                 .fields = columns};
  register_stat_tap_table_ui(&ui);
}
