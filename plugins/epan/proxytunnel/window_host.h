/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: all that the plugin and the library of its window know of each other. Neither Qt nor Wireshark is in it.
 *
 * Everything is called in the thread of Wireshark's window. Texts are printable UTF-8 and never NULL: what a capture
 * says is escaped as in every list of tunnels.
 */
#ifndef PROXYTUNNEL_WINDOW_HOST_H
#define PROXYTUNNEL_WINDOW_HOST_H

/* NOLINTBEGIN(modernize-*): C */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with every change of this file. */
#define PROXYTUNNEL_WINDOW_VERSION 1u
/* The library beside the plugin: in ../proxytunnel as seen from the folder that the plugin is in. */
#define PROXYTUNNEL_WINDOW_LIBRARY "proxytunnel-window.so"
/* The function of the library (window_open_t). */
#define PROXYTUNNEL_WINDOW_SYMBOL "proxytunnel_window"

#define WINDOW_NO_TUNNEL UINT32_MAX
#define WINDOW_NO_STREAM UINT32_MAX

/* What is known of an attempt to open a tunnel. Texts live as long as the call that brings the row. */
typedef struct {
  uint32_t id, parent; /* parent: the tunnel that it is in; WINDOW_NO_TUNNEL: none */
  uint32_t layer;
  const char *protocol; /* "SOCKS5" */
  const char *command;  /* "UDP Associate" */
  const char *client, *proxy, *target;
  const char *origin, *provenance; /* where its address comes from; both "": none */
  const char *status;              /* "auth-failed" */
  const char *answer;              /* of the proxy, where it said no, and the reason: "407" */
  const char *username, *anomalies;
  int64_t client_bytes, server_bytes, missing_bytes;
  int64_t request_time, closed_time;                   /* nanoseconds since the epoch; 0: none */
  uint32_t request_frame, opened_frame, payload_frame; /* 0: none */
  uint32_t parent_stream, stream;                      /* tcp.stream of parent and virtual conversation */
  bool is_udp;                                         /* its payload is */
} tunnel_row_t;

typedef void tunnel_visitor_t(void *context, const tunnel_row_t *row);

/* What the plugin does for the window. */
typedef struct {
  uint32_t version;    /* PROXYTUNNEL_WINDOW_VERSION */
  const char *program; /* "proxytunnel 0.1.0" */

  /* Every attempt in the open file, in the order of ids; none without a file. */
  void (*each_tunnel)(tunnel_visitor_t *visit, void *context);
  /* From now on `changed` is called when rows may have changed, at most as often as Wireshark draws statistics; NULL:
   * no longer. One at a time. */
  void (*listen)(void (*changed)(void *context), void *context);
  /* The entries of the report (docs/contract.md) of these tunnels, whose ids are in order, as a JSON array; free it
   * with free_text(). */
  char *(*json)(const uint32_t *ids, size_t count);
  void (*free_text)(char *text);

  void (*go_to_frame)(uint32_t frame);
  void (*apply_filter)(const char *filter);
  /* How Wireshark's window names the follower of TCP streams (follow_type_t in 4.0, later the protocol). */
  int (*tcp_follower)(void);

  /* Into `path` go the virtual packets of these tunnels (0: of all) of frames that are dissected from now on; NULL and
   * `why`, if that cannot be. To be called, then all frames are to be dissected anew, then export_end(): the number of
   * packets, or -1 and `why`. export_frames(): how many frames were dissected since. `why` is freed by free_text(). */
  void *(*export_begin)(const char *path, const uint32_t *ids, size_t count, char **why);
  uint32_t (*export_frames)(void *export_);
  int64_t (*export_end)(void *export_, char **why);
  /* In the open file. */
  uint32_t (*frames)(void);
  /* Has all frames dissected once more, by a display filter that says the same in other words. */
  void (*filter_again)(void);
} window_host_t;

/* What the window does for the plugin's menu. */
typedef struct {
  uint32_t version;
  void (*show_tunnels)(void);
  void (*export_all)(void);
  void (*about)(void);
  /* Has all frames dissected once more; false if the window does not know how. */
  bool (*dissect_again)(void);
} window_t;

/* The host outlives the process. NULL if it speaks another version, or if there is no window to belong to. */
typedef const window_t *window_open_t(const window_host_t *host);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(modernize-*) */

#endif
