/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: what other dissectors keep of a frame makes way while a virtual packet is dissected, and comes back.
 */
#include "aside.h"

/* The list is GLib's, what is in it wmem's. */
struct aside {
  GSList *list;
  struct aside *next;
};

static struct aside *asides; /* of the open file */

static ws_bool_t free_lists(wmem_allocator_t *allocator _U_, wmem_cb_event_t event _U_, void *data _U_) {
  for (const struct aside *at = asides; at; at = at->next) g_slist_free(at->list);
  asides = NULL;
  return FALSE;
}

GSList *aside_enter(packet_info *pinfo, virtual_t *virtual) {
  GSList *outer = pinfo->fd->pfd;
  pinfo->fd->pfd = virtual->aside ? virtual->aside->list : NULL;
  return outer;
}

void aside_leave(packet_info *pinfo, virtual_t *virtual, GSList *outer) {
  if (pinfo->fd->pfd && !virtual->aside) {
    if (!asides) wmem_register_callback(wmem_file_scope(), free_lists, NULL);
    virtual->aside = wmem_new(wmem_file_scope(), struct aside);
    virtual->aside->next = asides;
    asides = virtual->aside;
  }
  if (virtual->aside) virtual->aside->list = pinfo->fd->pfd;
  pinfo->fd->pfd = outer;
}
