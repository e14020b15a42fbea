/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: the fields and expert items of the plugin, one table row each, and how they get into a tree.
 */
#ifndef PROXYTUNNEL_FIELDS_H
#define PROXYTUNNEL_FIELDS_H

#include "segment.h"

typedef enum {
  F_PROTOCOL,
  F_COMMAND,
  F_STATUS,
  F_REPLY_CODE,
  F_REASON,
  F_METHOD,
  F_METHOD_SELECTED,
  F_LOGIN_STATUS,
  F_TARGET,
  F_TARGET_HOST,
  F_TARGET_PORT,
  F_ORIGIN_IP, /* of an end: its address in one of two fields, then its port */
  F_ORIGIN_IPV6,
  F_ORIGIN_PORT,
  F_ORIGIN_PROVENANCE,
  F_CLIENT_IP,
  F_CLIENT_IPV6,
  F_CLIENT_PORT,
  F_PROXY_IP,
  F_PROXY_IPV6,
  F_PROXY_PORT,
  F_BOUND,
  F_BOUND_IP,
  F_BOUND_IPV6,
  F_BOUND_PORT,
  F_PEER,
  F_REAL_CLIENT,
  F_VIRTUAL_CLIENT,
  F_USERNAME,
  F_PASSWORD,
  F_ID,
  F_LAYER,
  F_PARENT_STREAM,
  F_STREAM,
  F_REQUEST_IN,
  F_REPLY_IN,
  F_OPENED_IN,
  F_PAYLOAD_IN,
  F_CARRIED_IN,
  F_UNDERSTOOD_IN,
  F_CONNECT_TIME,
  F_VIRTUAL,
  F_FRAGMENT,
  F_ANOMALY,
  F_COUNT
} field_t;

typedef enum { E_REFUSED, E_CREDENTIALS, E_MALFORMED, E_INCOMPLETE, E_SYNTHETIC, E_UNUSUAL, E_COUNT } expert_t;

typedef enum { T_OWN, T_MESSAGE, T_PAYLOAD, T_COUNT } subtree_t;

/* The bytes that say what a field says. With a size of 0 none do: the field is marked as generated. */
typedef struct {
  tvbuff_t *tvb;
  unsigned offset, size;
} spot_t;

/* The protocol's own item over `size` bytes, and its subtree. */
proto_item *fields_begin(proto_tree *tree, subtree_t kind, const spot_t *spot, const char *text, proto_tree **own);
int fields_subtree(subtree_t kind);

/* Nothing for an empty text. NULL then, and where there is no tree. */
proto_item *fields_text(proto_tree *tree, field_t field, const spot_t *spot, const char *text);
proto_item *fields_number(proto_tree *tree, field_t field, const spot_t *spot, uint32_t number);
/* Links to another frame; nothing for 0 and for the frame itself. */
void fields_frame(proto_tree *tree, field_t field, const spot_t *spot, const packet_info *pinfo, uint32_t frame);
/* `field` is the one of IPv4. Returns the address. An end has a port besides. */
proto_item *fields_address(proto_tree *tree, field_t field, const spot_t *spot, const pt_endpoint_t *end);
proto_item *fields_end(proto_tree *tree, field_t field, const spot_t *spot, const pt_endpoint_t *end);
void fields_time(proto_tree *tree, field_t field, const spot_t *spot, int64_t nanoseconds);
/* An expert item under our protocol. Without a text (NULL) it says what its row says. */
void fields_expert(packet_info *pinfo, proto_item *item, expert_t expert, const char *text);

void fields_register(int proto);

#endif
