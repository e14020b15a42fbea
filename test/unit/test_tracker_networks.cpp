// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the door: connections are known by their ends and their network, also where each direction names another
// one.
#include "tracker/networks.hpp"
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

/// A session through the proxy, whose segments are in the network of their direction.
struct Session {
  Session(NetworkId up_, NetworkId down_, std::uint32_t numbers)
      : wire(client, proxy, 1000 + numbers, 5000 + numbers), up(up_), down(down_) {}

  /// All segments, in the order in which they were sent.
  std::vector<Segment> all(const std::string& asked, const std::string& answered) {
    std::vector<Segment> sent{wire.syn(),
                              wire.syn_ack(),
                              wire.ack(End::client),
                              wire.say(End::client, greeting),
                              wire.say(End::server, method),
                              wire.say(End::client, request),
                              wire.say(End::server, reply),
                              wire.say(End::client, asked),
                              wire.say(End::server, answered),
                              wire.fin(End::client),
                              wire.fin(End::server)};
    for (Segment& segment : sent) segment.frame.network = segment.sender == client ? up : down;
    return sent;
  }

  wire::Connection wire;
  NetworkId up, down;
};

/// Puts them in by turns, and says what each conversation was asked and answered.
std::vector<std::string> said(const std::vector<std::vector<Segment>>& sessions) {
  Run run;
  for (std::size_t i = 0; i < sessions[0].size(); ++i) {
    for (const auto& segments : sessions) run.put(segments[i]);
  }
  run.finish();
  std::vector<std::string> texts;
  for (const auto& [id, conversation] : run.conversations) {
    std::string text;
    for (const auto& [end, stream] : conversation.streams) text += stream.text() + " ";
    texts.push_back(text);
  }
  return texts;
}

void networks_are_apart(void**) {
  Session one(5, 5, 0), two(6, 6, 0);  // the same numbers, too: it was recorded twice
  const auto texts = said({one.all("one?", "one!"), two.all("two?", "two!")});
  assert_int_equal(texts.size(), 2);
  assert_string_equal(texts[0].c_str(), "one? one! ");
  // Its own port is in use then.
  assert_true(texts[1].find("two?") != std::string::npos && texts[1].find("two!") != std::string::npos);
}

void directions_may_name_another_network_each(void**) {
  Session one(1, 2, 0);
  assert_int_equal(said({one.all("one?", "one!")}).size(), 1);
  Session first(1, 2, 0), second(3, 4, 50000), third(5, 5, 90000);
  const auto texts = said({first.all("a?", "a!"), second.all("b?", "b!"), third.all("c?", "c!")});
  assert_int_equal(texts.size(), 3);
  for (const char* letter : {"a", "b", "c"}) {
    const std::string text = texts[static_cast<std::size_t>(letter[0] - 'a')];
    assert_true(text.find(letter + "?"s) != std::string::npos && text.find(letter + "!"s) != std::string::npos);
  }
}

void any_order_will_do(void**) {
  Session s(1, 2, 0);
  auto segments = s.all("asked", "answered");
  std::swap(segments[0], segments[1]);  // the answer to the SYN comes first
  Run run;
  for (const Segment& segment : segments) run.put(segment);
  run.finish();
  assert_int_equal(run.opened.size(), 1);
}

void what_answers_nothing_is_apart(void**) {
  Networks networks(100);
  wire::Connection one(client, proxy), other(client, proxy, 777777, 888888);
  const auto network_of = [&networks](Segment segment, NetworkId network) {
    segment.frame.network = network;
    return networks.of(segment);
  };
  assert_int_equal(network_of(one.syn(), 1), 1);
  assert_int_equal(network_of(one.syn_ack(), 2), 1);
  assert_int_equal(network_of(one.ack(End::client), 1), 1);
  // Another connection between the same ends: its answer belongs to it, though it is in a third network.
  assert_int_equal(network_of(other.syn(), 4), 4);
  assert_int_equal(network_of(other.syn_ack(), 3), 4);
  // One that answers nobody stays where it is.
  wire::Connection nobodys(client, proxy, 5, 6);
  nobodys.syn();
  assert_int_equal(network_of(nobodys.syn_ack(), 9), 9);
  // Datagrams of a network are where its connections are.
  Datagram datagram;
  datagram.frame.network = 2;
  assert_int_equal(networks.of(datagram), 1);
  datagram.frame.network = 9;
  assert_int_equal(networks.of(datagram), 9);
  datagram.frame.network = 0;
  assert_int_equal(networks.of(datagram), 0);
}

void however_many_networks_have_the_same_ends(void**) {
  Networks networks(1000);
  std::deque<wire::Connection> all;
  for (NetworkId network = 1; network <= 400; ++network) {
    wire::Connection& c = all.emplace_back(client, proxy, static_cast<std::uint32_t>(network) * 100000, 1);
    Segment syn = c.syn();
    syn.frame.network = network;
    assert_int_equal(networks.of(syn), network);
  }
  // The latest ones find their answers, whatever came before them.
  for (NetworkId network = 400; network > 384; --network) {
    Segment answer = all[network - 1].syn_ack();
    answer.frame.network = 10000 + network;
    assert_int_equal(networks.of(answer), network);
  }
}

void datagrams_of_an_association_are_in_its_network(void**) {
  const std::string associate = "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s;
  const std::string associated = "\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38"s;  // 10.0.0.1:1080
  Run run;
  wire::Connection first(client, proxy), second(client, proxy);
  for (wire::Connection* c : {&first, &second}) {
    const NetworkId network = c == &first ? 5 : 6;
    c->frame = c == &first ? 0 : 50;
    for (Segment segment :
         {c->syn(), c->syn_ack(), c->ack(End::client), c->say(End::client, greeting), c->say(End::server, method),
          c->say(End::client, associate), c->say(End::server, associated)}) {
      segment.frame.network = network;
      run.put(segment);
    }
  }
  wire::Sender sender(second);
  for (const NetworkId network : {NetworkId{5}, NetworkId{6}, NetworkId{5}}) {
    Datagram datagram =
        sender.datagram(wire::endpoint("10.0.0.5", 6000), proxy, "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35query"s);
    datagram.frame.network = network;
    run.put(datagram);
  }
  run.finish();
  assert_int_equal(run.ended.size(), 2);
  assert_int_equal(run.ended[0].flows.at(0).datagrams[Direction::from_client], 2);
  assert_int_equal(run.ended[1].flows.at(0).datagrams[Direction::from_client], 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(networks_are_apart),
      cmocka_unit_test(directions_may_name_another_network_each),
      cmocka_unit_test(any_order_will_do),
      cmocka_unit_test(what_answers_nothing_is_apart),
      cmocka_unit_test(however_many_networks_have_the_same_ends),
      cmocka_unit_test(datagrams_of_an_association_are_in_its_network),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
