// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which leg is a tunnel's: what is claimed, and what is not; clocks; and what legs are made of.
#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "correlate/correlate.hpp"
#include "correlate/tls_hello.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

constexpr HashKey key{1, 2};
constexpr Time second = 1'000'000'000, millisecond = 1'000'000;
constexpr auto client = Direction::from_client, server = Direction::from_server;

Endpoint at(const char* address, unsigned port) {
  return {*Address::parse(address), static_cast<std::uint16_t>(port)};
}

/// What was said on a connection, the first words of either side at a time; by hand.
struct Said {
  std::string client, server;
  Time time = 0;
};

Content content_of(const Said& said, Room& room) {
  ContentReader reader(key, room);
  FrameNumber frame = static_cast<FrameNumber>(said.time / millisecond) + 1;
  const auto say = [&](Direction direction, const std::string& words, Time time) {
    const auto length = static_cast<std::uint32_t>(words.size());
    reader.segment(direction, 0, bytes_of(words), length, {++frame, time});
  };
  say(client, said.client, said.time);
  say(server, said.server, said.time + millisecond);
  return reader.value();
}

/// A world with one proxy, 10.0.0.1 inside and 192.0.2.1 outside.
struct World {
  Room room{1 << 20};
  std::vector<Tunnelled> tunnels;
  std::vector<Leg> legs;
  Time ahead = 0;  ///< of the clock outside

  Tunnelled& tunnel(unsigned port, const Said& said, const char* target = "www.example") {
    Tunnelled& it = tunnels.emplace_back();
    it.id = static_cast<TunnelId>(tunnels.size() - 1);
    it.client = at("10.0.0.5", port);
    it.proxy = at("10.0.0.1", 1080);
    const auto literal = Address::parse(target);
    it.target = literal ? Target::literal(*literal, 80) : Target::named(target, 80);
    it.request = {static_cast<FrameNumber>(tunnels.size()), said.time - 3 * millisecond};
    it.reply = {it.request.frame, said.time - millisecond};
    it.end = said.time + 20 * millisecond;
    it.content = content_of(said, room);
    return it;
  }
  Leg& leg(unsigned port, Said said, const char* origin = "198.51.100.7", const char* from = "192.0.2.1") {
    said.time += ahead + millisecond / 4;
    Leg& it = legs.emplace_back();
    it.ends = {at(from, port), at(origin, 80)};
    it.first = {static_cast<FrameNumber>(legs.size()), said.time - 2 * millisecond};
    it.last = {it.first.frame, said.time + 10 * millisecond};
    it.content = content_of(said, room);
    // The origin answers before the client hears of it.
    it.content.first[server].time -= millisecond / 2;
    return it;
  }
  Correlation find(std::optional<Time> skew = std::nullopt) { return correlate(tunnels, legs, {skew, key, 1}); }
};

bool is_leg(const WanLeg& found, unsigned port) {
  return found.parts.size() == 1 && found.parts[0].leg.ends.initiator.port == port;
}

void finds_by_what_was_said(void**) {
  World world;
  world.tunnel(1, {"GET /a HTTP/1.1\r\n\r\n", "an answer", second});
  world.tunnel(2, {"GET /b HTTP/1.1\r\n\r\n", "another answer", second});
  world.leg(101, {"GET /b HTTP/1.1\r\n\r\n", "another answer", second});
  world.leg(102, {"GET /a HTTP/1.1\r\n\r\n", "an answer", second});
  const Correlation found = world.find();
  assert_true(is_leg(found.tunnels[0], 102));
  assert_true(is_leg(found.tunnels[1], 101));
  assert_true(found.tunnels[0].grounds.has(Ground::same_bytes));
  assert_int_equal(found.legs.size(), 2);
  assert_int_equal(found.legs[0].clients.at(0).tunnel, 1);
}

void nothing_is_claimed_without_the_leg(void**) {
  World world;
  world.tunnel(1, {"GET /a", "an answer", second}, "198.51.100.7");
  world.leg(101, {"GET /b", "another answer", second});
  const Correlation found = world.find();
  assert_false(found.tunnels[0].is_known());
  assert_true(found.tunnels[0].candidates.empty());
}

void two_that_are_alike_are_ambiguous(void**) {
  World world;
  const Said same{"GET /a", "an answer", second};
  for (unsigned port = 1; port <= 2; ++port) world.tunnel(port, same);
  for (unsigned port = 101; port <= 102; ++port) world.leg(port, same);
  const Correlation found = world.find();
  for (const WanLeg& each : found.tunnels) {
    assert_false(each.is_known());
    assert_int_equal(each.candidates.size(), 2);
  }
  for (const ServedLeg& leg : found.legs) assert_true(leg.is_candidate && leg.clients.empty());
}

// One of two legs was not captured: whose the other one is, nobody can tell.
void one_leg_for_two_is_nobodys(void**) {
  World world;
  const Said same{"GET /a", "an answer", second};
  for (unsigned port = 1; port <= 2; ++port) world.tunnel(port, same);
  world.leg(101, same);
  for (const WanLeg& each : world.find().tunnels) assert_false(each.is_known());
}

// So many are alike that they are not looked at. One that is later, for which there is but one left, does not get it.
void a_crowd_is_nobodys(void**) {
  World world;
  const Said same{"GET /a", "an answer", 0};
  const unsigned many = limits::legs_looked_at + 6;
  for (unsigned i = 0; i < many; ++i) {
    const Said at_its_time{same.client, same.server, 100 * second + i * 20 * millisecond};
    world.tunnel(1 + i, at_its_time);
    world.leg(101 + i, at_its_time);
  }
  const Time late = 101 * second + (many - 1) * 20 * millisecond - 3 * millisecond;
  world.tunnel(99, {same.client, same.server, late});
  for (const WanLeg& each : world.find().tunnels) assert_false(each.is_known());
  // Were it alone with that leg, it would.
  world.tunnels.erase(world.tunnels.begin(), world.tunnels.end() - 1);
  assert_true(world.find().tunnels[0].is_known());
}

void a_bound_socket_tells_them_apart(void**) {
  World world;
  const Said same{"GET /a", "an answer", second};
  for (unsigned port = 1; port <= 2; ++port) world.tunnel(port, same);
  for (unsigned port = 101; port <= 102; ++port) world.leg(port, same);
  world.tunnels[0].bound = at("192.0.2.1", 102);
  const Correlation found = world.find();
  assert_true(is_leg(found.tunnels[0], 102));
  assert_true(found.tunnels[0].grounds.has(Ground::bound_socket));
  assert_true(is_leg(found.tunnels[1], 101));  // the other one is taken by better evidence
}

void other_bytes_are_another_leg(void**) {
  World world;
  world.tunnel(1, {"GET /a", "an answer", second});
  world.tunnels[0].bound = at("192.0.2.1", 101);
  world.leg(101, {"GET /a", "quite another answer", second});
  assert_false(world.find().tunnels[0].is_known());
}

// In two captures: it is one leg, and not ambiguous.
void a_leg_that_was_captured_twice_is_one(void**) {
  World world;
  for (unsigned i = 0; i < 4; ++i) {
    const Said said{"GET /" + std::to_string(i), "answer " + std::to_string(i), (10 + i) * second};
    world.tunnel(1 + i, said);
    for (std::size_t source = 0; source < 2; ++source) world.leg(101 + i, said).source = source;
  }
  const Correlation found = correlate(world.tunnels, world.legs, {std::nullopt, key, 2});
  for (unsigned i = 0; i < 4; ++i) assert_true(is_leg(found.tunnels[i], 101 + i));
  assert_int_equal(found.legs.size(), 4);
}

void one_that_carried_nothing_was_given_up(void**) {
  World world;
  world.tunnel(1, {"GET /a", "an answer", second}, "198.51.100.7");
  world.leg(101, {"", "", second});
  world.leg(102, {"GET /a", "an answer", second});
  assert_true(is_leg(world.find().tunnels[0], 102));
}

void where_and_when_are_enough_for_silence_only(void**) {
  World world;
  world.tunnel(1, {"GET /a", "an answer", second});
  world.leg(101, {"GET /a", "an answer", second});  // which tells the proxy's other address
  world.tunnel(2, {"", "", 5 * second}, "198.51.100.7");
  world.leg(102, {"", "", 5 * second});
  const Correlation found = world.find();
  assert_true(is_leg(found.tunnels[1], 102));
  assert_true(found.tunnels[1].grounds.has(Ground::same_address) && found.tunnels[1].grounds.has(Ground::time));
}

void another_hosts_connection_is_none(void**) {
  World world;
  world.tunnel(1, {"", "", second}, "198.51.100.7");
  world.leg(101, {"", "", second}, "198.51.100.7", "192.0.2.99");
  assert_false(world.find().tunnels[0].is_known());
}

void what_came_at_another_time_is_none(void**) {
  World world;
  world.tunnel(1, {"GET /a", "an answer", 100 * second});
  world.tunnel(2, {"GET /b", "an answer", 100 * second});
  world.tunnel(3, {"GET /c", "an answer", 100 * second});
  for (unsigned i = 0; i < 3; ++i) {
    world.leg(101 + i, {std::string("GET /") + static_cast<char>('a' + i), "an answer", 100 * second});
  }
  world.tunnel(4, {"GET /d", "an answer", 100 * second});
  world.leg(104, {"GET /d", "an answer", 900 * second});
  const Correlation found = world.find();
  assert_true(is_leg(found.tunnels[0], 101));
  assert_false(found.tunnels[3].is_known());
}

void a_clock_that_is_ahead_is_found(void**) {
  World world;
  world.ahead = 37 * second;
  for (unsigned i = 0; i < 5; ++i) {
    const Said said{"GET /" + std::to_string(i), "answer " + std::to_string(i), (10 + i) * second};
    world.tunnel(1 + i, said);
    world.leg(101 + i, said);
  }
  const Correlation found = world.find();
  for (unsigned i = 0; i < 5; ++i) assert_true(is_leg(found.tunnels[i], 101 + i));
  assert_true(found.clocks.at(0).offset.has_value());
  const Time ahead = found.clocks[0].offset->ahead;
  assert_true(ahead > 37 * second - millisecond && ahead < 37 * second + millisecond);
  // As far apart as the user allows, and no further.
  assert_false(world.find(5 * second).tunnels[0].is_known());
  assert_true(world.find(60 * second).tunnels[0].is_known());
}

// Times that are further apart than any number can tell.
void hostile_times_are_no_trouble(void**) {
  constexpr Time least = std::numeric_limits<Time>::min(), most = std::numeric_limits<Time>::max();
  for (const auto& [near, far] : {std::pair(least, most), std::pair(most, least)}) {
    World world;
    world.tunnel(1, {"GET /a", "an answer", second});
    world.leg(101, {"GET /a", "an answer", second});
    world.legs[0].first.time = world.legs[0].content.first[client].time = near;
    world.tunnels[0].request.time = world.tunnels[0].reply.time = far;
    world.tunnels[0].content.first[client].time = far;
    static_cast<void>(world.find());
    static_cast<void>(world.find(second));
  }
}

void most_clocks_win(void**) {
  const std::vector<ClockBounds> bounds = {{10, 20}, {12, 22}, {15, 30}, {500, 501}, {9, 3}};
  const auto offset = agree(bounds);
  assert_true(offset.has_value());
  assert_int_equal(offset->votes, 3);
  assert_true(offset->ahead >= 15 && offset->ahead <= 20);
  assert_false(agree({}).has_value());
  assert_false(agree({{9, 3}}).has_value());
}

std::string head(const std::string& target, const std::string& host) {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

void forwarded_requests_share_a_leg(void**) {
  World world;
  world.tunnel(1, {head("http://www.example/a", "www.example"), "an answer", second}).is_forwarded = true;
  world.tunnel(2, {head("http://www.example/b", "www.example"), "an answer", 2 * second}).is_forwarded = true;
  // The proxy keeps its connection, and serves both with it.
  Leg& leg = world.leg(101, {head("/a", "www.example"), "answers", second});
  {
    ContentReader reader(key, world.room);
    const std::string first = head("/a", "www.example"), next = head("/b", "www.example");
    const auto size = static_cast<std::uint32_t>(first.size());
    reader.segment(client, 0, bytes_of(first), size, {1, second + millisecond});
    reader.segment(server, 0, bytes_of("answers"), 7, {2, second + millisecond});
    reader.segment(client, size, bytes_of(next), static_cast<std::uint32_t>(next.size()),
                   {3, 2 * second + millisecond});
    reader.segment(server, 7, bytes_of("answers"), 7, {4, 2 * second + millisecond});
    leg.content = reader.value();
  }
  const Correlation found = world.find();
  for (unsigned i = 0; i < 2; ++i) {
    const WanLeg& each = found.tunnels[i];
    assert_true(is_leg(each, 101));
    assert_true(each.is_shared);
    assert_int_equal(each.asked, 1);
    assert_int_equal(each.found, 1);
    assert_int_equal(each.parts[0].ranges.size(), 1);
  }
  const Offset size = static_cast<Offset>(head("/a", "www.example").size());
  assert_int_equal(found.tunnels[0].parts[0].ranges[0].second, size);
  assert_int_equal(found.tunnels[1].parts[0].ranges[0].first, size);
  assert_true(found.legs.at(0).is_shared);
  assert_int_equal(found.legs[0].clients.size(), 2);
}

// In whatever order segments come, and of whatever size.
void content_is_free_of_order(void**) {
  Room room{1 << 20};
  const std::string words = head("/a", "www.example") + head("/b", "www.example");
  const Content whole = content_of({words, "", second}, room);
  assert_int_equal(whole.requests.size(), 2);
  assert_true(whole.is_all_http);
  for (std::size_t step = 2; step < 40; step += 6) {
    ContentReader reader(key, room);
    std::vector<std::size_t> places;
    for (std::size_t place = 0; place < words.size(); place += step) places.push_back(place);
    std::reverse(places.begin() + 1, places.end());
    for (const std::size_t place : places) {
      const std::string piece = words.substr(place, step);
      reader.segment(client, static_cast<Offset>(place), bytes_of(piece), static_cast<std::uint32_t>(piece.size()),
                     {1, second});
    }
    const Content content = reader.value();
    assert_true(Beginning::compare(content.beginning[client], whole.beginning[client]) == Agreement::all);
    assert_int_equal(content.requests.size(), 2);
    assert_int_equal(content.requests[1].asked, whole.requests[1].asked);
  }
  assert_int_equal(room.left, 1 << 20);
}

void room_is_never_exceeded(void**) {
  Room room{100};
  {
    ContentReader reader(key, room);
    const std::string words(60, 'x');
    for (Offset place = 1000; place > 0; place -= 100) {
      reader.segment(server, place, bytes_of(words), 60, {1, second});
      assert_true(room.left <= 100);
    }
    assert_int_equal(reader.value().beginning[server].size, 0);
  }
  assert_int_equal(room.left, 100);
}

// Questions to a name server do not take the room of connections.
void legs_are_bounded(void**) {
  const std::string words = "words";
  const auto put_flows = [&](LegCollector& collector) {
    for (std::uint16_t port = 1; port <= 20; ++port) {
      Datagram datagram;
      datagram.sender = at("192.0.2.1", port);
      datagram.receiver = at("192.0.2.53", 53);
      datagram.payload = bytes_of(words);
      datagram.length = static_cast<std::uint32_t>(words.size());
      datagram.frame.number = port;
      collector.datagram(datagram);
    }
  };
  const auto put_connections = [](LegCollector& collector) {
    std::array<std::uint8_t, 20> header{};
    header[12] = 0x50;
    header[13] = tcp_flag::ack;
    Segment segment;
    segment.header = header;
    for (std::uint16_t port = 1; port <= 10; ++port) {
      segment.sender = at("192.0.2.1", port);
      segment.receiver = at("198.51.100.7", 80);
      for (int turn = 0; turn < 2; ++turn) {
        ++segment.frame.number;
        collector.segment(segment);
        std::swap(segment.sender, segment.receiver);
      }
    }
  };
  LegCollector flows(key, 0, 8), both(key, 0, 8);
  put_flows(flows);
  assert_int_equal(flows.finish().size(), 2);
  assert_int_equal(flows.dropped(), 18);
  put_flows(both);
  put_connections(both);
  assert_int_equal(both.finish().size(), 8);
  assert_int_equal(both.dropped(), 22);
}

void beginnings_compare(void**) {
  const auto of = [](const std::string& words) {
    BeginningHash hash(key);
    hash.add(bytes_of(words));
    return hash.value();
  };
  const std::string words(5000, 'a');
  assert_true(Beginning::compare(of(words.substr(0, 20)), of(words.substr(0, 20))) == Agreement::all);
  assert_true(Beginning::compare(of(words.substr(0, 20)), of(words.substr(0, 30))) == Agreement::start);
  assert_true(Beginning::compare(of(words.substr(0, 7)), of(words.substr(0, 30))) == Agreement::nothing);
  assert_true(Beginning::compare(of(words.substr(0, 20)), of("b" + words.substr(0, 30))) == Agreement::differ);
  assert_true(Beginning::compare(of(words.substr(0, 300)), of(words)) == Agreement::start);
  assert_true(Beginning::compare(of(words), of(words + "b")) == Agreement::all);  // of both, the first 4 KiB
  assert_true(Beginning::compare(of(""), of(words)) == Agreement::nothing);
}

void hellos_are_read(void**) {
  std::vector<std::uint8_t> hello = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
  for (std::uint8_t i = 0; i < 32; ++i) hello.push_back(i);
  const std::string name = "www.example";
  const auto size = static_cast<std::uint8_t>(name.size());
  for (const int byte : {0, 0, 2, 19, 1, 1, 0, 0, size + 9, 0, 0, 0, size + 5, 0, size + 3, 0, 0, int{size}}) {
    hello.push_back(static_cast<std::uint8_t>(byte));
  }
  hello.insert(hello.end(), name.begin(), name.end());
  hello[4] = static_cast<std::uint8_t>(hello.size() - 5);
  hello[8] = static_cast<std::uint8_t>(hello.size() - 9);
  const auto read = parse_tls_hello(hello, TlsSide::client);
  assert_true(read.is_ok());
  assert_string_equal(read.value.sni.c_str(), name.c_str());
  assert_int_equal(read.value.random[31], 31);
  for (std::size_t part = 0; part < hello.size(); ++part) {
    assert_true(parse_tls_hello(Bytes(hello).first(part), TlsSide::client).result == ParseResult::need_more);
  }
  assert_true(parse_tls_hello(hello, TlsSide::server).result == ParseResult::malformed);
  assert_true(parse_tls_hello(bytes_of("GET /"), TlsSide::client).result == ParseResult::malformed);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(finds_by_what_was_said),
      cmocka_unit_test(nothing_is_claimed_without_the_leg),
      cmocka_unit_test(two_that_are_alike_are_ambiguous),
      cmocka_unit_test(one_leg_for_two_is_nobodys),
      cmocka_unit_test(a_crowd_is_nobodys),
      cmocka_unit_test(a_bound_socket_tells_them_apart),
      cmocka_unit_test(other_bytes_are_another_leg),
      cmocka_unit_test(a_leg_that_was_captured_twice_is_one),
      cmocka_unit_test(one_that_carried_nothing_was_given_up),
      cmocka_unit_test(where_and_when_are_enough_for_silence_only),
      cmocka_unit_test(another_hosts_connection_is_none),
      cmocka_unit_test(what_came_at_another_time_is_none),
      cmocka_unit_test(a_clock_that_is_ahead_is_found),
      cmocka_unit_test(hostile_times_are_no_trouble),
      cmocka_unit_test(most_clocks_win),
      cmocka_unit_test(forwarded_requests_share_a_leg),
      cmocka_unit_test(content_is_free_of_order),
      cmocka_unit_test(room_is_never_exceeded),
      cmocka_unit_test(legs_are_bounded),
      cmocka_unit_test(beginnings_compare),
      cmocka_unit_test(hellos_are_read),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
