// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is inside, as far as nDPI has no part in it: the first payload in turns, what differs from the target,
//          and who shares credentials.
#include <string>

#include "inside/differences.hpp"
#include "inside/first_payload.hpp"
#include "inside/insides.hpp"
#include "inside/inspector.hpp"
#include "shared_credentials.hpp"
#include "unit.hpp"

using namespace proxytunnel;
using namespace unproxy;

namespace {

constexpr auto client = Direction::from_client, server = Direction::from_server;

Bytes bytes_in(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(const FirstPayload& payload) {
  std::string text;
  for (const Turn& turn : payload.turns()) {
    text += (turn.direction == client ? '>' : '<') + std::string(turn.bytes.begin(), turn.bytes.end());
  }
  return text;
}

void turns_are_in_the_order_of_the_streams(void**) {
  FirstPayload payload;
  payload.add_segment(client, 3, bytes_in("def"));
  payload.add_segment(client, 0, bytes_in("abc"));
  payload.add_segment(client, 0, bytes_in("XYZ"));  // again: the first one counts
  payload.add_segment(server, 0, bytes_in("ok"));
  payload.add_segment(server, 3, bytes_in("behind a hole"));
  payload.add_segment(client, 6, bytes_in("g"));
  payload.add_segment(client, -5, bytes_in("before"));
  assert_string_equal(text_of(payload).c_str(), ">abcdef<ok>g");
  assert_false(payload.is_full());
}

void no_more_is_kept_than_there_is_room_for(void**) {
  FirstPayload payload;
  payload.add_segment(client, 0, bytes_in(std::string(5000, 'x')));
  payload.add_segment(server, 0, bytes_in("late"));
  assert_true(payload.is_full());
  assert_int_equal(text_of(payload).size(), 1 + FirstPayload::most_bytes);

  FirstPayload turns;
  for (int i = 0; i < 20; ++i) turns.add_segment(i % 2 == 0 ? client : server, i / 2, bytes_in("x"));
  assert_true(turns.is_full());
  assert_int_equal(turns.turns().size(), FirstPayload::most_turns);

  FirstPayload packets;
  for (int i = 0; i < 100 && !packets.is_full(); ++i) packets.add_segment(client, 1 + 2 * i, bytes_in("x"));
  assert_true(packets.is_full() && packets.turns().empty());

  FirstPayload datagrams;
  for (int i = 0; i < 20; ++i) datagrams.add_datagram(client, bytes_in(std::string(600, 'x')));
  assert_true(datagrams.is_full());
  assert_int_equal(datagrams.turns().size(), 7);
}

/// The anomalies of a tunnel to `target` in which `inside` was seen, with a comma behind each.
std::string differences(const Target& target, const Inside& inside, Carries carries = Carries::payload) {
  ReportEntry entry;
  entry.attempt.target = target;
  entry.inside = {inside};
  note_differences(entry, carries);
  std::string all;
  for (const std::string& anomaly : entry.attempt.anomalies) all += anomaly + ",";
  return all;
}

void names_are_compared_as_dns_does(void**) {
  const Inside tls{"ssl", "b.example", "", ""}, http{"http", "", "", "b.example"};
  assert_string_equal(differences(Target::named("a.example", 8443), tls).c_str(), "sni-differs,");
  assert_string_equal(differences(Target::named("B.Example.", 8443), tls).c_str(), "");
  assert_string_equal(differences(Target::named("192.0.2.1", 8443), tls).c_str(), "");
  assert_string_equal(differences(Target::named("a.example", 8443), {"ssl", "", "", ""}).c_str(), "");
  assert_string_equal(differences(Target::named("a.example", 8080), http).c_str(), "host-differs,");
  assert_string_equal(differences(Target::named("a.example", 8080), http, Carries::tunnels).c_str(), "");
  assert_string_equal(differences(Target::named("b.example", 8080), http).c_str(), "");
  // Of a long name the end is known.
  const std::string end(longest_seen_name, 'n');
  assert_string_equal(differences(Target::named("front." + end, 8443), {"ssl", end, "", ""}).c_str(), "");
  assert_string_equal(differences(Target::named("front.x" + end + "y", 8443), {"ssl", end, "", ""}).c_str(),
                      "sni-differs,");
  assert_string_equal(differences(Target::named("nn", 8443), {"ssl", end, "", ""}).c_str(), "sni-differs,");
}

void well_known_ports_are_for_one_service(void**) {
  constexpr const char* differs = "service-differs-from-port,";
  const Target https = Target::named("192.0.2.1", 443), http = Target::named("192.0.2.1", 80);
  assert_string_equal(differences(https, {"ssh", "", "", ""}).c_str(), differs);
  assert_string_equal(differences(https, {"http", "", "", ""}).c_str(), differs);
  assert_string_equal(differences(http, {"ssl", "", "", ""}).c_str(), differs);
  assert_string_equal(differences(https, {"ssl", "", "", ""}).c_str(), "");
  assert_string_equal(differences(https, {"", "", "", ""}).c_str(), "");
  assert_string_equal(differences(Target::named("192.0.2.1", 8443), {"ssh", "", "", ""}).c_str(), "");
}

void flows_have_targets_of_their_own(void**) {
  ReportEntry entry;
  entry.attempt.command = Command::udp_associate;
  entry.attempt.flows = {{Target::named("a.example", 53), {}}, {Target::named("b.example", 443), {}}};
  entry.inside = {{"dns", "", "", ""}, {"quic", "b.example", "", ""}};
  note_differences(entry, Carries::payload);
  assert_true(entry.attempt.anomalies.empty());
  entry.inside = {{"dns", "", "", ""}, {"dns", "c.example", "", ""}};
  note_differences(entry, Carries::payload);
  assert_int_equal(entry.attempt.anomalies.size(), 2);
}

void who_shares_credentials_is_told_from_the_second_on(void**) {
  SharedCredentials credentials;
  const auto is_shared = [&](const char* from, const char* user, const char* password, const char* proxy = "10.0.0.1",
                             Status status = Status::established) {
    Attempt attempt;
    attempt.client = {*Address::parse(from), 40000};
    attempt.proxy = {*Address::parse(proxy), 1080};
    attempt.credentials = {user, password == nullptr ? std::nullopt : std::optional<std::string>(password)};
    attempt.status = status;
    credentials.ended(attempt);
    return attempt.has_noted("credentials-shared");
  };
  assert_false(is_shared("10.0.0.5", "ann", "secret"));
  assert_false(is_shared("10.0.0.5", "ann", "secret"));
  assert_false(is_shared("10.0.0.6", "ann", "other"));
  assert_false(is_shared("10.0.0.6", "annsec", "ret"));
  assert_false(is_shared("10.0.0.6", "ann", nullptr));
  assert_false(is_shared("10.0.0.6", "ann", "secret", "10.0.0.2"));
  assert_false(is_shared("10.0.0.6", "ann", "secret", "10.0.0.1", Status::auth_failed));
  assert_true(is_shared("10.0.0.6", "ann", "secret"));
  assert_true(is_shared("10.0.0.5", "ann", "secret"));
  for (std::size_t i = 0; i < SharedCredentials::most; ++i) is_shared("10.0.0.5", "many", std::to_string(i).c_str());
  assert_false(is_shared("10.0.0.5", "one more", "x") || is_shared("10.0.0.6", "one more", "x"));
  assert_true(is_shared("10.0.0.6", "many", "0"));
}

/// The service of a conversation whose request comes in two packets, between which others begin.
std::string service_beside(std::size_t others, Insides::Wanted wanted) {
  Insides insides(true);
  const std::string request = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
  const auto say = [&insides](TunnelId id, Offset offset, const std::string& text) {
    VirtualPacket packet;
    packet.tunnel = id;
    packet.offset = offset;
    packet.payload = bytes_in(text);
    insides.packet(packet);
  };
  insides.opened(0);
  say(0, 0, request.substr(0, 2));
  for (TunnelId id = 1; id <= others; ++id) {
    insides.opened(id, wanted);
    say(id, 0, "x");
  }
  say(0, 2, request.substr(2));
  for (TunnelId id = 1; id <= others; ++id) insides.forget(id);
  ReportEntry entry;
  entry.attempt.id = 0;
  insides.ended(entry);
  return entry.inside.empty() ? "" : entry.inside[0].service;
}

void what_is_not_wanted_takes_room_like_others(void**) {
  if (Inspector::version().empty()) return;  // nobody looks
  for (const auto wanted : {Insides::Wanted::yes, Insides::Wanted::no}) {
    assert_string_equal(service_beside(Insides::most_waiting - 1, wanted).c_str(), "http");
    assert_string_equal(service_beside(Insides::most_waiting, wanted).c_str(), "");
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(turns_are_in_the_order_of_the_streams),
      cmocka_unit_test(no_more_is_kept_than_there_is_room_for),
      cmocka_unit_test(names_are_compared_as_dns_does),
      cmocka_unit_test(well_known_ports_are_for_one_service),
      cmocka_unit_test(flows_have_targets_of_their_own),
      cmocka_unit_test(what_is_not_wanted_takes_room_like_others),
      cmocka_unit_test(who_shares_credentials_is_told_from_the_second_on),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
