// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a tunnel as the window knows it, and the columns of its table: one row for each.
// spec: RFC 4180 (CSV)
#include "tunnel.hpp"

#include <QDateTime>
#include <QLocale>
#include <QStringList>
#include <tuple>

namespace proxytunnel {
namespace {

constexpr std::int64_t millisecond = 1'000'000;  // times are nanoseconds

QString protocol_of(const tunnel_row_t& row) {
  const QString protocol = QString::fromUtf8(row.protocol), command = QString::fromUtf8(row.command);
  return command.isEmpty() || protocol.contains(command, Qt::CaseInsensitive) ? protocol : protocol + ' ' + command;
}

QString status_of(const tunnel_row_t& row) {
  const QString status = QString::fromUtf8(row.status), answer = QString::fromUtf8(row.answer);
  return answer.isEmpty() ? status : status + " (" + answer + ')';
}

QString number(std::int64_t value) {
  return QLocale().toString(static_cast<qlonglong>(value));
}

QString number_or_nothing(std::uint32_t value) {
  return value == 0 ? QString() : number(value);
}

QVariant key_of(std::int64_t value) {
  return QVariant(static_cast<qlonglong>(value));
}

QString time_text(const Tunnel& tunnel) {
  if (tunnel.request_time == 0) return {};
  return QDateTime::fromMSecsSinceEpoch(tunnel.request_time / millisecond).toString("yyyy-MM-dd hh:mm:ss.zzz");
}

// Nothing as long as it is open.
std::int64_t duration(const Tunnel& tunnel) {
  std::int64_t elapsed = 0;  // hostile time stamps may be further apart than it can tell
  const bool is_known = tunnel.request_time != 0 && tunnel.closed_time != 0 &&
                        !__builtin_sub_overflow(tunnel.closed_time, tunnel.request_time, &elapsed);
  return is_known ? elapsed : -1;
}

QString duration_text(const Tunnel& tunnel) {
  const std::int64_t elapsed = duration(tunnel);
  return elapsed < 0 ? QString() : QLocale().toString(static_cast<double>(elapsed) / 1e9, 'f', 3) + " s";
}

QVariant duration_key(const Tunnel& tunnel) {
  const std::int64_t elapsed = duration(tunnel);
  return elapsed < 0 ? QVariant(-1.0) : QVariant(static_cast<double>(elapsed) / 1e9);
}

template <QString Tunnel::*member>
QString text(const Tunnel& tunnel) {
  return tunnel.*member;
}

template <QString Tunnel::*member>
QVariant text_key(const Tunnel& tunnel) {
  return tunnel.*member;
}

template <std::int64_t Tunnel::*member>
QString bytes(const Tunnel& tunnel) {
  return number(tunnel.*member);
}

template <std::int64_t Tunnel::*member>
QVariant bytes_key(const Tunnel& tunnel) {
  return key_of(tunnel.*member);
}

// What a spreadsheet would compute.
bool is_formula(const QString& cell) {
  return !cell.isEmpty() && QString("=+-@\t\r").contains(cell.front());
}

QString csv_cell(QString cell) {
  if (is_formula(cell)) cell.prepend('\'');
  const bool is_plain = !cell.contains(',') && !cell.contains('"') && !cell.contains('\n') && !cell.contains('\r');
  return is_plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
}

QString csv_text(const Column& column, const Tunnel& tunnel) {
  const QVariant key = column.key(tunnel);
  if (!column.is_number) return csv_cell(key.toString());
  return key.toDouble() < 0 ? QString() : key.toString();
}

}  // namespace

Tunnel::Tunnel(const tunnel_row_t& row)
    : id(row.id),
      parent(row.parent),
      request_frame(row.request_frame),
      opened_frame(row.opened_frame),
      payload_frame(row.payload_frame),
      parent_stream(row.parent_stream),
      stream(row.stream),
      client_bytes(row.client_bytes),
      server_bytes(row.server_bytes),
      missing_bytes(row.missing_bytes),
      request_time(row.request_time),
      closed_time(row.closed_time),
      is_udp(row.is_udp),
      protocol(protocol_of(row)),
      client(QString::fromUtf8(row.client)),
      proxy(QString::fromUtf8(row.proxy)),
      target(QString::fromUtf8(row.target)),
      origin(QString::fromUtf8(row.origin)),
      provenance(QString::fromUtf8(row.provenance)),
      status(status_of(row)),
      username(QString::fromUtf8(row.username)),
      anomalies(QString::fromUtf8(row.anomalies)) {}

bool Tunnel::operator==(const Tunnel& other) const {
  const auto facts = [](const Tunnel& it) {
    return std::tie(it.id, it.parent, it.request_frame, it.opened_frame, it.payload_frame, it.parent_stream, it.stream,
                    it.client_bytes, it.server_bytes, it.missing_bytes, it.request_time, it.closed_time, it.is_udp,
                    it.protocol, it.client, it.proxy, it.target, it.origin, it.provenance, it.status, it.username,
                    it.anomalies);
  };
  return facts(*this) == facts(other);
}

const std::vector<Column>& columns() {
  static const std::vector<Column> rows = {
      {"Protocol", "Of the proxy, and what the client asked for", false, text<&Tunnel::protocol>,
       text_key<&Tunnel::protocol>},
      {"Id", "As in the report", true, [](const Tunnel& it) { return QString::number(it.id); },
       [](const Tunnel& it) { return key_of(it.id); }},
      {"Client", "The client's end", false, text<&Tunnel::client>, text_key<&Tunnel::client>},
      {"Proxy", "The proxy's end", false, text<&Tunnel::proxy>, text_key<&Tunnel::proxy>},
      {"Target", "Whom the client asked for", false, text<&Tunnel::target>, text_key<&Tunnel::target>},
      {"Origin", "The address given to the target", false, text<&Tunnel::origin>, text_key<&Tunnel::origin>},
      {"Address by", "What the origin's address rests on", false, text<&Tunnel::provenance>,
       text_key<&Tunnel::provenance>},
      {"Status", "What became of it, and the proxy's answer", false, text<&Tunnel::status>, text_key<&Tunnel::status>},
      {"Sent", "Bytes of payload from the client", true, bytes<&Tunnel::client_bytes>,
       bytes_key<&Tunnel::client_bytes>},
      {"Received", "Bytes of payload for the client", true, bytes<&Tunnel::server_bytes>,
       bytes_key<&Tunnel::server_bytes>},
      {"Missing", "Bytes of payload that the capture lacks", true, bytes<&Tunnel::missing_bytes>,
       bytes_key<&Tunnel::missing_bytes>},
      {"Time", "Of the request", false, time_text,
       [](const Tunnel& it) {
         if (it.request_time == 0) return QVariant(QString());
         return QVariant(QDateTime::fromMSecsSinceEpoch(it.request_time / millisecond)
                             .toUTC()
                             .toString("yyyy-MM-ddThh:mm:ss.zzzZ"));
       }},
      {"Duration", "From the request to the end", true, duration_text, duration_key},
      {"Frame", "In which it opened, or was asked for", true,
       [](const Tunnel& it) { return number_or_nothing(it.frame()); },
       [](const Tunnel& it) { return key_of(it.frame()); }},
      {"User", "Given to the proxy", false, text<&Tunnel::username>, text_key<&Tunnel::username>},
      {"Anomalies", "What is unusual about it", false, text<&Tunnel::anomalies>, text_key<&Tunnel::anomalies>},
  };
  return rows;
}

QString csv_of(const std::vector<const Tunnel*>& tunnels) {
  QStringList lines;
  QStringList titles;
  for (const Column& column : columns()) titles << column.title;
  lines << titles.join(',');
  for (const Tunnel* tunnel : tunnels) {
    QStringList cells;
    for (const Column& column : columns()) cells << csv_text(column, *tunnel);
    lines << cells.join(',');
  }
  return lines.join('\n') + '\n';
}

QString filter_of(const std::vector<const Tunnel*>& tunnels) {
  QStringList ids;
  for (const Tunnel* tunnel : tunnels) ids << QString::number(tunnel->id);
  return ids.size() == 1 ? "proxytunnel.id == " + ids.front() : "proxytunnel.id in {" + ids.join(", ") + '}';
}

}  // namespace proxytunnel
