// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: requests that a believed peer forwards to a server; each client has its own conversation with it.
#include <random>

#include "http_session.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint balancer = wire::endpoint("10.0.0.1", 40000), server = wire::endpoint("192.0.2.80", 80);
const Address alice = wire::endpoint("198.51.100.1", 0).address, bob = wire::endpoint("198.51.100.2", 0).address;
const std::string of_alice = "GET /alice HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
const std::string of_bob =
    "POST /bob HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 203.0.113.66, 198.51.100.2\r\nContent-Length: 3\r\n\r\nbob";
const std::string of_nobody = "GET /health HTTP/1.0\r\n\r\n";
const std::string to_alice = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice";
const std::string to_bob = "HTTP/1.1 407 Odd\r\nTransfer-Encoding: chunked\r\nAge: 1\r\n\r\n3\r\nbob\r\n0\r\n\r\n";
const std::string to_nobody = "HTTP/1.1 204 No Content\r\n\r\n";

TrackerOptions trusting(std::string_view networks = "10.0.0.0/8") {
  TrackerOptions options;
  assert_true(options.trusted.add_all(networks));
  return options;
}

struct Session : HttpSession {
  explicit Session(const TrackerOptions& options = trusting(), const Endpoint& peer = balancer)
      : HttpSession(options, peer, server) {}
  std::string asked(TunnelId tunnel) {
    for (auto& [sender, stream] : run.conversations.at(tunnel).streams) {
      if (sender != server) return stream.text();
    }
    return "";
  }
  std::string answered(TunnelId tunnel) { return run.conversations.at(tunnel).streams[server].text(); }
};

void each_client_has_its_own_conversation(void**) {
  Session s;
  s.ask(of_alice);
  s.answer(to_alice);
  s.ask(of_nobody);
  s.answer(to_nobody);
  s.ask(of_bob);
  s.answer(to_bob);
  s.ask(of_alice);
  s.answer(to_alice);
  s.close();
  assert_int_equal(s.run.conversations.size(), 2);
  assert_text(s.asked(0), of_alice + of_alice);
  assert_text(s.answered(0), to_alice + to_alice);
  assert_text(s.asked(1), of_bob);
  assert_text(s.answered(1), to_bob);

  assert_int_equal(s.run.ended.size(), 2);
  const Attempt& attempt = s.run.ended[1];
  assert_true(attempt.protocol == Protocol::http_forwarded && attempt.command == Command::none);
  assert_true(attempt.status == Status::established && attempt.reply_code == 407 && attempt.anomalies.empty());
  assert_true(attempt.client.address == bob && attempt.client.port == 0 && !attempt.knows_client_port());
  assert_true(attempt.virtual_client && attempt.virtual_client->address == bob);
  assert_true(attempt.virtual_client->port >= 49152);
  assert_true(attempt.proxy == balancer && attempt.origin->endpoint == server);
  assert_true(attempt.origin->provenance == Provenance::carrier);
  assert_text(attempt.target->text(), "192.0.2.80:80");
  assert_true((attempt.forwarded_for == std::vector<std::string>{"203.0.113.66", "198.51.100.2"}));
  assert_true(s.run.skipped.empty());
  // Its ends in its packets.
  assert_true(attempt.shown->initiator == *attempt.virtual_client && attempt.shown->acceptor == server);
}

void a_port_in_the_field_is_the_clients(void**) {
  Session s;
  s.ask("GET / HTTP/1.1\r\nForwarded: for=\"[2001:db8::1]:4711\"\r\n\r\n");
  s.answer(to_alice);
  s.close();
  const Attempt& attempt = s.run.ended.at(0);
  assert_text(attempt.client.text(), "[2001:db8::1]:4711");
  assert_false(attempt.virtual_client.has_value());
  assert_text(attempt.shown->acceptor.text(), "[::ffff:192.0.2.80]:80");
}

// Law 1, and all at once: pipelined, two clients in one segment.
void cutting_and_order_do_not_matter(void**) {
  const std::string up = of_alice + of_bob + of_nobody + of_alice, down = to_alice + to_bob + to_nobody + to_alice;
  std::mt19937 random(24);
  for (int round = 0; round < 200; ++round) {
    Session s;
    std::vector<Segment> segments;
    const auto cut = [&](End from, const std::string& stream, std::uint32_t first, std::uint32_t acknowledged) {
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(1 + random() % 90, stream.size() - at);
        segments.push_back(s.c.at(from, tcp_flag::ack, first + static_cast<std::uint32_t>(at), acknowledged,
                                  std::string_view(stream).substr(at, size)));
        at += size;
      }
    };
    cut(End::client, up, 1001, 5001);
    cut(End::server, down, 5001, 1001);
    std::shuffle(segments.begin(), segments.end(), random);
    for (const Segment& segment : segments) s.run.put(segment);
    s.run.finish();
    assert_int_equal(s.run.conversations.size(), 2);
    assert_text(s.asked(0), of_alice + of_alice);
    assert_text(s.answered(0), to_alice + to_alice);
    assert_text(s.asked(1), of_bob);
    assert_text(s.answered(1), to_bob);
    for (const Attempt& attempt : s.run.ended) assert_true(attempt.anomalies.empty());
  }
}

void nobody_is_believed_unless_he_is_named(void**) {
  for (const TrackerOptions& options : {TrackerOptions(), trusting("10.0.0.2,192.0.2.80")}) {
    Session s(options);
    s.ask(of_alice);
    s.answer(to_alice);
    s.close();
    assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.skipped.empty());
  }
  TrackerOptions options = trusting();
  options.disabled.add(Family::http_forwarded);
  Session off(options);
  off.ask(of_alice);
  off.close();
  assert_true(off.run.conversations.empty());
}

void who_is_no_address_is_nobody_and_told_once(void**) {
  Session s;
  for (int i = 0; i < 2; ++i) {
    s.ask("GET / HTTP/1.1\r\nForwarded: for=unknown\r\n\r\n");
    s.answer(to_alice);
    s.ask("GET / HTTP/1.1\r\nForwarded: for=203.0.113.66\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n");
    s.answer(to_alice);
  }
  s.ask(of_bob);
  s.answer(to_bob);
  s.close();
  assert_int_equal(s.run.conversations.size(), 1);
  assert_text(s.answered(0), to_bob);
  assert_int_equal(s.run.skipped.size(), 1);
  assert_text(std::string(s.run.skipped[0].reason), "the forwarded fields name no client");
}

void an_ordinary_connection_of_such_a_peer_is_passed(void**) {
  for (const char* first : {"\x16\x03\x01", "EHLO a\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-x\r\n"}) {
    Session s;
    s.ask(first);
    s.answer("x");
    s.close();
    assert_true(s.run.conversations.empty() && s.run.ended.empty() && s.run.skipped.empty());
  }
}

// What an upgrade brings belongs to who asked for it.
void what_follows_101_is_the_clients(void**) {
  Session s;
  s.ask("GET /ws HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  s.answer("HTTP/1.1 101 Switching Protocols\r\n\r\nhello");
  s.ask("\x81\x01x");
  s.close();
  assert_true(s.asked(0).ends_with("\x81\x01x") && s.answered(0).ends_with("hello"));
}

// No CONNECT is a tunnel here, and an absolute URI is for this server.
void other_forms_are_requests(void**) {
  Session s;
  s.ask(of_alice);
  s.answer(to_alice);
  const std::string absolute = "GET http://b/ HTTP/1.1\r\nX-Forwarded-For: 198.51.100.2\r\n\r\n";
  s.ask(absolute);
  s.answer(to_bob);
  s.ask("CONNECT a:1 HTTP/1.1\r\nX-Forwarded-For: 198.51.100.2\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  s.close();
  assert_int_equal(s.run.ended.size(), 2);
  assert_text(s.asked(1), absolute);
  assert_text(s.answered(1), to_bob);
}

// The peer's own proxies are no forward proxies.
void a_believed_peer_is_no_known_proxy(void**) {
  Session s;
  s.ask(of_alice);
  s.answer(to_alice);
  s.c = wire::Connection(wire::endpoint("192.0.2.1", 40001), balancer);
  put_opening(s.run, s.c);
  s.ask("GET http://some.example:40000/ HTTP/1.1\r\n\r\n");
  s.answer(to_alice);
  s.close();
  assert_int_equal(s.run.ended.size(), 1);
}

void the_claims_of_other_ways_are_kept(void**) {
  Session s;
  s.ask("CONNECT 192.0.2.8:8080 HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1, unknown\r\n\r\n");
  s.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  s.close();
  assert_true((s.run.ended.at(0).forwarded_for == std::vector<std::string>{"198.51.100.1", "unknown"}));

  Session forward;
  forward.ask("GET http://192.0.2.8:8080/ HTTP/1.1\r\n\r\n");
  forward.answer(to_alice);
  forward.ask("GET http://192.0.2.8:8080/ HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n");
  forward.answer(to_alice);
  forward.ask("GET http://192.0.2.8:8080/ HTTP/1.1\r\nX-Forwarded-For: 198.51.100.2\r\n\r\n");
  forward.close();
  assert_int_equal(forward.run.ended.size(), 1);
  assert_true(forward.run.ended[0].protocol == Protocol::http_forward);
  assert_true(forward.run.ended[0].forwarded_for == std::vector<std::string>{"198.51.100.1"});
}

void claims_that_are_cut_are_told(void**) {
  std::string request = "GET / HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1";
  for (int i = 0; i < 40; ++i) request += ", 10.0.0.1";
  Session s;
  s.ask(request + "\r\n\r\n");
  s.answer(to_alice);
  s.ask("GET / HTTP/1.1\r\nX-Forwarded-For: " + std::string(200, 'x') + ", 198.51.100.1\r\n\r\n");
  s.answer(to_alice);
  s.close();
  assert_int_equal(s.run.skipped.size(), 1);
  assert_int_equal(s.run.ended.size(), 1);
  assert_true(has_noted_once(s.run.ended[0], "claims-cut"));
}

// Two connections say the same of one client: their conversations are told apart by the client's port.
// What is put in again has the same fields, and its client may be believed, too.
void a_believed_client_is_no_further_layer(void**) {
  for (const char* claim : {"10.0.0.9, 10.0.0.2", "10.0.0.9:4711"}) {
    Session s;
    const std::string request = std::string("GET / HTTP/1.1\r\nX-Forwarded-For: ") + claim + "\r\n\r\n";
    for (std::uint16_t port = 40000; port < 40003; ++port) {  // and its ports are in use
      s.c = wire::Connection(wire::endpoint("10.0.0.1", port), server);
      put_opening(s.run, s.c);
      s.ask(request);
      s.answer(to_alice);
    }
    s.close();
    assert_int_equal(s.run.ended.size(), 3);
    for (const Attempt& attempt : s.run.ended) assert_int_equal(attempt.layer, 0);
    assert_true(s.run.skipped.empty());
  }
}

// As of a health check.
void a_peer_that_names_itself_names_nobody(void**) {
  for (const char* claim : {"10.0.0.1", "10.0.0.1:40000", "::ffff:10.0.0.1"}) {
    Session s;
    s.ask(std::string("GET / HTTP/1.1\r\nX-Forwarded-For: ") + claim + "\r\n\r\n");
    s.answer(to_alice);
    s.close();
    assert_true(s.run.ended.empty() && s.run.skipped.empty());
  }
}

void one_client_on_several_connections(void**) {
  Session s;
  s.ask(of_alice);
  s.answer(to_alice);
  s.c = wire::Connection(wire::endpoint("10.0.0.1", 40001), server);
  put_opening(s.run, s.c);
  s.ask(of_alice);
  s.answer(to_alice);
  s.close();
  assert_int_equal(s.run.ended.size(), 2);
  assert_true(s.run.ended[0].virtual_client->port != s.run.ended[1].virtual_client->port);
  assert_true(s.run.ended[0].shown->initiator != s.run.ended[1].shown->initiator);
}

// Beyond the limit idle clients' conversations end, and another request, or a late answer, begins a new one.
void many_clients_give_way(void**) {
  Session s;
  const auto request_of = [](unsigned client) {
    const std::string address = "198.51." + std::to_string(100 + client / 250) + "." + std::to_string(client % 250 + 1);
    return "GET / HTTP/1.1\r\nX-Forwarded-For: " + address + "\r\n\r\n";
  };
  s.ask(request_of(0));
  s.answer(to_alice);
  for (unsigned client = 1; client < 4200; ++client) {
    s.ask(request_of(client));
    s.answer(to_alice);
  }
  s.ask(request_of(0));
  s.answer(to_alice);
  s.close();
  assert_int_equal(s.run.ended.size(), 4201);
  assert_true(has_noted_once(s.run.ended[0], "gave-way"));
  assert_true(s.run.ended[4200].client == s.run.ended[0].client);
  assert_text(s.answered(4200), to_alice);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_client_has_its_own_conversation),
      cmocka_unit_test(a_port_in_the_field_is_the_clients),
      cmocka_unit_test(cutting_and_order_do_not_matter),
      cmocka_unit_test(nobody_is_believed_unless_he_is_named),
      cmocka_unit_test(who_is_no_address_is_nobody_and_told_once),
      cmocka_unit_test(an_ordinary_connection_of_such_a_peer_is_passed),
      cmocka_unit_test(what_follows_101_is_the_clients),
      cmocka_unit_test(other_forms_are_requests),
      cmocka_unit_test(a_believed_peer_is_no_known_proxy),
      cmocka_unit_test(the_claims_of_other_ways_are_kept),
      cmocka_unit_test(claims_that_are_cut_are_told),
      cmocka_unit_test(a_believed_client_is_no_further_layer),
      cmocka_unit_test(a_peer_that_names_itself_names_nobody),
      cmocka_unit_test(one_client_on_several_connections),
      cmocka_unit_test(many_clients_give_way),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
