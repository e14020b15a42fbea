// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the JSON report: one entry for each attempt, opened or not.
#include "report/report.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/text.hpp"

namespace proxytunnel {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(printable(text));
}

Json number_or_null(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json time_or_null(const Stamp& stamp) {
  return stamp.frame == 0 ? Json(nullptr) : Json(rfc3339(stamp.time));
}

Json frame_or_null(FrameNumber frame) {
  return frame == 0 ? Json(nullptr) : Json(frame);
}

Json endpoint(const Endpoint& end) {
  return {{"address", end.address.text()}, {"port", end.port}};
}

Json target_of(const Target& target) {
  return {{"host", text_or_null(target.host)},
          {"address", target.address ? Json(target.address->text()) : Json(nullptr)},
          {"port", target.port}};
}

Json target_of(const Attempt& attempt) {
  if (attempt.target) return target_of(*attempt.target);
  return {{"host", text_or_null(attempt.target_text)}, {"address", nullptr}, {"port", nullptr}};
}

Json origin_of(const Origin& origin) {
  Json candidates = Json::array();
  for (const auto& candidate : origin.candidates) {
    Json entry = {{"address", candidate.address.text()}, {"provenance", name_of(candidate.provenance)}};
    entry["answered"] = candidate.asked_by ? Json(candidate.asked_by->text()) : Json(nullptr);
    candidates.push_back(std::move(entry));
  }
  Json result = endpoint(origin.endpoint);
  result["provenance"] = name_of(origin.provenance);
  if (origin.answered) result["answered"] = origin.answered->text();
  result["candidates"] = std::move(candidates);
  return result;
}

Json bound_of(const std::optional<Target>& bound) {
  if (!bound) return {{"address", nullptr}, {"port", nullptr}};
  const std::string address = bound->address ? bound->address->text() : bound->host;
  return {{"address", text_or_null(address)}, {"port", bound->port}};
}

Json payload_of(const ReportEntry& entry, Direction direction) {
  const auto& account = entry.attempt.payload[direction];
  Json result = {{"bytes", account.bytes()},
                 {"missing_bytes", account.missing_bytes()},
                 {"sha256", text_or_null(entry.sha256[direction])}};
  const auto& overflow = entry.attempt.held_overflow[direction];
  if (!overflow.empty()) {
    Json ranges = Json::array();
    for (const auto& range : overflow) ranges.push_back({range.begin, range.end});
    result["held_overflow"] = std::move(ranges);
  }
  return result;
}

// The names that requests of a forwarded conversation had for its origin, the first one first.
Json hosts_of(const Attempt& attempt) {
  Json hosts = Json::array();
  if (attempt.target) hosts.push_back(printable(attempt.target->host));
  for (const std::string& host : attempt.other_hosts) hosts.push_back(printable(host));
  return hosts;
}

// Of a UDP association: its targets, in order of appearance.
Json flows_of(const Attempt& attempt) {
  Json flows = Json::array();
  for (const Flow& flow : attempt.flows) {
    const auto side = [&flow](Direction direction) {
      return Json({{"datagrams", flow.datagrams[direction]}, {"bytes", flow.bytes[direction]}});
    };
    flows.push_back({{"target", target_of(flow.target)},
                     {"origin", origin_of(flow.origin)},
                     {"client_payload", side(Direction::from_client)},
                     {"server_payload", side(Direction::from_server)}});
  }
  return flows;
}

Json connect_ms(const Attempt& attempt) {
  if (attempt.request.frame == 0 || attempt.reply.frame == 0) return nullptr;
  Time elapsed = 0;  // hostile time stamps may be further apart than Time can tell
  if (__builtin_sub_overflow(attempt.reply.time, attempt.request.time, &elapsed)) return nullptr;
  return static_cast<double>(elapsed) / 1e6;
}

Json id_or_null(TunnelId id) {
  return id == no_tunnel ? Json(nullptr) : Json(id);
}

Json encapsulation_of(const Attempt& attempt) {
  Json all = Json::array();
  for (const Wrapping& each : Encapsulation::unpacked(attempt.encapsulation)) {
    all.push_back({{"protocol", name_of(each.wrapper)}, {"id", each.id ? Json(*each.id) : Json(nullptr)}});
  }
  return all;
}

Json tunnel_of(const ReportEntry& entry, Passwords passwords) {
  const Attempt& attempt = entry.attempt;
  const std::string password = attempt.credentials.password.value_or("");
  const bool is_association = attempt.command == Command::udp_associate;
  const bool is_udp = is_association || attempt.transport == Transport::udp;
  Json result = {
      {"id", attempt.id},
      {"input", entry.input},
      {"parent", id_or_null(attempt.parent)},
      {"layer", attempt.layer},
      {"protocol", name_of(attempt.protocol)},
      {"command", text_or_null(name_of(attempt.command))},
      {"client", endpoint(attempt.client)},
      {"proxy", endpoint(attempt.proxy)},
      {"target", target_of(attempt)},
      {"origin", attempt.origin ? origin_of(*attempt.origin) : Json(nullptr)},
      {"transport", is_udp ? "udp" : "tcp"},
      {"status", name_of(attempt.status)},
      {"reason", text_or_null(attempt.reason)},
      {"reply_code", attempt.reply_code < 0 ? Json(nullptr) : Json(attempt.reply_code)},
      {"bound", bound_of(attempt.bound)},
      {"username", text_or_null(attempt.credentials.username.value_or(""))},
      {"password", passwords == Passwords::show ? text_or_null(password) : Json(nullptr)},
      {"times",
       {{"request", time_or_null(attempt.request)},
        {"reply", time_or_null(attempt.reply)},
        {"closed", time_or_null(attempt.closed)}}},
      {"connect_ms", connect_ms(attempt)},
      {"frames",
       {{"first", frame_or_null(attempt.first.frame)},
        {"request", frame_or_null(attempt.request.frame)},
        {"reply", frame_or_null(attempt.reply.frame)},
        {"first_payload", frame_or_null(attempt.first_payload)},
        {"last", frame_or_null(attempt.last)}}},
      {"client_payload", payload_of(entry, Direction::from_client)},
      {"server_payload", payload_of(entry, Direction::from_server)},
      {"wan_leg", nullptr},
      {"anomalies", attempt.anomalies},
      {"inside_tls", attempt.inside_tls},
      {"encapsulation", encapsulation_of(attempt)},
  };
  if (attempt.virtual_client) result["virtual_client"] = endpoint(*attempt.virtual_client);
  if (attempt.command == Command::forward) result["hosts"] = hosts_of(attempt);
  if (attempt.command == Command::bind) result["peer"] = bound_of(attempt.peer);
  if (is_association) result["flows"] = flows_of(attempt);
  return result;
}

// Where facts stand in an entry: the names of columns.
constexpr auto places = std::to_array<std::string_view>({
    "id",
    "input",
    "parent",
    "layer",
    "protocol",
    "command",
    "transport",
    "inside_tls",
    "encapsulation",
    "client.address",
    "client.port",
    "proxy.address",
    "proxy.port",
    "username",
    "target.host",
    "target.address",
    "target.port",
    "origin.address",
    "origin.port",
    "origin.provenance",
    "origin.answered",
    "virtual_client.address",
    "virtual_client.port",
    "bound.address",
    "bound.port",
    "peer.address",
    "peer.port",
    "status",
    "reason",
    "reply_code",
    "times.request",
    "times.reply",
    "times.closed",
    "connect_ms",
    "frames.first",
    "frames.request",
    "frames.reply",
    "frames.first_payload",
    "frames.last",
    "client_payload.bytes",
    "client_payload.missing_bytes",
    "client_payload.sha256",
    "server_payload.bytes",
    "server_payload.missing_bytes",
    "server_payload.sha256",
    "anomalies",
});

Fact fact_of(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return {value.get<std::string>(), true};
  if (!value.is_array()) return {value.dump(), false};
  std::string words;
  for (const Json& each : value) {
    words += words.empty() ? "" : ",";
    if (each.is_string()) words += each.get<std::string>();
    if (!each.is_object()) continue;
    std::string parts;  // "vxlan 100"
    for (const Json& part : each) {
      if (part.is_null()) continue;
      parts += (parts.empty() ? "" : " ") + (part.is_string() ? part.get<std::string>() : part.dump());
    }
    words += parts;
  }
  return {words, true};
}

Fact fact_at(std::string_view place, const Json& entry) {
  const std::size_t end = place.find('.');
  const auto found = entry.find(place.substr(0, end));
  if (found == entry.end()) return {};
  return end == std::string_view::npos ? fact_of(*found) : fact_at(place.substr(end + 1), *found);
}

std::string_view name_of(DecryptionStatus status) {
  switch (status) {
    case DecryptionStatus::complete:
      return "complete";
    case DecryptionStatus::incomplete:
      return "incomplete";
    case DecryptionStatus::unavailable:
      return "unavailable";
  }
  return "";
}

Json decryption_of(const std::optional<DecryptionSummary>& decryption) {
  if (!decryption) return nullptr;
  return {{"status", name_of(decryption->status)}, {"reason", text_or_null(decryption->reason)}};
}

Json input_of(const InputSummary& input) {
  const auto time = [](const auto& value) { return value ? Json(rfc3339(*value)) : Json(nullptr); };
  Json result = {{"file", text_or_null(input.file)},
                 {"sha256", text_or_null(input.sha256)},
                 {"packets", number_or_null(input.packets)},
                 {"bytes", number_or_null(input.bytes)},
                 {"first_time", time(input.first_time)},
                 {"last_time", time(input.last_time)},
                 {"damaged", text_or_null(input.damaged)},
                 {"unreadable", text_or_null(input.unreadable)},
                 {"decryption", decryption_of(input.decryption)}};
  if (const auto& live = input.live) {
    result["live"] = {{"packets_received", live->received},
                      {"packets_dropped", live->dropped},
                      {"packets_dropped_by_interface", live->dropped_by_interface}};
  }
  return result;
}

Json counters_of(const ReportCounters& counters) {
  const auto of_files = [&counters](auto FileCounters::*counter) {
    return counters.files ? Json(*counters.files.*counter) : Json(nullptr);
  };
  return {{"packets_read", of_files(&FileCounters::packets_read)},
          {"packets_written", of_files(&FileCounters::packets_written)},
          {"connections", counters.connections},
          {"tunnels", counters.tunnels},
          {"dropped_connections", counters.dropped_connections},
          {"gave_way", counters.gave_way},
          {"names_dropped", counters.names_dropped},
          {"secrets_dropped", of_files(&FileCounters::secrets_dropped)},
          {"packets_passed_over", of_files(&FileCounters::packets_passed_over)}};
}

}  // namespace

void Report::sort() {
  std::sort(tunnels.begin(), tunnels.end(),
            [](const ReportEntry& a, const ReportEntry& b) { return a.attempt.id < b.attempt.id; });
}

std::string tunnel_json(const ReportEntry& entry, Passwords passwords) {
  return tunnel_of(entry, passwords).dump();
}

std::span<const std::string_view> fact_names() noexcept {
  return places;
}

std::vector<Fact> facts_of(const ReportEntry& entry) {
  const Json json = tunnel_of(entry, Passwords::redact);
  std::vector<Fact> facts;
  facts.reserve(places.size());
  for (const std::string_view place : places) facts.push_back(fact_at(place, json));
  return facts;
}

std::string skipped_json(const SkippedEvent& event) {
  return Json({{"client", endpoint(event.client)}, {"proxy", endpoint(event.proxy)}, {"reason", event.reason}}).dump();
}

ReportWriter::ReportWriter(const ReportHead& head, Put put) : put_(std::move(put)) {
  put_("{\"schema\": \"proxytunnel-report/1\",\n\"tool\": " +
       Json({{"name", head.tool.name}, {"version", head.tool.version}}).dump() +
       ",\n\"interrupted\": " + (head.interrupted ? "true" : "false"));
}

void ReportWriter::input(const InputSummary& input) {
  entry(Array::inputs, input_of(input).dump());
}

void ReportWriter::entry(Array array, std::string_view json) {
  advance_to(array);
  put_(is_first_ ? "\n" : ",\n");
  put_(json);
  is_first_ = false;
}

void ReportWriter::advance_to(Array array) {
  constexpr std::array<std::string_view, 4> heads = {"", ",\n\"inputs\": [", ",\n\"tunnels\": [", ",\n\"skipped\": ["};
  while (array_ < array) {
    close_array();
    array_ = static_cast<Array>(static_cast<std::uint8_t>(array_) + 1);
    put_(heads[static_cast<std::size_t>(array_)]);
    is_first_ = true;
  }
}

void ReportWriter::close_array() {
  if (array_ != Array::none) put_(is_first_ ? "]" : "\n]");
}

void ReportWriter::finish(const ReportCounters& counters) {
  advance_to(Array::skipped);
  close_array();
  put_(",\n\"counters\": " + counters_of(counters).dump() + "}\n");
}

void write_report(const Report& report, const Tool& tool, Passwords passwords, const Put& put) {
  ReportWriter writer({tool, report.interrupted}, put);
  for (const auto& input : report.inputs) writer.input(input);
  for (const auto& entry : report.tunnels) writer.tunnel(tunnel_json(entry, passwords));
  for (const auto& event : report.skipped) writer.skipped(skipped_json(event));
  writer.finish(report.counters);
}

}  // namespace proxytunnel
