// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: UDP ASSOCIATE; what a SOCKS proxy relays becomes datagrams between the client and its targets.
#include "udp_session.hpp"
#include "unit.hpp"

using namespace udp_session;

namespace {

void datagrams_go_to_their_targets_and_back(void**) {
  Session s;
  assert_int_equal(s.run.opened.size(), 1);
  assert_false(s.run.opened[0].origin.has_value());
  s.send(wrapped(v4, "query"));
  s.receive(wrapped(v4, "answer"));
  s.send(wrapped(v6, "six"));
  s.send(wrapped(name, "named"));
  const Endpoint origin = s.run.flows.at(2).attempt.origin->endpoint;  // made up
  s.receive(wrapped(v6, "6"));
  const Endpoint mapped = wire::endpoint("::ffff:10.0.0.5", 50000);
  assert_shown(s, 0, from, origin4, "query");
  assert_shown(s, 1, origin4, from, "answer");
  assert_shown(s, 2, mapped, origin6, "six");
  assert_shown(s, 3, from, origin, "named");
  assert_shown(s, 4, origin6, mapped, "6");
  const std::uint32_t flows[] = {0, 0, 1, 2, 1};
  const Offset offsets[] = {0, 0, 5, 8, 6};
  for (std::size_t i = 0; i < 5; ++i) {
    assert_int_equal(s.seen().packets[i].flow, flows[i]);
    assert_int_equal(s.seen().packets[i].offset, offsets[i]);
    assert_int_equal(s.seen().packets[i].frame.number, 8 + i);
  }

  assert_int_equal(s.run.flows.size(), 3);
  assert_true(s.run.flows[1].attempt.origin->endpoint == origin6 && s.run.flows[1].flow == 1);
  assert_string_equal(s.run.flows[2].attempt.target->text().c_str(), "example.com:443");
  assert_true(s.run.flows[2].attempt.origin->provenance == Provenance::synthetic);
  s.run.finish();
  const Attempt& attempt = s.run.ended.at(0);
  assert_true(attempt.command == Command::udp_associate && attempt.status == Status::established);
  assert_int_equal(attempt.flows.size(), 3);
  assert_int_equal(attempt.flows[0].datagrams[Direction::from_client], 1);
  assert_int_equal(attempt.flows[0].bytes[Direction::from_server], 6);
  assert_int_equal(attempt.flows[1].bytes[Direction::from_client], 3);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 13);
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), 7);
  assert_false(attempt.target.has_value() || attempt.origin.has_value());  // three flows, and none is the one
  assert_int_equal(attempt.first_payload, 8);
  assert_int_equal(attempt.last, 12);
  assert_true(attempt.anomalies.empty());
}

void a_name_keeps_the_address_it_had_first(void**) {
  Session s;
  s.send(wrapped(name, "before"));
  s.run.tracker.names().record(Provenance::hosts_file, "example.com", *Address::parse("192.0.2.99"));
  s.send(wrapped(name, "after"));
  assert_true(s.seen().packets[0].receiver == s.seen().packets[1].receiver);
  assert_int_equal(s.run.flows.size(), 1);
}

// RFC 1928 section 7: the fragments of one datagram, and none of them alone.
void fragments_are_put_together(void**) {
  Session s;
  s.send(wrapped(v4, "one ", 1));
  s.send(wrapped(v4, "two ", 2));
  assert_true(s.run.conversations.empty());
  s.receive(wrapped(v4, "a", 1));  // the other direction has a queue of its own
  s.send(wrapped(v4, "three", static_cast<char>(0x83)));
  assert_shown(s, 0, from, origin4, "one two three");
  assert_true(s.seen().packets[0].kind == VirtualKind::held);
  assert_int_equal(s.seen().packets[0].frame.number, 11);
  s.receive(wrapped(v4, "b", static_cast<char>(0x82)));
  assert_shown(s, 1, origin4, from, "ab");
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
  assert_int_equal(s.run.ended.at(0).payload[Direction::from_client].bytes(), 13);
}

void fragments_that_are_not_whole_come_to_nothing(void**) {
  const std::vector<std::vector<std::string>> broken = {
      {wrapped(v4, "one", 1), wrapped(v4, "three", static_cast<char>(0x83))},  // one is missing
      {wrapped(v4, "two", 2)},                                                 // the first one is missing
      {wrapped(v4, "one", 1), wrapped(v6, "two", static_cast<char>(0x82))},    // another target
      {wrapped(v4, "one", 1), wrapped(v4, "one", 1)},                          // given up for a new one
      {wrapped(v4, "none", static_cast<char>(0x80))},                          // no position at all
      {wrapped(v4, "one", 1)},                                                 // the capture ends
  };
  for (const auto& datagrams : broken) {
    Session s;
    for (const std::string& datagram : datagrams) s.send(datagram);
    s.run.finish();
    assert_true(s.run.conversations.empty());
    assert_true(has_noted_once(s.run.ended.at(0), "fragments-lost"));
  }
}

void a_whole_datagram_gives_up_the_fragments_before_it(void**) {
  for (const int fragment : {0, 0x81}) {  // none, and the only one
    Session s;
    s.send(wrapped(v4, "one", 1));
    s.send(wrapped(v4, "whole", static_cast<char>(fragment)));
    s.run.finish();
    assert_int_equal(s.seen().packets.size(), 1);
    assert_shown(s, 0, from, origin4, "whole");
    assert_true(has_noted_once(s.run.ended.at(0), "fragments-lost"));
  }
}

void an_association_ends_with_its_connection(void**) {
  for (const bool is_reset : {false, true}) {
    Session s;
    s.send(wrapped(v4, "in time"));
    s.run.put(is_reset ? s.c.rst(End::client) : s.c.fin(End::client));
    if (!is_reset) {
      s.send(wrapped(v4, "half closed"));
      s.run.put(s.c.fin(End::server));
    }
    s.send(wrapped(v4, "late"));
    s.receive(wrapped(v4, "late"));
    s.run.finish();
    assert_int_equal(s.seen().packets.size(), is_reset ? 1 : 2);
    assert_int_equal(s.run.ended.size(), 1);
    assert_int_equal(s.run.ended[0].closed.frame, is_reset ? 9 : 11);
    assert_int_equal(s.run.ended[0].last, is_reset ? 8 : 10);
  }
}

void datagrams_of_strangers_are_none_of_ours(void**) {
  Session s;
  const auto put = [&](const Endpoint& sender, const Endpoint& receiver, const std::string& payload) {
    s.run.put(s.udp.datagram(sender, receiver, payload));
  };
  put(wire::endpoint("10.0.0.6", 50000), relay, wrapped(v4, "another client"));
  put(from, wire::endpoint("10.0.0.1", 5001), wrapped(v4, "another port"));
  put(from, wire::endpoint("10.0.0.2", 5000), wrapped(v4, "another host"));
  put(relay, from, wrapped(v4, "nobody spoke from this port yet"));
  put(relay, wire::endpoint("10.0.0.6", 50000), wrapped(v4, "another client"));
  put(from, relay, "no header");
  assert_true(s.run.conversations.empty() && s.run.flows.empty());
  s.send(wrapped(v4, "ours"));
  assert_shown(s, 0, from, origin4, "ours");
  s.run.finish();
  assert_true(s.run.ended.at(0).anomalies.empty());
}

void what_is_no_relayed_datagram_is_noted(void**) {
  Session s;
  s.send(wrapped(v4, "ours"));
  s.send("\x00\x01no header"s);
  Datagram cut = s.udp.datagram(from, relay, wrapped(v4, "cut in its header"));
  cut.payload = cut.payload.first(6);
  s.run.put(cut);
  s.run.finish();
  assert_int_equal(s.seen().packets.size(), 1);
  assert_true(has_noted_once(s.run.ended.at(0), "malformed-datagram"));
  assert_true(has_noted_once(s.run.ended.at(0), "cut-datagram"));
}

void a_payload_that_is_cut_is_missing(void**) {
  Session s;
  Datagram cut = s.udp.datagram(from, relay, wrapped(v4, "0123456789"));
  cut.payload = cut.payload.first(10 + 4);
  s.run.put(cut);
  s.run.finish();
  assert_string_equal(s.seen().payloads.at(0).c_str(), "0123");
  assert_int_equal(s.seen().packets[0].length, 10);
  // The checksum is that of the whole payload: it follows from the one that was sent.
  assert_int_equal(s.seen().packets[0].as_datagram().checksum,
                   wire::udp_checksum(from, origin4, bytes_of("0123456789")));
  assert_int_equal(s.run.ended.at(0).payload[Direction::from_client].missing_bytes(), 6);
}

void more_targets_than_can_be_listed_are_shown(void**) {
  Session s;
  std::string target = v4;
  for (std::size_t i = 0; i <= limits::flows_per_association; ++i) {
    target[5] = static_cast<char>(1 + i / 256);
    target[6] = static_cast<char>(i % 256);
    s.send(wrapped(target, std::to_string(i)));
  }
  s.run.finish();
  const Attempt& attempt = s.run.ended.at(0);
  assert_int_equal(attempt.flows.size(), limits::flows_per_association);
  assert_true(has_noted_once(attempt, "too-many-targets"));
  assert_int_equal(s.seen().packets.size(), limits::flows_per_association + 1);
  assert_shown(s, limits::flows_per_association, from, wire::endpoint("192.0.2.7", 512), "256");
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 10 + 90 * 2 + 157 * 3);
}

// v2ray: one relay port for all clients.
void a_relay_may_serve_many_clients(void**) {
  constexpr std::uint16_t count = 1000;
  Run run;
  std::uint64_t frame = 0;
  const auto client_of = [](std::uint16_t i, std::uint16_t port) {
    Endpoint end = wire::endpoint("10.1.0.0", port);
    put16(&end.address.octets[2], i);
    return end;
  };
  for (std::uint16_t i = 0; i < count; ++i) {
    wire::Connection c(client_of(i, 40000), proxy);
    c.frame = frame;
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    run.put(c.say(End::client, associate));
    run.put(c.say(End::server, granted));
    frame = c.frame;
  }
  wire::Connection frames(client, proxy);
  wire::Sender udp(frames);
  for (std::uint16_t i = 0; i < count; ++i) {
    run.put(udp.datagram(client_of(i, 50000), relay, wrapped(v4, "query")));
    run.put(udp.datagram(relay, client_of(i, 50000), wrapped(v4, "answer")));
  }
  assert_int_equal(run.conversations.size(), count);
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto& packets = run.conversations.at(i).packets;
    assert_int_equal(packets.size(), 2);
    assert_true(packets[0].sender == client_of(i, 50000) && packets[1].receiver == client_of(i, 50000));
  }
}

void ports_that_are_forgotten_are_told(void**) {
  TrackerOptions options;
  options.connections = 4;
  Session s(associate, granted, options);
  const auto receive_at = [&s](std::uint16_t port) {
    const std::size_t before = s.seen().packets.size();
    s.run.put(s.udp.datagram(relay, {from.address, port}, wrapped(v4, "answer")));
    return s.seen().packets.size() - before;
  };
  for (std::uint16_t port = 1; port <= 8; ++port) {
    s.run.put(s.udp.datagram({from.address, port}, relay, wrapped(v4, "query")));
    assert_int_equal(receive_at(port), 1);
  }
  assert_int_equal(receive_at(1), 0);
  assert_int_equal(receive_at(8), 1);
  s.run.finish();
  assert_true(has_noted_once(s.run.ended.at(0), "too-many-ports"));
  assert_int_equal(s.seen().packets.size(), 17);
}

void the_relay_may_be_another_host(void**) {
  Session s(associate, "\x05\x00\x00\x01\xcb\x00\x71\x04\x13\x88"s);  // 203.0.113.4:5000
  const Endpoint elsewhere = wire::endpoint("203.0.113.4", 5000);
  s.run.put(s.udp.datagram(from, elsewhere, wrapped(v4, "there")));
  s.run.put(s.udp.datagram(elsewhere, from, wrapped(v4, "back")));
  s.send(wrapped(v4, "or at the proxy"));
  assert_shown(s, 0, from, origin4, "there");
  assert_shown(s, 1, origin4, from, "back");
  assert_shown(s, 2, from, origin4, "or at the proxy");
}

void a_relay_may_speak_first_to_an_announced_port(void**) {
  Session s("\x05\x03\x00\x01\x0a\x00\x00\x05\xc3\x50"s);  // from 10.0.0.5:50000
  s.receive(wrapped(v4, "news"));
  assert_shown(s, 0, origin4, from, "news");
}

void mapped_ends_are_shown_plain(void**) {
  Session s;
  const Endpoint mapped = wire::endpoint("::ffff:10.0.0.5", 50000),
                 mapped_relay = wire::endpoint("::ffff:10.0.0.1", 5000);
  s.run.put(s.udp.datagram(mapped, mapped_relay, wrapped(v4, "there")));
  s.run.put(s.udp.datagram(mapped_relay, mapped, wrapped(v4, "back")));
  assert_shown(s, 0, from, origin4, "there");
  assert_shown(s, 1, origin4, from, "back");
}

void datagrams_keep_their_association_alive(void**) {
  TrackerOptions options;
  options.connections = 2;
  Session s(associate, granted, options);
  for (std::uint16_t port = 1; port <= 4; ++port) {
    wire::Connection other(wire::endpoint("10.0.0.9", port), proxy);
    s.run.put(other.syn());
    s.send(wrapped(v4, std::to_string(port)));
  }
  assert_int_equal(s.seen().packets.size(), 4);
  assert_shown(s, 3, from, origin4, "4");
  assert_true(s.run.ended.empty());
}

void a_refused_association_relays_nothing(void**) {
  Session s(associate, "\x05\x07\x00\x01\x00\x00\x00\x00\x13\x88"s);
  s.send(wrapped(v4, "x"));
  s.run.finish();
  assert_true(s.run.conversations.empty());
  assert_true(s.run.ended.at(0).status == Status::refused);
}

// A UDP associate inside a UDP associate: the outer target is a relay, too.
void relays_may_be_chained(void**) {
  wire::Connection c(client, proxy);
  wire::Sender udp(c);
  Run run;
  put_handshake(run, c);  // CONNECT to 192.0.2.7:80, the second proxy
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, associate));
  run.put(c.say(End::server, "\x05\x00\x00\x01\xc0\x00\x02\x07\x13\x88"s));  // at 192.0.2.7:5000, in the tunnel
  wire::Connection second(wire::endpoint("10.0.0.5", 40001), proxy, 77, 88);
  second.frame = c.frame;
  put_opening(run, second);
  run.put(second.say(End::client, greeting));
  run.put(second.say(End::server, method));
  run.put(second.say(End::client, associate));
  run.put(second.say(End::server, granted));
  c.frame = second.frame;
  const std::string to_second_relay = "\x01\xc0\x00\x02\x07\x13\x88"s;
  run.put(udp.datagram(from, relay, wrapped(to_second_relay, wrapped("\x01\xcb\x00\x71\x63\x00\x35"s, "deep"))));
  const Endpoint far = wire::endpoint("203.0.113.99", 53);
  const Conversation& outer = run.conversations.at(2);
  assert_true(outer.packets.at(0).receiver == wire::endpoint("192.0.2.7", 5000));
  const Conversation& inner = run.conversations.at(1);
  assert_string_equal(inner.payloads.back().c_str(), "deep");
  assert_true(inner.packets.back().sender == from && inner.packets.back().receiver == far);
  assert_int_equal(inner.packets.back().layer, 1);
}

void an_answer_of_a_relayed_name_server_is_evidence(void**) {
  const std::string answer =
      "\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x04host\x04test\x00\x00\x01\x00\x01"
      "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x63"s;
  const std::string question = "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04host\x04test\x00\x00\x01\x00\x01"s;
  for (const bool is_asked : {true, false}) {
    Session s;
    s.send(wrapped(v4, is_asked ? question : "no question"));
    s.receive(wrapped(v4, answer));
    s.send(wrapped("\x03\x09"s + "host.test\x00\x50"s, "x"));
    const Origin& origin = *s.run.flows.at(1).attempt.origin;
    assert_true(origin.provenance == (is_asked ? Provenance::dns_in_capture : Provenance::synthetic));
    assert_int_equal(origin.candidates.size(), is_asked ? 0 : 1);
    if (is_asked) {
      assert_shown(s, 2, from, wire::endpoint("192.0.2.99", 80), "x");
      assert_true(origin.answered == from.address);
    } else {
      assert_true(origin.candidates[0].provenance == Provenance::dns_unasked);
      assert_true(origin.candidates[0].asked_by == from.address);
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(datagrams_go_to_their_targets_and_back),
      cmocka_unit_test(a_name_keeps_the_address_it_had_first),
      cmocka_unit_test(fragments_are_put_together),
      cmocka_unit_test(fragments_that_are_not_whole_come_to_nothing),
      cmocka_unit_test(a_whole_datagram_gives_up_the_fragments_before_it),
      cmocka_unit_test(an_association_ends_with_its_connection),
      cmocka_unit_test(datagrams_of_strangers_are_none_of_ours),
      cmocka_unit_test(what_is_no_relayed_datagram_is_noted),
      cmocka_unit_test(a_payload_that_is_cut_is_missing),
      cmocka_unit_test(more_targets_than_can_be_listed_are_shown),
      cmocka_unit_test(a_relay_may_serve_many_clients),
      cmocka_unit_test(ports_that_are_forgotten_are_told),
      cmocka_unit_test(the_relay_may_be_another_host),
      cmocka_unit_test(a_relay_may_speak_first_to_an_announced_port),
      cmocka_unit_test(mapped_ends_are_shown_plain),
      cmocka_unit_test(datagrams_keep_their_association_alive),
      cmocka_unit_test(a_refused_association_relays_nothing),
      cmocka_unit_test(relays_may_be_chained),
      cmocka_unit_test(an_answer_of_a_relayed_name_server_is_evidence),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
