// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: chains, port reuse, roles reversed, gaps, and every limit.
#include <memory>
#include <random>

#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

void what_cannot_be_held_is_a_gap(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting + request));
  for (int i = 0; i < 100; ++i) run.put(c.say(End::client, "0123456789"));
  run.put(c.say(End::server, method + reply));
  run.put(c.say(End::client, "behind"));
  run.finish();
  const Attempt& attempt = run.ended[0];
  assert_true(attempt.status == Status::established);
  assert_true(std::count(attempt.anomalies.begin(), attempt.anomalies.end(), "held-overflow") == 1);
  const auto& lost = attempt.held_overflow[Direction::from_client];
  assert_int_equal(lost.size(), 1);
  assert_int_equal(lost[0].end, 1000);
  const std::string text = run.conversations[0].streams[client].text();
  assert_true(text.find("<gap>behind") != std::string::npos);
}

void ports_are_used_again(void**) {
  Run run;
  wire::Connection first(client, proxy), second(client, proxy, 900000, 700000);
  put_handshake(run, first);
  run.put(first.say(End::client, "one"));
  run.put(first.fin(End::client));
  run.put(first.fin(End::server));
  second.frame = first.frame;
  put_handshake(run, second);
  run.put(second.say(End::client, "two"));
  run.finish();
  assert_int_equal(run.conversations.size(), 2);
  assert_string_equal(run.conversations[0].streams[client].text().c_str(), "one");
  assert_string_equal(run.conversations[1].streams[client].text().c_str(), "two");
  assert_int_equal(run.ended[1].first.frame, 11);
}

void what_is_nothing_of_ours_passes(void**) {
  wire::Connection c(client, proxy);
  Run run;
  const auto passes = [&run](const Segment& segment) {
    const bool did = run.tracker.passes(segment);
    if (!did) run.put(segment);
    return did;
  };
  assert_false(passes(c.syn()));
  assert_true(passes(c.syn_ack()));
  assert_true(passes(c.ack(End::client)));
  assert_false(passes(c.say(End::client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
  assert_false(passes(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n")));
  for (int i = 0; i < 100; ++i) assert_true(passes(c.say(End::server, std::string(1000, 'x'))));
  assert_true(passes(c.say(End::client, "x")));
  // What passed was seen: the end stands behind it, and the ports may be used again.
  assert_true(passes(c.rst(End::server)));
  wire::Connection again(client, proxy, 900000, 700000);
  again.frame = c.frame;
  put_handshake(run, again);
  assert_false(passes(again.say(End::client, "ours")));
  run.finish();
  assert_int_equal(run.conversations.size(), 1);
  assert_string_equal(run.conversations[0].streams[client].text().c_str(), "ours");
}

// Connections of which some are sessions, some ordinary, some say nothing, with what captures do to them; and more of
// them than stay when they are closed. Two trackers hear of all, one of them asking first.
void who_asks_first_gets_the_same(void**) {
  std::mt19937 engine(11);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  const auto one_in = [&random](unsigned n) { return random() % n == 0; };
  Run asking, putting;
  std::uint64_t frame = 0, passed = 0;
  const auto put = [&](const Segment& segment) {
    if (asking.tracker.passes(segment)) {
      ++passed;
    } else {
      asking.put(segment);
    }
    putting.put(segment);
    assert_int_equal(asking.ended.size(), putting.ended.size());
    assert_int_equal(asking.conversations.size(), putting.conversations.size());
  };
  struct Talk {
    wire::Connection connection;
    bool is_session = false;
    unsigned step = 0;
  };
  std::vector<Talk> talks;
  const auto next_of = [&](Talk& talk) {
    wire::Connection& c = talk.connection;
    const bool ours = talk.is_session;
    switch (talk.step++) {
      case 0:
        return c.syn();
      case 1:
        return c.syn_ack();
      case 2:
        return c.ack(End::client);
      case 3:
        return one_in(8) ? c.fin(End::client) : c.say(End::client, ours ? greeting : "GET / HTTP/1.1\r\n\r\n"s);
      case 4:
        return c.say(End::server, ours ? method : "HTTP/1.1 200 OK\r\n\r\n"s);
      case 5:
        return c.say(End::client, ours ? request : "x"s);
      case 6:
        return c.say(End::server, ours ? reply : "y"s);
      case 7:
        return one_in(4) ? c.rst(End::server) : c.fin(End::client);
      case 8:
        return c.fin(End::server);
      default:
        return c.ack(one_in(2) ? End::client : End::server);
    }
  };
  for (unsigned i = 0; i < 40000; ++i) {
    if (talks.size() < 40) {
      const Endpoint from{client.address, static_cast<std::uint16_t>(20000 + random() % 4000)};
      talks.push_back({wire::Connection(from, proxy, random(), random()), one_in(3)});
    }
    const std::size_t which = random() % talks.size();
    Talk& talk = talks[which];
    talk.connection.frame = frame;
    Segment segment = next_of(talk);
    std::vector<std::uint8_t> header(segment.header.begin(), segment.header.end());
    if (one_in(50)) put16(&header[16], 1);
    if (one_in(50)) put32(&header[4], random());
    segment.header = header;
    if (!one_in(20)) put(segment);
    if (one_in(20)) put(segment);
    frame = talk.connection.frame;
    if (talk.step == 11 || one_in(60)) talks.erase(talks.begin() + static_cast<std::ptrdiff_t>(which));
  }
  assert_true(passed > 10000);
  asking.finish();
  putting.finish();
  assert_int_equal(asking.tracker.counters().connections, putting.tracker.counters().connections);
  assert_int_equal(asking.ended.size(), putting.ended.size());
  assert_true(asking.ended.size() > 500);
  for (std::size_t i = 0; i < asking.ended.size(); ++i) {
    const Attempt &one = asking.ended[i], &other = putting.ended[i];
    assert_true(one.id == other.id && one.status == other.status && one.anomalies == other.anomalies);
    assert_true(one.closed.frame == other.closed.frame && one.request.frame == other.request.frame);
  }
}

void a_chain_of_proxies_is_a_chain_of_layers(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);  // to 192.0.2.7:80, which is a proxy, too
  run.put(c.say(End::client, "CONNECT [2001:db8::25]:25 HTTP/1.1\r\n\r\n"));
  run.put(c.say(End::server, "HTTP/1.1 200 Connection established\r\n\r\n220 mail.example ESMTP\r\n"));
  run.put(c.say(End::client, "QUIT\r\n"));
  run.finish();
  assert_int_equal(run.conversations.size(), 2);
  const Attempt& outer = run.ended[0];
  const Attempt& next = run.ended[1];
  assert_int_equal(next.parent, outer.id);
  assert_int_equal(next.layer, 1);
  assert_true(next.client == client);
  assert_true(next.proxy == wire::endpoint("192.0.2.7", 80));
  const Endpoint mapped = wire::endpoint("::ffff:10.0.0.5", 40000);
  assert_string_equal(run.conversations[1].streams[mapped].text().c_str(), "QUIT\r\n");
  assert_string_equal(run.conversations[1].streams[wire::endpoint("2001:db8::25", 25)].text().c_str(),
                      "220 mail.example ESMTP\r\n");
}

void endless_chains_end(void**) {
  TrackerOptions options;
  Run run(options);
  wire::Connection c(client, proxy);
  run.put(c.syn());
  run.put(c.syn_ack());
  for (int i = 0; i < 12; ++i) {
    run.put(c.say(End::client, "CONNECT 192.0.2." + std::to_string(i + 1) + ":80 HTTP/1.1\r\n\r\n"));
    run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  }
  run.finish();
  assert_int_equal(run.conversations.size(), limits::layers);
  const Attempt& last = run.ended.back();
  assert_int_equal(last.layer, limits::layers);
  assert_true(std::count(last.anomalies.begin(), last.anomalies.end(), "layer-limit") == 1);
}

// The ends of the conversation are those of the connection that carries it.
void a_tunnel_to_the_proxy_itself_has_a_synthetic_port(void**) {
  wire::Connection c(client, wire::endpoint("192.0.2.7", 80));
  Run run;
  put_handshake(run, c);
  run.put(c.say(End::client, "x"));
  run.finish();
  const Attempt& attempt = run.ended.at(0);
  assert_true(attempt.client == client);
  assert_true(attempt.virtual_client.has_value());
  assert_true(attempt.virtual_client->address == client.address && attempt.virtual_client->port >= 49152);
  assert_true(attempt.anomalies.empty());
  assert_string_equal(run.conversations.at(0).streams[*attempt.virtual_client].text().c_str(), "x");
  assert_int_equal(attempt.payload[Direction::from_client].bytes(), 1);
}

// Only what was answered, or brought payload, is there.
void a_connection_that_was_only_asked_for_takes_no_ports(void**) {
  Run run;
  wire::Connection direct(client, wire::endpoint("192.0.2.7", 80));
  run.put(direct.syn());
  wire::Connection c(client, proxy);
  c.frame = direct.frame;
  put_handshake(run, c);
  run.finish();
  assert_false(run.ended.at(0).virtual_client.has_value());
}

// The port depends on nothing but the ends; the client of what is inside is the client.
void two_proxies_give_two_conversations(void**) {
  std::vector<std::uint16_t> ports;
  for (int again = 0; again < 2; ++again) {
    wire::Connection first(client, proxy), second(client, wire::endpoint("10.0.0.2", 1080), 77, 88);
    Run run;
    put_handshake(run, first);
    second.frame = first.frame;
    put_handshake(run, second);
    run.put(second.say(End::client, "CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n"));
    run.put(second.say(End::server, "HTTP/1.1 200 OK\r\n\r\n220 hi"));
    run.finish();
    assert_int_equal(run.ended.size(), 3);
    assert_false(run.ended[0].virtual_client.has_value());
    assert_true(run.ended[1].virtual_client.has_value());
    ports.push_back(run.ended[1].virtual_client->port);
    assert_true(run.ended[2].client == client && !run.ended[2].virtual_client);
    assert_string_equal(run.conversations.at(2).streams[wire::endpoint("192.0.2.9", 25)].text().c_str(), "220 hi");
  }
  assert_int_equal(ports[0], ports[1]);
}

void the_acceptor_may_be_the_client(void**) {
  // The proxy dials out, introduces itself, and is then asked like any SOCKS proxy.
  const Endpoint bot = wire::endpoint("10.0.0.7", 50123), controller = wire::endpoint("203.0.113.1", 443);
  wire::Connection c(bot, controller);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, "bot-17\n"));
  run.put(c.say(End::server, greeting));
  run.put(c.say(End::client, method));
  run.put(c.say(End::server, request));
  run.put(c.say(End::client, reply));
  run.put(c.say(End::server, "GET / HTTP/1.0\r\n\r\n"));
  run.put(c.say(End::client, "HTTP/1.0 200 OK\r\n\r\n"));
  run.finish();
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].client == controller && run.ended[0].proxy == bot);
  assert_string_equal(run.conversations[0].streams[controller].text().c_str(), "GET / HTTP/1.0\r\n\r\n");
  assert_true(run.conversations[0].packets[0].sender == controller);
}

void bytes_that_were_not_captured_are_missing(void**) {
  wire::Connection c(client, proxy);
  Run run;
  put_handshake(run, c);
  Segment cut = c.say(End::client, "0123456789");
  cut.payload = cut.payload.first(4);
  run.put(cut);
  c.say(End::client, "lost");
  run.put(c.say(End::client, "tail"));
  run.finish();
  assert_int_equal(run.ended[0].payload[Direction::from_client].bytes(), 8);
  assert_int_equal(run.ended[0].payload[Direction::from_client].missing_bytes(), 10);
}

void a_gap_in_a_handshake_ends_it_honestly(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  run.put(c.say(End::client, greeting));
  run.put(c.say(End::server, method));
  run.put(c.say(End::client, request));
  c.say(End::server, reply.substr(0, 4));
  run.put(c.say(End::server, reply.substr(4) + "payload"));
  run.finish();
  assert_true(run.conversations.empty());
  assert_true(run.ended[0].status == Status::incomplete);
  assert_true(run.ended[0].anomalies == std::vector<std::string>{"gap-in-handshake"});
  assert_string_equal(run.ended[0].target->host.c_str(), "192.0.2.7");
}

void a_head_that_is_cut_still_names_its_target(void**) {
  wire::Connection c(client, proxy);
  Run run;
  run.put(c.syn());
  run.put(c.syn_ack());
  Segment cut = c.say(End::client, "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n");
  cut.payload = cut.payload.first(50);
  run.put(cut);
  run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  run.put(c.say(End::client, "secret"));
  run.finish();
  assert_true(run.conversations.empty());
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.ended[0].status == Status::incomplete);
  assert_string_equal(run.ended[0].target->text().c_str(), "www.example.com:443");
}

// A silent proxy may be a proxy; one whose answer is missing in the capture may be anything.
void a_lost_answer_is_not_silence(void**) {
  for (const bool is_lost : {false, true}) {
    wire::Connection c(client, proxy);
    Run run;
    run.put(c.syn());
    run.put(c.syn_ack());
    run.put(c.say(End::client, "\x04\x01\x00\x50\x0a\x0a\x02\x02\x00"s));
    if (is_lost) {
      c.say(End::server, "\x05\x01");
      run.put(c.say(End::server, "\x00\x10"s));
    }
    run.finish();
    assert_int_equal(run.ended.size(), is_lost ? 0 : 1);
  }
}

void the_idle_are_dropped_and_counted(void**) {
  TrackerOptions options;
  options.connections = 2;
  Run run(options);
  wire::Connection c(client, proxy);
  put_handshake(run, c);
  for (std::uint16_t i = 0; i < 5; ++i) {
    wire::Connection other_one(wire::endpoint("10.0.0.6", static_cast<std::uint16_t>(1000 + i)), proxy);
    other_one.frame = 100 + i;
    run.put(other_one.syn());
  }
  assert_int_equal(run.ended.size(), 1);
  assert_true(run.tracker.counters().dropped_connections > 0);
}

void held_memory_is_shared_out(void**) {
  Run run;
  const std::string much(60000, 'x');
  std::vector<std::unique_ptr<wire::Connection>> all;
  for (std::uint16_t i = 0; i < 300; ++i) {
    auto& c = *all.emplace_back(
        std::make_unique<wire::Connection>(wire::endpoint("10.0.1.1", static_cast<std::uint16_t>(1000 + i)), proxy));
    run.put(c.syn());
    run.put(c.say(End::client, greeting + request));
    for (int n = 0; n < 4; ++n) run.put(c.say(End::client, much));
  }
  wire::Connection c(client, proxy);
  put_handshake(run, c);  // still finds room
  run.finish();
  const Attempt* own = nullptr;
  for (const Attempt& attempt : run.ended) {
    if (attempt.client == client) own = &attempt;
  }
  assert_non_null(own);
  assert_true(own->status == Status::established);
}

// Connections that both ends closed make room for others; the last acknowledgment brings them back to no life.
void closed_connections_leave(void**) {
  TrackerOptions options;
  options.connections = limits::closed_connections + 100;
  Tracker tracker(options);
  Outcome outcome;
  for (unsigned i = 0; i < 3 * options.connections; ++i) {
    wire::Connection wire(wire::endpoint("10.0.0.5", static_cast<std::uint16_t>(1024 + i)), proxy);
    for (const Segment& segment :
         {wire.syn(), wire.syn_ack(), wire.ack(End::client), wire.say(End::client, "GET / HTTP/1.1\r\n\r\n"),
          wire.fin(End::client), wire.fin(End::server), wire.ack(End::client)}) {
      tracker.segment(segment, outcome);
    }
  }
  assert_int_equal(tracker.counters().connections, 3 * options.connections);
  assert_int_equal(tracker.counters().dropped_connections, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(closed_connections_leave),
      cmocka_unit_test(what_cannot_be_held_is_a_gap),
      cmocka_unit_test(ports_are_used_again),
      cmocka_unit_test(what_is_nothing_of_ours_passes),
      cmocka_unit_test(who_asks_first_gets_the_same),
      cmocka_unit_test(a_chain_of_proxies_is_a_chain_of_layers),
      cmocka_unit_test(endless_chains_end),
      cmocka_unit_test(a_tunnel_to_the_proxy_itself_has_a_synthetic_port),
      cmocka_unit_test(a_connection_that_was_only_asked_for_takes_no_ports),
      cmocka_unit_test(two_proxies_give_two_conversations),
      cmocka_unit_test(the_acceptor_may_be_the_client),
      cmocka_unit_test(bytes_that_were_not_captured_are_missing),
      cmocka_unit_test(a_gap_in_a_handshake_ends_it_honestly),
      cmocka_unit_test(a_head_that_is_cut_still_names_its_target),
      cmocka_unit_test(a_lost_answer_is_not_silence),
      cmocka_unit_test(the_idle_are_dropped_and_counted),
      cmocka_unit_test(held_memory_is_shared_out),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
