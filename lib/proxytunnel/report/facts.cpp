// SPDX-License-Identifier: GPL-2.0-or-later
// summary: every fact about an attempt that is one value, once.
#include "report/facts.hpp"

#include <array>
#include <charconv>

#include "report/community_id.hpp"
#include "report/text.hpp"

namespace proxytunnel {
namespace {

Value text(std::string_view words) {
  if (words.empty()) return Null{};
  return printable(words);
}

Value moment(const Stamp& stamp) {
  if (stamp.frame == 0) return Null{};
  return Moment{stamp.time};
}

Value frame(FrameNumber number) {
  if (number == 0) return Null{};
  return static_cast<std::int64_t>(number_in_file(number));
}

// Of a frame in another file than the first one.
Value input_of(const ReportEntry& entry, FrameNumber number) {
  const std::size_t first = file_of(entry.attempt.first.frame);
  if (number == 0 || file_of(number) == first) return Absent{};
  return static_cast<std::int64_t>(entry.input - first + file_of(number));
}

Value port(const Endpoint& end) {
  return std::int64_t{end.port};
}

Value client_port(const Attempt& it) {
  return it.knows_client_port() ? port(it.client) : Null{};
}

// A comma parts words, and a claim may hold one.
Value forwarded_for(const Attempt& it) {
  if (it.forwarded_for.empty()) return Null{};
  Words words;
  for (const std::string& claim : it.forwarded_for) {
    std::string& word = words.emplace_back();
    for (const char c : printable(claim)) word += c == ',' ? "\\x2c" : std::string(1, c);
  }
  return words;
}

// Of what may be nowhere: `there` says whether there is a place for it.
template <class Part>
Value address_of(const std::optional<Part>& part, bool there) {
  if (!there) return Absent{};
  if (!part) return Null{};
  if constexpr (std::is_same_v<Part, Target>) {
    return text(part->address ? part->address->text() : part->host);
  } else {
    return part->address.text();
  }
}

template <class Part>
Value port_of(const std::optional<Part>& part, bool there) {
  if (!there) return Absent{};
  if (!part) return Null{};
  return std::int64_t{part->port};
}

Value target_address(const Attempt& it) {
  if (!it.target || !it.target->address) return Null{};
  return it.target->address->text();
}

// Null for an association and what failed: there the report has null for all of the origin.
template <class Read>
Value of_origin(const Attempt& it, Read read) {
  if (!it.origin) return Absent{};
  return read(*it.origin);
}

Value connect_ms(const Attempt& it) {
  if (it.request.frame == 0 || it.reply.frame == 0) return Null{};
  Time elapsed = 0;  // hostile time stamps may be further apart than Time can tell
  if (__builtin_sub_overflow(it.reply.time, it.request.time, &elapsed)) return Null{};
  return static_cast<double>(elapsed) / 1e6;
}

// "gre", "vxlan 100"
Value encapsulation(const Attempt& it) {
  Words words;
  for (const Wrapping& each : Encapsulation::unpacked(it.encapsulation)) {
    words.push_back(std::string(name_of(each.wrapper)) + (each.id ? " " + std::to_string(*each.id) : ""));
  }
  return words;
}

bool is_udp(const Attempt& it) {
  return it.command == Command::udp_associate || it.transport == Transport::udp;
}

std::int64_t bytes(const ReportEntry& entry, Direction direction) {
  return entry.attempt.payload[direction].bytes();
}

std::int64_t missing_bytes(const ReportEntry& entry, Direction direction) {
  return entry.attempt.payload[direction].missing_bytes();
}

Value packets(const ReportEntry& entry, Direction direction) {
  return static_cast<std::int64_t>(entry.attempt.packets[direction]);
}

Value id_of_shown(const Attempt& it) {
  if (!it.shown) return Null{};
  return community_id(*it.shown, it.transport);
}

// An association has a conversation for each of its flows: they have these facts.
Value inside(const ReportEntry& entry, std::string Inside::*fact) {
  if (entry.attempt.command == Command::udp_associate || entry.inside.empty()) return Null{};
  return text(entry.inside.front().*fact);
}

// Likewise, of the proxy's own connection; of several, the first one.
template <class Read>
Value of_leg(const ReportEntry& entry, Read read) {
  const bool is_known =
      entry.attempt.command != Command::udp_associate && !entry.wan.empty() && entry.wan.front().is_known();
  if (!is_known) return Null{};
  return read(entry.wan.front());
}

template <Endpoint Ends::*end>
Value leg_address(const ReportEntry& entry) {
  return of_leg(entry, [](const WanLeg& leg) { return text((leg.parts.front().leg.ends.*end).address.text()); });
}
template <Endpoint Ends::*end>
Value leg_port(const ReportEntry& entry) {
  return of_leg(entry, [](const WanLeg& leg) { return port(leg.parts.front().leg.ends.*end); });
}

Value reasons(const WanLeg& leg) {
  Words words;
  leg.grounds.each([&words](Ground, const Weight& of) { words.emplace_back(of.name); });
  return words;
}

constexpr auto early = Known::at_opening, unless_relayed = Known::at_opening_unless_relayed, late = Known::at_end;
constexpr auto client = Direction::from_client, server = Direction::from_server;
using Entry = ReportEntry;

constexpr std::array table = {
    Fact{"id", FactType::count, early, [](const Entry& it) -> Value { return std::int64_t{it.attempt.id}; }},
    Fact{"input", FactType::count, early, [](const Entry& it) -> Value { return static_cast<std::int64_t>(it.input); }},
    Fact{"parent", FactType::count, early,
         [](const Entry& it) -> Value {
           if (it.attempt.parent == no_tunnel) return Null{};
           return std::int64_t{it.attempt.parent};
         }},
    Fact{"layer", FactType::count, early, [](const Entry& it) -> Value { return std::int64_t{it.attempt.layer}; }},
    Fact{"protocol", FactType::text, early, [](const Entry& it) { return text(name_of(it.attempt.protocol)); }},
    Fact{"command", FactType::text, early, [](const Entry& it) { return text(name_of(it.attempt.command)); }},
    Fact{"transport", FactType::text, early, [](const Entry& it) { return text(is_udp(it.attempt) ? "udp" : "tcp"); }},
    Fact{"inside_tls", FactType::boolean, early, [](const Entry& it) -> Value { return it.attempt.inside_tls; }},
    Fact{"encapsulation", FactType::words, early, [](const Entry& it) { return encapsulation(it.attempt); }, true},
    Fact{"client.address", FactType::address, early,
         [](const Entry& it) { return text(it.attempt.client.address.text()); }},
    Fact{"client.port", FactType::port, early, [](const Entry& it) { return client_port(it.attempt); }},
    Fact{"proxy.address", FactType::address, early,
         [](const Entry& it) { return text(it.attempt.proxy.address.text()); }},
    Fact{"proxy.port", FactType::port, early, [](const Entry& it) { return port(it.attempt.proxy); }},
    Fact{"username", FactType::text, late,
         [](const Entry& it) { return text(it.attempt.credentials.username.value_or("")); }},
    Fact{"target.host", FactType::text, unless_relayed,
         [](const Entry& it) { return text(it.attempt.target ? it.attempt.target->host : it.attempt.target_text); }},
    Fact{"target.address", FactType::address, unless_relayed,
         [](const Entry& it) { return target_address(it.attempt); }},
    Fact{"target.port", FactType::port, unless_relayed,
         [](const Entry& it) { return port_of(it.attempt.target, true); }},
    Fact{"origin.address", FactType::address, early,
         [](const Entry& it) {
           return of_origin(it.attempt, [](const Origin& origin) { return text(origin.endpoint.address.text()); });
         }},
    Fact{"origin.port", FactType::port, early,
         [](const Entry& it) {
           return of_origin(it.attempt, [](const Origin& origin) { return port(origin.endpoint); });
         }},
    Fact{"origin.provenance", FactType::text, early,
         [](const Entry& it) {
           return of_origin(it.attempt, [](const Origin& origin) { return text(name_of(origin.provenance)); });
         }},
    Fact{"origin.answered", FactType::address, early,
         [](const Entry& it) {
           return of_origin(it.attempt, [](const Origin& origin) -> Value {
             if (!origin.answered) return Absent{};
             return origin.answered->text();
           });
         }},
    Fact{"virtual_client.address", FactType::address, early,
         [](const Entry& it) { return address_of(it.attempt.virtual_client, it.attempt.virtual_client.has_value()); }},
    Fact{"virtual_client.port", FactType::port, early,
         [](const Entry& it) { return port_of(it.attempt.virtual_client, it.attempt.virtual_client.has_value()); }},
    Fact{"bound.address", FactType::text, late, [](const Entry& it) { return address_of(it.attempt.bound, true); }},
    Fact{"bound.port", FactType::port, late, [](const Entry& it) { return port_of(it.attempt.bound, true); }},
    Fact{"peer.address", FactType::text, late,
         [](const Entry& it) { return address_of(it.attempt.peer, it.attempt.command == Command::bind); }},
    Fact{"peer.port", FactType::port, late,
         [](const Entry& it) { return port_of(it.attempt.peer, it.attempt.command == Command::bind); }},
    Fact{"status", FactType::text, late, [](const Entry& it) { return text(name_of(it.attempt.status)); }},
    Fact{"reason", FactType::text, late, [](const Entry& it) { return text(it.attempt.reason); }},
    Fact{"reply_code", FactType::count, late,
         [](const Entry& it) -> Value {
           if (it.attempt.reply_code < 0) return Null{};
           return std::int64_t{it.attempt.reply_code};
         }},
    Fact{"times.request", FactType::moment, early, [](const Entry& it) { return moment(it.attempt.request); }},
    Fact{"times.reply", FactType::moment, late, [](const Entry& it) { return moment(it.attempt.reply); }},
    Fact{"times.closed", FactType::moment, late, [](const Entry& it) { return moment(it.attempt.closed); }},
    Fact{"connect_ms", FactType::number, late, [](const Entry& it) { return connect_ms(it.attempt); }},
    Fact{"frames.first", FactType::count, early, [](const Entry& it) { return frame(it.attempt.first.frame); }},
    Fact{"frames.request", FactType::count, early, [](const Entry& it) { return frame(it.attempt.request.frame); }},
    Fact{"frames.reply", FactType::count, late, [](const Entry& it) { return frame(it.attempt.reply.frame); }},
    Fact{"frames.first_payload", FactType::count, late,
         [](const Entry& it) { return frame(it.attempt.first_payload); }},
    Fact{"frames.last", FactType::count, late, [](const Entry& it) { return frame(it.attempt.last); }},
    Fact{"client_payload.bytes", FactType::count, late, [](const Entry& it) -> Value { return bytes(it, client); }},
    Fact{"client_payload.missing_bytes", FactType::count, late,
         [](const Entry& it) -> Value { return missing_bytes(it, client); }},
    Fact{"client_payload.sha256", FactType::text, late, [](const Entry& it) { return text(it.sha256[client]); }},
    Fact{"server_payload.bytes", FactType::count, late, [](const Entry& it) -> Value { return bytes(it, server); }},
    Fact{"server_payload.missing_bytes", FactType::count, late,
         [](const Entry& it) -> Value { return missing_bytes(it, server); }},
    Fact{"server_payload.sha256", FactType::text, late, [](const Entry& it) { return text(it.sha256[server]); }},
    Fact{"anomalies", FactType::set, late, [](const Entry& it) -> Value { return it.attempt.anomalies; }},
    Fact{"community_id", FactType::text, late, [](const Entry& it) { return id_of_shown(it.attempt); }},
    Fact{"parent_community_id", FactType::text, early,
         [](const Entry& it) -> Value { return community_id(it.attempt.carrier, it.attempt.carrier_transport()); }},
    Fact{"packets.client", FactType::count, late, [](const Entry& it) { return packets(it, client); }},
    Fact{"packets.server", FactType::count, late, [](const Entry& it) { return packets(it, server); }},
    Fact{"input_id", FactType::count, early, [](const Entry& it) -> Value { return std::int64_t{it.attempt.id}; }},
    Fact{"frame_inputs.request", FactType::count, early,
         [](const Entry& it) { return input_of(it, it.attempt.request.frame); }},
    Fact{"frame_inputs.reply", FactType::count, late,
         [](const Entry& it) { return input_of(it, it.attempt.reply.frame); }},
    Fact{"frame_inputs.first_payload", FactType::count, late,
         [](const Entry& it) { return input_of(it, it.attempt.first_payload); }},
    Fact{"frame_inputs.last", FactType::count, late, [](const Entry& it) { return input_of(it, it.attempt.last); }},
    Fact{"service", FactType::text, late, [](const Entry& it) { return inside(it, &Inside::service); }},
    Fact{"sni", FactType::text, late, [](const Entry& it) { return inside(it, &Inside::sni); }},
    Fact{"alpn", FactType::text, late, [](const Entry& it) { return inside(it, &Inside::alpn); }},
    Fact{"http_host", FactType::text, late, [](const Entry& it) { return inside(it, &Inside::http_host); }},
    Fact{"wan_leg.client.address", FactType::address, late, leg_address<&Ends::initiator>, true},
    Fact{"wan_leg.client.port", FactType::port, late, leg_port<&Ends::initiator>, true},
    Fact{"wan_leg.server.address", FactType::address, late, leg_address<&Ends::acceptor>, true},
    Fact{"wan_leg.server.port", FactType::port, late, leg_port<&Ends::acceptor>, true},
    Fact{"wan_leg.score", FactType::number, late,
         [](const Entry& it) { return of_leg(it, [](const WanLeg& leg) -> Value { return leg.score; }); }, true},
    Fact{"wan_leg.reasons", FactType::words, late, [](const Entry& it) { return of_leg(it, reasons); }, true},
    Fact{"wan_leg.shared", FactType::boolean, late,
         [](const Entry& it) { return of_leg(it, [](const WanLeg& leg) -> Value { return leg.is_shared; }); }, true},
    Fact{"forwarded_for", FactType::words, late, [](const Entry& it) { return forwarded_for(it.attempt); }},
    Fact{"forwarded_for_provenance", FactType::text, late,
         [](const Entry& it) { return text(it.attempt.forwarded_for.empty() ? "" : PT_CLAIMED_BY_PEER); }},
};

struct AsText {
  std::string operator()(Absent) const { return {}; }
  std::string operator()(Null) const { return {}; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    std::array<char, 512> digits{};  // enough for any double without an exponent
    const auto end = std::to_chars(digits.begin(), digits.end(), value, std::chars_format::fixed).ptr;
    return {digits.begin(), end};
  }
  std::string operator()(Moment value) const { return rfc3339(value.time); }
  std::string operator()(Interval value) const { return operator()(static_cast<double>(value.time) / 1e9); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const Words& value) const {
    std::string words;
    for (const std::string& word : value) words += (words.empty() ? "" : ",") + word;
    return words;
  }
};

}  // namespace

std::span<const Fact> facts() noexcept {
  return table;
}

std::string text_of(const Value& value) {
  return std::visit(AsText(), value);
}

}  // namespace proxytunnel
