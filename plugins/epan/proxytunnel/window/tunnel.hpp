// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a tunnel as the window knows it, and the columns of its table: one row for each.
#pragma once

#include <QString>
#include <QVariant>
#include <vector>

#include "window_host.h"

namespace proxytunnel {

/// A copy of tunnel_row_t. All texts are plain.
struct Tunnel {
  explicit Tunnel(const tunnel_row_t& row);
  bool operator==(const Tunnel& other) const;

  std::uint32_t id, parent, request_frame, opened_frame, payload_frame, parent_stream, stream;
  std::int64_t client_bytes, server_bytes, missing_bytes, request_time, closed_time;
  bool is_udp;
  QString protocol, client, proxy, target, origin, provenance, status, username, anomalies;

  /// Where to look at it: where it opened, or where it was asked for; 0: nowhere.
  [[nodiscard]] std::uint32_t frame() const noexcept { return opened_frame != 0 ? opened_frame : request_frame; }
};

struct Column {
  const char *title, *hint;
  bool is_number;
  QString (*text)(const Tunnel& tunnel);  ///< for people
  QVariant (*key)(const Tunnel& tunnel);  ///< to be sorted by, and for other programs
};

/// In their order. The first one is that of the tree.
const std::vector<Column>& columns();

/// With a line of titles. A cell that a spreadsheet would take for a formula begins with an apostrophe.
QString csv_of(const std::vector<const Tunnel*>& tunnels);

/// A display filter for the packets of these tunnels, handshake and payload.
QString filter_of(const std::vector<const Tunnel*>& tunnels);

}  // namespace proxytunnel
