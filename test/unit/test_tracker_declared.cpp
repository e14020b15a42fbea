// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: PROXY headers in front of datagrams; each datagram and each answer is the declared client's.
#include "base/limits.hpp"
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint balancer = wire::endpoint("10.81.0.8", 50270), server = wire::endpoint("10.81.0.53", 53);
const Endpoint one = wire::endpoint("203.0.113.9", 50000), two = wire::endpoint("203.0.113.10", 50001);
const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string local = signature + "\x20\x00\x00\x00"s;

void add16(std::string& text, unsigned value) {
  text += static_cast<char>(value >> 8);
  text += static_cast<char>(value & 0xff);
}

std::string header_for(const Endpoint& client, const std::string& tlvs = "", char family_transport = 0) {
  const Endpoint asked =
      client.address.is_v4() ? wire::endpoint("198.51.100.1", 53) : wire::endpoint("2001:db8::1", 53);
  if (family_transport == 0) family_transport = client.address.is_v4() ? '\x12' : '\x22';
  std::string block;
  block += text_of(client.address.bytes());
  block += text_of(asked.address.bytes());
  add16(block, client.port);
  add16(block, asked.port);
  block += tlvs;
  std::string header = signature + "\x21"s + family_transport;
  add16(header, static_cast<unsigned>(block.size()));
  return header + block;
}

std::string dns(std::uint16_t id, const std::string& label, bool is_answer) {
  std::string message;
  for (const unsigned word : {unsigned{id}, is_answer ? 0x8180U : 0x0100U, 1U, is_answer ? 1U : 0U, 0U, 0U}) {
    add16(message, word);
  }
  message += static_cast<char>(label.size()) + label + "\0\0\x01\0\x01"s;
  if (is_answer) message += "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x63"s;
  return message;
}

struct Session {
  explicit Session(const TrackerOptions& options = {}) : run(options) {}
  void put(const Endpoint& from, const Endpoint& to, const std::string& payload) {
    run.put(udp.datagram(from, to, payload));
  }
  void send(const std::string& payload) { put(balancer, server, payload); }
  void answer(const std::string& payload) { put(server, balancer, payload); }
  std::size_t shown() const {
    std::size_t count = 0;
    for (const auto& [id, conversation] : run.conversations) count += conversation.packets.size();
    return count;
  }

  wire::Connection c{balancer, server};
  wire::Sender udp{c};
  Run run;
};

void assert_shown(const Session& s, TunnelId id, std::size_t index, const Endpoint& sender, const Endpoint& receiver,
                  const std::string& payload) {
  const Conversation& seen = s.run.conversations.at(id);
  assert_true(index < seen.packets.size());
  const VirtualPacket& packet = seen.packets[index];
  assert_true(packet.transport == Transport::udp && packet.kind == VirtualKind::translated);
  assert_string_equal(packet.sender.text().c_str(), sender.text().c_str());
  assert_string_equal(packet.receiver.text().c_str(), receiver.text().c_str());
  assert_string_equal(seen.payloads[index].c_str(), payload.c_str());
  assert_int_equal(packet.as_datagram().checksum, wire::udp_checksum(sender, receiver, bytes_of(payload)));
}

void the_declared_client_speaks_to_the_server(void**) {
  Session s;
  s.send(header_for(one) + "query");
  s.answer("answer");
  s.send(header_for(one, "\x04\x00\x01\x00"s) + "again");  // 32 bytes; a TLV that says nothing
  s.send(header_for(one, "\x04\x00\x00"s) + "odd");        // 31 bytes
  s.answer("once more");
  assert_shown(s, 0, 0, one, server, "query");
  assert_shown(s, 0, 1, server, one, "answer");
  assert_shown(s, 0, 2, one, server, "again");
  assert_shown(s, 0, 3, one, server, "odd");
  assert_shown(s, 0, 4, server, one, "once more");
  assert_int_equal(s.run.messages.size(), 3);
  assert_int_equal(s.run.opened.size(), 1);
  s.run.finish();
  assert_int_equal(s.run.ended.size(), 1);
  const Attempt& attempt = s.run.ended[0];
  assert_true(attempt.protocol == Protocol::proxy_v2 && attempt.transport == Transport::udp);
  assert_true(attempt.command == Command::none && attempt.status == Status::established && attempt.flows.empty());
  assert_true(attempt.client == one && attempt.proxy == balancer && attempt.origin->endpoint == server);
  assert_true(attempt.origin->provenance == Provenance::carrier);
  assert_string_equal(attempt.target->text().c_str(), "198.51.100.1:53");
  assert_int_equal(attempt.request.frame, 1);
  assert_int_equal(attempt.first_payload, 1);
  assert_int_equal(attempt.last, 5);
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 13);
  assert_int_equal(attempt.payload[Direction::from_server].bytes(), 15);
  assert_true(attempt.anomalies.empty() && s.run.skipped.empty());
}

void a_client_of_the_other_family_is_mapped(void**) {
  Session s;
  const Endpoint six = wire::endpoint("2001:db8::9", 50001), mapped = wire::endpoint("::ffff:10.81.0.53", 53);
  s.send(header_for(six) + "query");
  s.answer("answer");
  assert_shown(s, 0, 0, six, mapped, "query");
  assert_shown(s, 0, 1, mapped, six, "answer");
}

// dnsdist: one socket for all its clients.
void an_answer_finds_its_client_by_its_question(void**) {
  Session s;
  s.send(header_for(one) + dns(7, "gate", false));
  s.send(header_for(two) + dns(8, "mill", false));
  s.send(local + dns(9, "self", false));
  s.answer(dns(7, "gate", true));
  s.answer(dns(9, "self", true));  // the balancer's own
  s.answer(dns(8, "mill", true));
  s.answer(dns(7, "gate", true));  // repeated
  assert_shown(s, 0, 1, server, one, dns(7, "gate", true));
  assert_shown(s, 0, 2, server, one, dns(7, "gate", true));
  assert_shown(s, 1, 1, server, two, dns(8, "mill", true));
  assert_int_equal(s.shown(), 5);
  s.run.finish();
  for (const Attempt& attempt : s.run.ended) assert_true(attempt.anomalies.empty());
}

void one_that_waits_alone_gets_the_answer(void**) {
  Session s;
  s.send(header_for(one) + "question");
  s.answer("to one");
  s.send(header_for(two) + "question");
  s.answer("to two");
  s.send(header_for(one) + "question");
  s.answer("to one");
  assert_shown(s, 0, 1, server, one, "to one");
  assert_shown(s, 1, 1, server, two, "to two");
  assert_shown(s, 0, 3, server, one, "to one");
  s.run.finish();
  for (const Attempt& attempt : s.run.ended) assert_true(attempt.anomalies.empty());
}

void of_several_that_wait_the_latest_is_a_guess(void**) {
  Session s;
  s.send(header_for(one) + "question");
  s.send(header_for(two) + "question");
  s.answer("answer");
  assert_shown(s, 1, 1, server, two, "answer");
  s.answer("answer");  // now only one waits
  assert_shown(s, 0, 1, server, one, "answer");
  s.run.finish();
  assert_true(s.run.ended[0].anomalies.empty());
  assert_true(has_noted_once(s.run.ended[1], "client-guessed"));
}

// What names nobody is nobody's, and so is what answers it.
void health_checks_are_skipped(void**) {
  const std::string headers[] = {local, signature + "\x20\x12\x00\x00"s, header_for(balancer),
                                 signature + "\x21\x00\x00\x00"s, signature + "\x21\x32\x00\x04path"s};
  for (const std::string& header : headers) {
    Session s;
    s.send(header + dns(1, "a", false));
    s.answer(dns(1, "a", true));
    s.send(header + "x");
    s.answer("y");
    s.send("and none");
    s.run.finish();
    assert_int_equal(s.run.skipped.size(), 1);
    assert_true(s.run.skipped[0].client == balancer && s.run.skipped[0].proxy == server);
    assert_string_equal(std::string(s.run.skipped[0].reason).c_str(), "the proxy header names no client");
    assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.messages.empty());
  }
}

void ordinary_datagrams_are_left_alone(void**) {
  std::string cut = header_for(one), later = signature + "\x31\x12\x00\x0c"s + std::string(12, 'x');
  cut.pop_back();
  const std::string ordinary[] = {
      "",
      "x",
      signature,
      cut,
      later,                                                   // version 3
      header_for(one, "", '\x11') + "x",                       // for a stream
      header_for(one, "", '\x10') + "x",                       // for nothing
      signature + "\x21\x12\x00\x08"s + std::string(8, 'x'),   // no room for the addresses
      signature + "\x22\x12\x00\x0c"s + std::string(12, 'x'),  // an unknown command
      "PROXY UDP4 203.0.113.9 198.51.100.1 50000 53\r\n",      // version 1 knows no datagrams
      "PROXY TCP4 203.0.113.9 198.51.100.1 50000 53\r\n",
      "\r\n\r\n\0\r\nQUIT!\x21\x12\x00\x0c"s + std::string(12, 'x'),
  };
  for (const std::string& payload : ordinary) {
    Session s;
    s.send(payload);
    s.answer(payload);
    s.run.finish();
    assert_true(s.run.conversations.empty() && s.run.opened.empty() && s.run.skipped.empty());
  }
  Session s;
  s.send(header_for(one) + "x");
  s.put(wire::endpoint("10.81.0.8", 50271), server, "another socket");
  s.put(server, wire::endpoint("10.81.0.8", 50271), "another socket");
  s.put(wire::endpoint("10.81.0.54", 53), balancer, "another server");
  assert_int_equal(s.shown(), 1);
}

// There are balancers with a socket for each client, and a header in front of its first datagram only.
void without_a_header_it_is_the_only_client(void**) {
  Session s;
  s.send(header_for(one) + "first");
  s.send("second");
  s.answer("answer");
  assert_shown(s, 0, 1, one, server, "second");
  assert_shown(s, 0, 2, server, one, "answer");
  s.send(header_for(two) + "another");
  s.send("whose");
  assert_int_equal(s.shown(), 4);
}

void a_socket_that_was_silent_is_somebody_elses(void**) {
  for (const bool is_answer : {true, false}) {
    Session s;
    s.send(header_for(one) + "query");
    Datagram late = is_answer ? s.udp.datagram(server, balancer, "late") : s.udp.datagram(balancer, server, "late");
    late.frame.time += limits::declared_idle + 1000;
    s.run.put(late);
    assert_int_equal(s.shown(), 1);
  }
}

void a_wrong_checksum_is_noted(void**) {
  Session s;
  s.send(header_for(one, "\x03\x00\x04\x00\x00\x00\x01"s) + "x");
  s.run.finish();
  assert_true(has_noted_once(s.run.ended.at(0), "proxy-header-checksum-wrong"));
  assert_shown(s, 0, 0, one, server, "x");
}

void stacked_headers_are_layers(void**) {
  Session s;
  s.send(header_for(one) + header_for(two) + "query");
  s.answer("answer");
  assert_int_equal(s.run.opened.size(), 2);
  const Attempt& inner = s.run.opened[1];
  assert_true(inner.parent == 0 && inner.layer == 1 && inner.client == two && inner.proxy == one);
  assert_shown(s, 1, 0, two, server, "query");
  assert_shown(s, 1, 1, server, two, "answer");
  assert_shown(s, 0, 1, server, one, "answer");
}

void clients_beyond_the_bound_give_way(void**) {
  TrackerOptions options;
  options.connections = 2;
  Session s(options);
  const Endpoint three = wire::endpoint("203.0.113.11", 50002);
  s.send(header_for(one) + "1");
  s.send(header_for(two) + "2");
  s.send(header_for(one) + "3");
  s.send(header_for(three) + "4");
  assert_int_equal(s.run.ended.size(), 1);
  assert_true(s.run.ended[0].client == two && has_noted_once(s.run.ended[0], "gave-way"));
  s.send(header_for(two) + "5");  // another entry
  s.run.finish();
  assert_int_equal(s.run.ended.size(), 4);
  assert_int_equal(s.run.tracker.counters().tunnels, 4);
  assert_int_equal(s.shown(), 5);
}

// The balancer asked, and so did the client: their answers are evidence, by whichever leg.
void answers_behind_headers_are_evidence(void**) {
  Session s;
  s.send(header_for(one) + dns(7, "host", false));
  s.answer(dns(7, "host", true));
  for (const Address& asker : {balancer.address, one.address}) {
    const NameChoice choice = s.run.tracker.names().choose("host", asker);
    assert_true(choice.address == wire::endpoint("192.0.2.99", 0).address && choice.asked_by == asker);
  }
}

void it_can_be_switched_off(void**) {
  TrackerOptions options;
  options.disabled.add(Family::proxy_protocol);
  Session s(options);
  s.send(header_for(one) + "x");
  s.answer("y");
  s.run.finish();
  assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.skipped.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_declared_client_speaks_to_the_server),
      cmocka_unit_test(a_client_of_the_other_family_is_mapped),
      cmocka_unit_test(an_answer_finds_its_client_by_its_question),
      cmocka_unit_test(one_that_waits_alone_gets_the_answer),
      cmocka_unit_test(of_several_that_wait_the_latest_is_a_guess),
      cmocka_unit_test(health_checks_are_skipped),
      cmocka_unit_test(ordinary_datagrams_are_left_alone),
      cmocka_unit_test(without_a_header_it_is_the_only_client),
      cmocka_unit_test(a_socket_that_was_silent_is_somebody_elses),
      cmocka_unit_test(a_wrong_checksum_is_noted),
      cmocka_unit_test(stacked_headers_are_layers),
      cmocka_unit_test(clients_beyond_the_bound_give_way),
      cmocka_unit_test(answers_behind_headers_are_evidence),
      cmocka_unit_test(it_can_be_switched_off),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
