// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the columns of Zeek's logs, and of proxytunnel.log, which looks like them.
#include "log/zeek_logs.hpp"

#include <array>

#include "handshake/families.hpp"
#include "report/community_id.hpp"
#include "report/text.hpp"

namespace unproxy {
namespace {

using proxytunnel::Attempt;
using proxytunnel::FactType;
using proxytunnel::Family;
using proxytunnel::Interval;
using proxytunnel::Moment;
using proxytunnel::Null;
using proxytunnel::printable;
using proxytunnel::Protocol;
using proxytunnel::Side;
using proxytunnel::Target;
using proxytunnel::Words;

template <class Row>
struct LogColumn {
  std::string_view name;
  FactType type;
  Value (*read)(const Row&);
};

template <class Row, std::size_t size>
std::vector<Column> columns_of(const std::array<LogColumn<Row>, size>& table) {
  std::vector<Column> columns;
  for (const auto& column : table) columns.push_back({column.name, column.type});
  return columns;
}

template <class Row, std::size_t size>
std::vector<Value> read(const std::array<LogColumn<Row>, size>& table, const Row& row) {
  std::vector<Value> values;
  values.reserve(size);
  for (const auto& column : table) values.push_back(column.read(row));
  return values;
}

Value text(std::string_view words) {
  if (words.empty()) return Null{};
  return printable(words);
}

Value count(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

Value unless_decrypted(const ConnRow& row, Value value) {
  if (!row.has_packets) return Null{};
  return value;
}

// Zeek has sizes of what lasted.
Value bytes(const ConnRow& row, Side side) {
  if (row.account.duration() <= 0) return Null{};
  return row.account.bytes(side);
}

constexpr Side originator = Side::initiator, responder = Side::acceptor;

constexpr std::array conn_table = {
    LogColumn<ConnRow>{"ts", FactType::moment, [](const ConnRow& it) -> Value { return Moment{it.account.first()}; }},
    LogColumn<ConnRow>{"uid", FactType::text, [](const ConnRow& it) -> Value { return it.uid; }},
    LogColumn<ConnRow>{"id.orig_h", FactType::address,
                       [](const ConnRow& it) -> Value { return it.ends.initiator.address.text(); }},
    LogColumn<ConnRow>{"id.orig_p", FactType::port,
                       [](const ConnRow& it) -> Value { return count(it.ends.initiator.port); }},
    LogColumn<ConnRow>{"id.resp_h", FactType::address,
                       [](const ConnRow& it) -> Value { return it.ends.acceptor.address.text(); }},
    LogColumn<ConnRow>{"id.resp_p", FactType::port,
                       [](const ConnRow& it) -> Value { return count(it.ends.acceptor.port); }},
    LogColumn<ConnRow>{
        "proto", FactType::enumeration,
        [](const ConnRow& it) { return text(it.transport == proxytunnel::Transport::tcp ? "tcp" : "udp"); }},
    LogColumn<ConnRow>{"service", FactType::text, [](const ConnRow& it) { return text(it.service); }},
    LogColumn<ConnRow>{"duration", FactType::interval,
                       [](const ConnRow& it) -> Value {
                         if (it.account.duration() <= 0) return Null{};
                         return Interval{it.account.duration()};
                       }},
    LogColumn<ConnRow>{"orig_bytes", FactType::count, [](const ConnRow& it) { return bytes(it, originator); }},
    LogColumn<ConnRow>{"resp_bytes", FactType::count, [](const ConnRow& it) { return bytes(it, responder); }},
    LogColumn<ConnRow>{"conn_state", FactType::text,
                       [](const ConnRow& it) { return unless_decrypted(it, text(it.account.state(it.transport))); }},
    LogColumn<ConnRow>{"local_orig", FactType::boolean, [](const ConnRow&) -> Value { return Null{}; }},
    LogColumn<ConnRow>{"local_resp", FactType::boolean, [](const ConnRow&) -> Value { return Null{}; }},
    LogColumn<ConnRow>{"missed_bytes", FactType::count,
                       [](const ConnRow& it) -> Value { return it.account.missed_bytes(); }},
    LogColumn<ConnRow>{"history", FactType::text,
                       [](const ConnRow& it) { return unless_decrypted(it, text(it.account.history())); }},
    LogColumn<ConnRow>{"orig_pkts", FactType::count,
                       [](const ConnRow& it) { return unless_decrypted(it, count(it.account.packets(originator))); }},
    LogColumn<ConnRow>{"orig_ip_bytes", FactType::count,
                       [](const ConnRow& it) { return unless_decrypted(it, count(it.account.ip_bytes(originator))); }},
    LogColumn<ConnRow>{"resp_pkts", FactType::count,
                       [](const ConnRow& it) { return unless_decrypted(it, count(it.account.packets(responder))); }},
    LogColumn<ConnRow>{"resp_ip_bytes", FactType::count,
                       [](const ConnRow& it) { return unless_decrypted(it, count(it.account.ip_bytes(responder))); }},
    LogColumn<ConnRow>{"tunnel_parents", FactType::set,
                       [](const ConnRow& it) -> Value {
                         if (it.parents.empty()) return Null{};
                         return it.parents;
                       }},
    LogColumn<ConnRow>{"community_id", FactType::text,
                       [](const ConnRow& it) -> Value { return proxytunnel::community_id(it.ends, it.transport); }},
};

// What the rows of an attempt begin with: its connection with the proxy.
Value uid(const AttemptRow& row) {
  return row.uid;
}

Value originator_address(const AttemptRow& row) {
  return row.entry.attempt.carrier.initiator.address.text();
}

Value originator_port(const AttemptRow& row) {
  return count(row.entry.attempt.carrier.initiator.port);
}

Value responder_address(const AttemptRow& row) {
  return row.entry.attempt.carrier.acceptor.address.text();
}

Value responder_port(const AttemptRow& row) {
  return count(row.entry.attempt.carrier.acceptor.port);
}

Value begun(const AttemptRow& row) {
  const Attempt& attempt = row.entry.attempt;
  return Moment{attempt.request.frame != 0 ? attempt.request.time : attempt.first.time};
}

using Rows = AttemptRow;
constexpr std::array begins = {
    LogColumn<Rows>{"ts", FactType::moment, begun},
    LogColumn<Rows>{"uid", FactType::text, uid},
    LogColumn<Rows>{"id.orig_h", FactType::address, originator_address},
    LogColumn<Rows>{"id.orig_p", FactType::port, originator_port},
    LogColumn<Rows>{"id.resp_h", FactType::address, responder_address},
    LogColumn<Rows>{"id.resp_p", FactType::port, responder_port},
};

bool is_version4(const Attempt& attempt) {
  return attempt.protocol == Protocol::socks4 || attempt.protocol == Protocol::socks4a;
}

// Zeek's words.
Value socks_status(const Attempt& attempt) {
  constexpr std::array<std::string_view, 9> version5 = {"succeeded",
                                                        "general SOCKS server failure",
                                                        "connection not allowed by ruleset",
                                                        "Network unreachable",
                                                        "Host unreachable",
                                                        "Connection refused",
                                                        "TTL expired",
                                                        "Command not supported",
                                                        "Address type not supported"};
  constexpr std::array<std::string_view, 4> version4 = {
      "succeeded", "general SOCKS server failure", "request failed because client is not running identd",
      "request failed because client's identd could not confirm the user ID string in the request"};
  constexpr int granted4 = 90;
  if (attempt.reply_code < 0) return Null{};
  const auto word = [&attempt](const auto& words, int first) -> Value {
    const auto index = static_cast<std::size_t>(attempt.reply_code - first);
    if (attempt.reply_code >= first && index < words.size()) return std::string(words[index]);
    return "unknown-" + std::to_string(attempt.reply_code);
  };
  return is_version4(attempt) ? word(version4, granted4) : word(version5, 0);
}

Value address_in(const std::optional<Target>& end) {
  if (!end || !end->address) return Null{};
  return end->address->text();
}

Value name_in(const std::optional<Target>& end) {
  if (!end || end->address) return Null{};
  return text(end->host);
}

Value port_in(const std::optional<Target>& end) {
  if (!end) return Null{};
  return count(end->port);
}

constexpr std::array socks_table = {
    LogColumn<Rows>{"version", FactType::count,
                    [](const Rows& it) { return count(is_version4(it.entry.attempt) ? 4 : 5); }},
    LogColumn<Rows>{"user", FactType::text,
                    [](const Rows& it) { return text(it.entry.attempt.credentials.username.value_or("")); }},
    LogColumn<Rows>{"password", FactType::text,
                    [](const Rows& it) {
                      return text(it.shows_credentials ? it.entry.attempt.credentials.password.value_or("") : "");
                    }},
    LogColumn<Rows>{"status", FactType::text, [](const Rows& it) { return socks_status(it.entry.attempt); }},
    LogColumn<Rows>{"request.host", FactType::address,
                    [](const Rows& it) { return address_in(it.entry.attempt.target); }},
    LogColumn<Rows>{"request.name", FactType::text, [](const Rows& it) { return name_in(it.entry.attempt.target); }},
    LogColumn<Rows>{"request_p", FactType::port, [](const Rows& it) { return port_in(it.entry.attempt.target); }},
    LogColumn<Rows>{"bound.host", FactType::address, [](const Rows& it) { return address_in(it.entry.attempt.bound); }},
    LogColumn<Rows>{"bound.name", FactType::text, [](const Rows& it) { return name_in(it.entry.attempt.bound); }},
    LogColumn<Rows>{"bound_p", FactType::port, [](const Rows& it) { return port_in(it.entry.attempt.bound); }},
};

constexpr std::array tunnel_table = {
    LogColumn<TunnelRow>{"tunnel_type", FactType::enumeration,
                         [](const TunnelRow& it) -> Value {
                           const bool is_socks = service_of(it.attempt.entry.attempt.protocol) == "socks";
                           return std::string(is_socks ? "Tunnel::SOCKS" : "Tunnel::HTTP");
                         }},
    LogColumn<TunnelRow>{"action", FactType::enumeration,
                         [](const TunnelRow& it) -> Value { return std::string(it.action); }},
};

template <class Table>
std::vector<Column> behind_beginning(const Table& table) {
  std::vector<Column> columns = columns_of(begins);
  for (const auto& column : table) columns.push_back({column.name, column.type});
  return columns;
}

std::vector<Value> joined(std::vector<Value> values, std::vector<Value> more) {
  values.insert(values.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return values;
}

}  // namespace

const std::vector<Column>& conn_columns() {
  static const std::vector<Column> columns = columns_of(conn_table);
  return columns;
}

const std::vector<Column>& socks_columns() {
  static const std::vector<Column> columns = behind_beginning(socks_table);
  return columns;
}

const std::vector<Column>& tunnel_columns() {
  static const std::vector<Column> columns = behind_beginning(tunnel_table);
  return columns;
}

const std::vector<Column>& proxytunnel_columns() {
  static const std::vector<Column> columns = [] {
    std::vector<Column> all = columns_of(begins);
    all.push_back({"virtual_uid", FactType::text});
    const auto facts = proxytunnel::fact_columns();
    all.insert(all.end(), facts.begin(), facts.end());
    return all;
  }();
  return columns;
}

std::vector<Value> values_of(const ConnRow& row) {
  return read(conn_table, row);
}

std::vector<Value> socks_values_of(const AttemptRow& row) {
  return joined(read(begins, row), read(socks_table, row));
}

std::vector<Value> values_of(const TunnelRow& row) {
  std::vector<Value> values = joined(read(begins, row.attempt), read(tunnel_table, row));
  values.front() = Moment{row.time};
  return values;
}

std::vector<Value> proxytunnel_values_of(const AttemptRow& row, const std::vector<Value>& facts) {
  std::vector<Value> values = read(begins, row);
  values.push_back(text(row.virtual_uid.value_or("")));
  return joined(std::move(values), facts);
}

std::string_view service_of(Protocol protocol) noexcept {
  switch (family_of(protocol)) {
    case Family::socks4:
    case Family::socks5:
      return "socks";
    case Family::http_connect:
    case Family::http_forward:
    case Family::http_forwarded:
      return "http";
    case Family::proxy_protocol:
      break;
  }
  return "";
}

}  // namespace unproxy
