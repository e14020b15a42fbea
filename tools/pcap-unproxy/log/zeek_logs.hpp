// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the columns of Zeek's logs, and of proxytunnel.log, which looks like them.
// spec: docs.zeek.org: base/protocols/conn/main.zeek, base/protocols/socks/main.zeek, base/frameworks/tunnels/main.zeek
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/rows.hpp"
#include "tracker/conn_account.hpp"

namespace unproxy {

/// A connection: with a proxy, or a virtual one.
struct ConnRow {
  std::string uid;
  proxytunnel::Ends ends;
  proxytunnel::Transport transport = proxytunnel::Transport::tcp;
  const proxytunnel::ConnAccount& account;
  std::string service;               ///< empty: not known
  std::vector<std::string> parents;  ///< connections that carry it, or whose payload it carries
  bool has_packets = true;           ///< false: it was read from what TLS carried
};

/// An attempt, its connection with the proxy, and its virtual conversation.
struct AttemptRow {
  const proxytunnel::ReportEntry& entry;
  std::string uid;
  std::optional<std::string> virtual_uid;
  bool shows_credentials = false;
};

/// Zeek says that a tunnel was found, and that it closed.
struct TunnelRow {
  const AttemptRow& attempt;
  proxytunnel::Time time;
  std::string_view action;
};

using proxytunnel::Column;
using proxytunnel::Value;

[[nodiscard]] const std::vector<Column>& conn_columns();
[[nodiscard]] const std::vector<Column>& socks_columns();
[[nodiscard]] const std::vector<Column>& tunnel_columns();
[[nodiscard]] const std::vector<Column>& proxytunnel_columns();

/// The values of a row, one for each column.
[[nodiscard]] std::vector<Value> values_of(const ConnRow& row);
[[nodiscard]] std::vector<Value> socks_values_of(const AttemptRow& row);
[[nodiscard]] std::vector<Value> values_of(const TunnelRow& row);
[[nodiscard]] std::vector<Value> proxytunnel_values_of(const AttemptRow& row, const std::vector<Value>& facts);

/// As Zeek calls it: "socks", "http", or nothing.
[[nodiscard]] std::string_view service_of(proxytunnel::Protocol protocol) noexcept;

}  // namespace unproxy
