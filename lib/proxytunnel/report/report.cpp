// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the JSON report: one entry for each attempt, opened or not.
#include "report/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/community_id.hpp"
#include "report/facts.hpp"
#include "report/json_text.hpp"
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

Json endpoint(const Endpoint& end) {
  return {{"address", end.address.text()}, {"port", end.port}};
}

Json target_of(const Target& target) {
  return {{"host", text_or_null(target.host)},
          {"address", target.address ? Json(target.address->text()) : Json(nullptr)},
          {"port", target.port}};
}

Json candidates_of(const Origin& origin) {
  Json candidates = Json::array();
  for (const auto& candidate : origin.candidates) {
    Json entry = {{"address", candidate.address.text()}, {"provenance", name_of(candidate.provenance)}};
    entry["answered"] = candidate.asked_by ? Json(candidate.asked_by->text()) : Json(nullptr);
    candidates.push_back(std::move(entry));
  }
  return candidates;
}

Json origin_of(const Origin& origin) {
  Json result = endpoint(origin.endpoint);
  result["provenance"] = name_of(origin.provenance);
  if (origin.answered) result["answered"] = origin.answered->text();
  result["candidates"] = candidates_of(origin);
  return result;
}

std::optional<Json> held_overflow_of(const Attempt& attempt, Direction direction) {
  const auto& overflow = attempt.held_overflow[direction];
  if (overflow.empty()) return std::nullopt;
  Json ranges = Json::array();
  for (const auto& range : overflow) ranges.push_back({range.begin, range.end});
  return std::optional<Json>(std::in_place, std::move(ranges));  // not by itself: Json converts to one, too
}

// The names that requests of a forwarded conversation had for its origin, the first one first.
Json hosts_of(const Attempt& attempt) {
  Json hosts = Json::array();
  if (attempt.target) hosts.push_back(printable(attempt.target->host));
  for (const std::string& host : attempt.other_hosts) hosts.push_back(printable(host));
  return hosts;
}

Json frames_of(const LegSummary& leg) {
  return {{"first", number_in_file(leg.first.frame)}, {"last", number_in_file(leg.last.frame)}};
}

// A leg of the tunnel's own input, or of a file that was given for it. `input`: the first of its files.
Json leg_of(const LegSummary& leg, std::size_t input) {
  const bool is_own = leg.source == 0;
  return {{"client", endpoint(leg.ends.initiator)},
          {"server", endpoint(leg.ends.acceptor)},
          {"input", is_own ? Json(input + file_of(leg.first.frame)) : Json(nullptr)},
          {"wan_input", is_own ? Json(nullptr) : Json(leg.source - 1)},
          {"frames", frames_of(leg)}};
}

// null: all of it.
Json ranges_of(const std::vector<std::pair<Offset, Offset>>& ranges) {
  Json result = ranges.empty() ? Json(nullptr) : Json::array();
  for (const auto& [begin, end] : ranges) result.push_back({begin, end});
  return result;
}

Json part_of(const LegPart& part, std::size_t input) {
  Json result = leg_of(part.leg, input);
  result["ranges"] = ranges_of(part.ranges);
  return result;
}

Json reasons_of(const Grounds& grounds) {
  Json reasons = Json::array();
  grounds.each([&reasons](Ground, const Weight& of) { reasons.push_back(of.name); });
  return reasons;
}

// To four places: sums of hundredths.
double score_of(double score) {
  return std::round(score * 1e4) / 1e4;
}

// The proxy's own connection for a conversation; null if nothing is known of it.
Json wan_leg_of(const ReportEntry& entry, std::size_t flow) {
  if (flow >= entry.wan.size()) return nullptr;
  const WanLeg& found = entry.wan[flow];
  if (!found.is_known() && found.candidates.empty()) return nullptr;
  const std::size_t input = entry.input - file_of(entry.attempt.first.frame);
  Json result =
      found.is_known() ? part_of(found.parts.front(), input) : Json({{"client", nullptr}, {"server", nullptr}});
  result["score"] = score_of(found.score);
  result["reasons"] = reasons_of(found.grounds);
  result["shared"] = found.is_shared;
  if (entry.attempt.command == Command::forward) result["requests"] = {{"asked", found.asked}, {"found", found.found}};
  result["more"] = Json::array();
  for (std::size_t i = 1; i < found.parts.size(); ++i) result["more"].push_back(part_of(found.parts[i], input));
  result["candidates"] = Json::array();
  for (const LegCandidate& candidate : found.candidates) {
    Json leg = leg_of(candidate.leg, input);
    leg["score"] = score_of(candidate.score);
    leg["reasons"] = reasons_of(candidate.grounds);
    result["candidates"].push_back(std::move(leg));
  }
  return result;
}

// Of a UDP association: its targets, in order of appearance.
Json flows_of(const ReportEntry& entry) {
  Json flows = Json::array();
  for (const Flow& flow : entry.attempt.flows) {
    const Inside inside = flows.size() < entry.inside.size() ? entry.inside[flows.size()] : Inside();
    const auto side = [&flow](Direction direction) {
      return Json({{"datagrams", flow.datagrams[direction]}, {"bytes", flow.bytes[direction]}});
    };
    flows.push_back({{"target", target_of(flow.target)},
                     {"origin", origin_of(flow.origin)},
                     {"community_id", flow.shown ? Json(community_id(*flow.shown, Transport::udp)) : Json(nullptr)},
                     {"client_payload", side(Direction::from_client)},
                     {"server_payload", side(Direction::from_server)},
                     {"service", text_or_null(inside.service)},
                     {"sni", text_or_null(inside.sni)},
                     {"alpn", text_or_null(inside.alpn)},
                     {"wan_leg", wan_leg_of(entry, flows.size())}});
  }
  return flows;
}

Json encapsulation_of(const Attempt& attempt) {
  Json all = Json::array();
  for (const Wrapping& each : Encapsulation::unpacked(attempt.encapsulation)) {
    all.push_back({{"protocol", name_of(each.wrapper)}, {"id", each.id ? Json(*each.id) : Json(nullptr)}});
  }
  return all;
}

/// Puts a value behind what is there.
struct AsJson {
  std::string& to;

  void operator()(Absent) const { to += "null"; }
  void operator()(Null) const { to += "null"; }
  void operator()(Moment value) const { add_json_text(rfc3339(value.time), to); }
  void operator()(Interval value) const { operator()(static_cast<double>(value.time) / 1e9); }
  void operator()(double value) const { to += Json(value).dump(); }
  void operator()(bool value) const { to += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { to += std::to_string(value); }
  void operator()(const std::string& value) const { add_json_text(value, to); }
  void operator()(const Words& value) const { to += json_list(value); }
};

/// A fact and its key: the text of its name, and a colon.
struct Member {
  std::string key;
  const Fact* fact;
};
/// Facts that stand in one object; one alone stands in the entry itself, by the name of the place.
struct Place {
  std::string_view name;
  std::string key;
  bool is_object = false;
  std::vector<Member> members;
};

// In the order in which they come in the table first.
std::vector<Place> places_of_facts() {
  std::vector<Place> places;
  for (const Fact& fact : facts()) {
    if (fact.columns_only) continue;
    const std::size_t dot = fact.name.find('.');
    const std::string_view name = fact.name.substr(0, dot);
    const auto same = [name](const Place& place) { return place.name == name; };
    auto place = std::find_if(places.begin(), places.end(), same);
    const bool is_member = dot != std::string_view::npos;
    if (place == places.end()) place = places.insert(place, Place{name, json_text(name) + ':', is_member, {}});
    place->members.push_back({json_text(is_member ? fact.name.substr(dot + 1) : name) + ':', &fact});
  }
  return places;
}

// What stands behind the facts of a place, and is more than one value.
void add_lists(const Place& place, const ReportEntry& entry, JsonObject& object) {
  const Attempt& attempt = entry.attempt;
  if (place.name == "origin" && attempt.origin) {
    object.add("candidates", attempt.origin->candidates.empty() ? "[]" : candidates_of(*attempt.origin).dump());
  }
  const auto add_overflow = [&](std::string_view name, Direction direction) {
    if (place.name != name) return;
    if (const auto ranges = held_overflow_of(attempt, direction)) object.add("held_overflow", ranges->dump());
  };
  add_overflow("client_payload", Direction::from_client);
  add_overflow("server_payload", Direction::from_server);
}

// What the table of facts has, and what is more than one value.
std::string tunnel_text(const ReportEntry& entry, Passwords passwords) {
  static const std::vector<Place> places = places_of_facts();
  const Attempt& attempt = entry.attempt;
  constexpr std::size_t usual = 3000;
  JsonObject result, object;
  result.reserve(usual);
  for (const Place& place : places) {
    object.clear();
    for (const auto& [key, fact] : place.members) {
      const Value value = fact->read(entry);
      if (std::holds_alternative<Absent>(value)) continue;
      std::visit(AsJson{(place.is_object ? object : result).member_of(key)}, value);
    }
    add_lists(place, entry, object);
    if (!object.is_empty()) result.member_of(place.key) += object.text();
  }
  const std::string password = attempt.credentials.password.value_or("");
  result.add("password", passwords == Passwords::show ? text_or_null(password).dump() : "null");
  if (!attempt.origin) result.add("origin", "null");
  result.add("encapsulation", attempt.encapsulation.empty() ? "[]" : encapsulation_of(attempt).dump());
  const bool has_flows = attempt.command == Command::udp_associate;  // and each of them has its own
  result.add("wan_leg", has_flows || entry.wan.empty() ? "null" : wan_leg_of(entry, 0).dump());
  if (attempt.command == Command::forward) result.add("hosts", hosts_of(attempt).dump());
  if (has_flows) result.add("flows", flows_of(entry).dump());
  return result.text();
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

Json tool_of(const Tool& tool) {
  Json result = {{"name", tool.name}, {"version", tool.version}};
  if (tool.command.empty()) return result;
  result["command"] = Json::array();
  for (const std::string& word : tool.command) result["command"].push_back(printable(word));
  result["libraries"] = tool.libraries;
  return result;
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
  if (const auto& gap = input.gap) {
    result["gap"] = {{"seconds", static_cast<double>(gap->time) / 1e9}, {"missing_files", gap->missing}};
  }
  return result;
}

Json window_of(const WindowSummary& window) {
  const auto files = [](const std::optional<std::size_t>& count) { return count ? Json(*count) : Json(nullptr); };
  return {{"first", window.first + 1},
          {"last", window.last + 1},
          {"look_back", files(window.look_back)},
          {"look_ahead", files(window.look_ahead)},
          {"unfinished", window.unfinished},
          {"silent", window.silent},
          {"midstream", window.midstream}};
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
  return tunnel_text(entry, passwords);
}

std::string skipped_json(const SkippedEvent& event) {
  return Json({{"client", endpoint(event.client)}, {"proxy", endpoint(event.proxy)}, {"reason", event.reason}}).dump();
}

std::string served_leg_json(const ServedLeg& leg, std::size_t input, const std::vector<LegClient>& clients) {
  Json result = leg_of(leg.leg, input);
  const bool is_known = !leg.clients.empty();
  const bool is_shared = leg.is_shared || leg.clients.size() > 1;
  result["served"] = is_known ? (is_shared ? "shared" : "known") : (leg.is_candidate ? "ambiguous" : "unknown");
  result["clients"] = Json::array();
  for (const ServedLeg::Client& each : leg.clients) {
    const LegClient& client = clients[each.tunnel];
    result["clients"].push_back({{"client", endpoint(client.client)},
                                 {"input_id", client.input_id},
                                 {"flow", client.flow},
                                 {"ranges", ranges_of(each.ranges)}});
  }
  return result.dump();
}

std::string leg_source_json(const LegSource& source) {
  Json result = {{"input", source.input},
                 {"wan_file", text_or_null(source.file)},
                 {"legs", source.legs},
                 {"legs_dropped", source.legs_dropped},
                 {"clock", nullptr}};
  if (const auto& clock = source.clock) {
    result["clock"] = {{"ahead_seconds", static_cast<double>(clock->ahead) / 1e9},
                       {"uncertainty_seconds", static_cast<double>(clock->uncertainty) / 1e9},
                       {"conversations", clock->conversations}};
  }
  return result.dump();
}

ReportWriter::ReportWriter(const ReportHead& head, Put put) : put_(std::move(put)) {
  put_("{\"schema\": \"proxytunnel-report/1\",\n\"tool\": " + tool_of(head.tool).dump() +
       ",\n\"interrupted\": " + (head.interrupted ? "true" : "false"));
  if (head.window) put_(",\n\"window\": " + window_of(*head.window).dump());
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
  constexpr std::array<std::string_view, 6> heads = {
      "", ",\n\"inputs\": [", ",\n\"tunnels\": [", ",\n\"skipped\": [", ",\n\"legs\": [", ",\n\"correlation\": ["};
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
  if (array_ < Array::skipped) advance_to(Array::skipped);
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
