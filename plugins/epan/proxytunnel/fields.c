/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the fields and expert items of the plugin, one table row each, and how they get into a tree.
 */
#include "fields.h"

#include <epan/expert.h>
#include <string.h>

#include "words.h"

/* ---------------------------------------------------------------- the tables */

typedef struct {
  const char *title, *name;
  enum ftenum type;
  const char *help;
} field_row_t;

static const field_row_t rows[F_COUNT] = {
    [F_PROTOCOL] = {"Protocol", "proxytunnel.protocol", FT_STRING, "Proxy protocol"},
    [F_COMMAND] = {"Command", "proxytunnel.command", FT_STRING, "What the client asked the proxy to do"},
    [F_STATUS] = {"Status", "proxytunnel.status", FT_STRING, "What became of the attempt to open a tunnel"},
    [F_REPLY_CODE] = {"Reply code", "proxytunnel.reply_code", FT_INT32,
                      "The proxy's answer to the request, as a number"},
    [F_REASON] = {"Reason", "proxytunnel.reason", FT_STRING, "Reason phrase of the proxy's answer"},
    [F_METHOD] = {"Method", "proxytunnel.method", FT_UINT8, "Authentication method of SOCKS5, offered or selected"},
    [F_METHOD_SELECTED] = {"Selected method", "proxytunnel.method.selected", FT_UINT8,
                           "Authentication method that the proxy took"},
    [F_LOGIN_STATUS] = {"Login status", "proxytunnel.login_status", FT_UINT8,
                        "Answer to a user name and password; 0: accepted"},
    [F_TARGET] = {"Target", "proxytunnel.target", FT_STRING, "Host and port that the client asked for"},
    [F_TARGET_HOST] = {"Target host", "proxytunnel.target.host", FT_STRING, "Host that the client asked for"},
    [F_TARGET_PORT] = {"Target port", "proxytunnel.target.port", FT_UINT16, "Port that the client asked for"},
    [F_ORIGIN_IP] = {"Origin address", "proxytunnel.origin.ip", FT_IPv4, "Address given to the target"},
    [F_ORIGIN_IPV6] = {"Origin address", "proxytunnel.origin.ipv6", FT_IPv6, "Address given to the target"},
    [F_ORIGIN_PORT] = {"Origin port", "proxytunnel.origin.port", FT_UINT16, "Port of the origin"},
    [F_ORIGIN_PROVENANCE] = {"Origin address known by", "proxytunnel.origin.provenance", FT_STRING,
                             "What the address rests on"},
    [F_CLIENT_IP] = {"Client address", "proxytunnel.client.ip", FT_IPv4, "Address of the client"},
    [F_CLIENT_IPV6] = {"Client address", "proxytunnel.client.ipv6", FT_IPv6, "Address of the client"},
    [F_CLIENT_PORT] = {"Client port", "proxytunnel.client.port", FT_UINT16, "Port of the client"},
    [F_PROXY_IP] = {"Proxy address", "proxytunnel.proxy.ip", FT_IPv4, "Address of the proxy"},
    [F_PROXY_IPV6] = {"Proxy address", "proxytunnel.proxy.ipv6", FT_IPv6, "Address of the proxy"},
    [F_PROXY_PORT] = {"Proxy port", "proxytunnel.proxy.port", FT_UINT16, "Port of the proxy"},
    [F_BOUND] = {"Bound address and port", "proxytunnel.bound", FT_STRING, "Address and port in the proxy's answer"},
    [F_BOUND_IP] = {"Bound address", "proxytunnel.bound.ip", FT_IPv4, "Address in the proxy's answer"},
    [F_BOUND_IPV6] = {"Bound address", "proxytunnel.bound.ipv6", FT_IPv6, "Address in the proxy's answer"},
    [F_BOUND_PORT] = {"Bound port", "proxytunnel.bound.port", FT_UINT16, "Port in the proxy's answer"},
    [F_PEER] = {"Peer", "proxytunnel.peer", FT_STRING, "Who connected to the address that the proxy bound (BIND)"},
    [F_REAL_CLIENT] = {"Real client", "proxytunnel.client", FT_STRING, "Client that a PROXY header names"},
    [F_VIRTUAL_CLIENT] = {"Virtual client", "proxytunnel.virtual_client", FT_STRING,
                          "Stands for the client, whose own port another conversation uses: a synthetic port"},
    [F_USERNAME] = {"User name", "proxytunnel.username", FT_STRING, "User name given to the proxy"},
    [F_PASSWORD] = {"Password", "proxytunnel.password", FT_STRING, "Shown only if the preferences say so"},
    [F_ID] = {"Tunnel", "proxytunnel.id", FT_UINT32, "Number of the attempt, as in the report"},
    [F_LAYER] = {"Proxies outside this one", "proxytunnel.layer", FT_UINT32,
                 "In a chain of proxies: 0 is the outermost"},
    [F_PARENT_STREAM] = {"Stream to the proxy", "proxytunnel.parent_stream", FT_UINT32,
                         "tcp.stream of the connection that carries the tunnel"},
    [F_STREAM] = {"Stream to the origin", "proxytunnel.stream", FT_UINT32, "tcp.stream of the virtual conversation"},
    [F_REQUEST_IN] = {"Request in frame", "proxytunnel.request_in", FT_FRAMENUM, "The request ends in this frame"},
    [F_REPLY_IN] = {"Reply in frame", "proxytunnel.reply_in", FT_FRAMENUM, "The proxy's answer ends in this frame"},
    [F_OPENED_IN] = {"Opened in frame", "proxytunnel.opened_in", FT_FRAMENUM, "The tunnel opened in this frame"},
    [F_PAYLOAD_IN] = {"First payload in frame", "proxytunnel.payload_in", FT_FRAMENUM,
                      "The first payload is shown in this frame"},
    [F_CARRIED_IN] = {"Captured in frame", "proxytunnel.carried_in", FT_FRAMENUM,
                      "These bytes came in an earlier frame"},
    [F_UNDERSTOOD_IN] = {"Understood in frame", "proxytunnel.understood_in", FT_FRAMENUM,
                         "Only this frame showed what the message means"},
    [F_CONNECT_TIME] = {"Time from request to reply", "proxytunnel.connect_time", FT_RELATIVE_TIME,
                        "How long the proxy took to answer"},
    [F_VIRTUAL] = {"Virtual", "proxytunnel.virtual", FT_BOOLEAN,
                   "This packet was not on the wire: it shows the tunnel's payload as if there were no proxy"},
    [F_FRAGMENT] = {"Fragment", "proxytunnel.fragment", FT_UINT8, "Position of a fragment of a relayed datagram"},
    [F_ANOMALY] = {"Anomaly", "proxytunnel.anomaly", FT_STRING, "Something about this tunnel is unusual"},
};

static const struct {
  const char *name;
  int group, severity;
  const char *text;
} expert_rows[E_COUNT] = {
    [E_REFUSED] = {"proxytunnel.refused", PI_RESPONSE_CODE, PI_NOTE, "The proxy opened no tunnel"},
    [E_CREDENTIALS] = {"proxytunnel.credentials", PI_SECURITY, PI_WARN, "Credentials in clear text"},
    [E_MALFORMED] = {"proxytunnel.handshake_malformed", PI_PROTOCOL, PI_WARN, "The handshake breaks its protocol"},
    [E_INCOMPLETE] = {"proxytunnel.incomplete", PI_SEQUENCE, PI_NOTE, "The handshake did not come to its end"},
    [E_SYNTHETIC] = {"proxytunnel.synthetic", PI_ASSUMPTION, PI_NOTE, "The address of an origin is synthetic"},
    [E_UNUSUAL] = {"proxytunnel.unusual", PI_PROTOCOL, PI_NOTE, "Unusual tunnel"},
};

static int proto_proxytunnel = -1;
static int ids[F_COUNT], subtrees[T_COUNT];
static expert_field experts[E_COUNT];

/* ---------------------------------------------------------------- items */

static proto_item *mark(const spot_t *spot, proto_item *item) {
  if (!spot->size) proto_item_set_generated(item);
  return item;
}

int fields_subtree(subtree_t kind) {
  return subtrees[kind];
}

proto_item *fields_begin(proto_tree *tree, subtree_t kind, const spot_t *spot, const char *text, proto_tree **own) {
  proto_item *item = proto_tree_add_protocol_format(tree, proto_proxytunnel, spot->tvb, (int)spot->offset,
                                                    (int)spot->size, "Proxy Tunnel, %s", text);
  *own = proto_item_add_subtree(item, subtrees[kind]);
  return item;
}

proto_item *fields_text(proto_tree *tree, field_t field, const spot_t *spot, const char *text) {
  if (!*text) return NULL;
  return mark(spot, proto_tree_add_string(tree, ids[field], spot->tvb, (int)spot->offset, (int)spot->size, text));
}

proto_item *fields_number(proto_tree *tree, field_t field, const spot_t *spot, uint32_t number) {
  const int id = ids[field], offset = (int)spot->offset, size = (int)spot->size;
  switch (rows[field].type) {
    case FT_BOOLEAN:
      return mark(spot, proto_tree_add_boolean(tree, id, spot->tvb, offset, size, number));
    case FT_INT32:
      return mark(spot, proto_tree_add_int(tree, id, spot->tvb, offset, size, (int32_t)number));
    default:
      return mark(spot, proto_tree_add_uint(tree, id, spot->tvb, offset, size, number));
  }
}

void fields_frame(proto_tree *tree, field_t field, const spot_t *spot, const packet_info *pinfo, uint32_t frame) {
  const spot_t nowhere = {.tvb = spot->tvb};
  if (frame && frame != pinfo->num) fields_number(tree, field, &nowhere, frame);
}

proto_item *fields_address(proto_tree *tree, field_t field, const spot_t *spot, const pt_endpoint_t *end) {
  const int offset = (int)spot->offset, size = (int)spot->size;
  if (end->address.version == 4) {
    uint32_t value;
    memcpy(&value, end->address.octets, sizeof value);
    return mark(spot, proto_tree_add_ipv4(tree, ids[field], spot->tvb, offset, size, value));
  }
  ws_in6_addr value;
  memcpy(value.bytes, end->address.octets, sizeof value.bytes);
  return mark(spot, proto_tree_add_ipv6(tree, ids[field + 1], spot->tvb, offset, size, &value));
}

proto_item *fields_end(proto_tree *tree, field_t field, const spot_t *spot, const pt_endpoint_t *end) {
  proto_item *item = fields_address(tree, field, spot, end);
  fields_number(tree, (field_t)(field + 2), spot, end->port);
  return item;
}

void fields_time(proto_tree *tree, field_t field, const spot_t *spot, int64_t nanoseconds) {
  enum { second = 1000000000 };
  nstime_t time = {.secs = (time_t)(nanoseconds / second), .nsecs = (int)(nanoseconds % second)};
  mark(spot, proto_tree_add_time(tree, ids[field], spot->tvb, (int)spot->offset, (int)spot->size, &time));
}

/* Expert items are listed under the protocol that is being dissected. */
void fields_expert(packet_info *pinfo, proto_item *item, expert_t expert, const char *text) {
  const char *const dissected = pinfo->current_proto;
  pinfo->current_proto = proto_get_protocol_short_name(find_protocol_by_id(proto_proxytunnel));
  expert_add_info_format(pinfo, item, &experts[expert], "%s", text ? text : expert_rows[expert].text);
  pinfo->current_proto = dissected;
}

/* ---------------------------------------------------------------- registration */

static int base_of(enum ftenum type) {
  return type == FT_UINT8 || type == FT_UINT16 || type == FT_UINT32 || type == FT_INT32 ? BASE_DEC : BASE_NONE;
}

static const void *strings_of(unsigned field) {
  return field == F_METHOD || field == F_METHOD_SELECTED ? VALS(socks5_method_words) : NULL;
}

/* Everything is kept by epan as long as it runs. */
void fields_register(int proto) {
  static hf_register_info fields[F_COUNT];
  static int *trees[T_COUNT];
  static ei_register_info items[E_COUNT];
  proto_proxytunnel = proto;
  for (unsigned i = 0; i < F_COUNT; i++) {
    const field_row_t *row = &rows[i];
    ids[i] = -1;
    fields[i] = (hf_register_info){
        &ids[i], {row->title, row->name, row->type, base_of(row->type), strings_of(i), 0, row->help, HFILL}};
  }
  for (unsigned i = 0; i < T_COUNT; i++) {
    subtrees[i] = -1;
    trees[i] = &subtrees[i];
  }
  for (unsigned i = 0; i < E_COUNT; i++) {
    experts[i] = (expert_field)EI_INIT;
    items[i] = (ei_register_info){
        &experts[i],
        {expert_rows[i].name, expert_rows[i].group, expert_rows[i].severity, expert_rows[i].text, EXPFILL}};
  }
  proto_register_field_array(proto, fields, F_COUNT);
  proto_register_subtree_array(trees, T_COUNT);
  expert_register_field_array(expert_register_protocol(proto), items, E_COUNT);
}
