// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of conversations: two programs give the same ones whatever else they know, and different conversations
//          have different ones.
#include <set>

#include "base/layer_path.hpp"
#include "synth/packetize.hpp"
#include "tracker_run.hpp"
#include "unit.hpp"

using namespace tracker_run;

namespace {

const Endpoint target = wire::endpoint("192.0.2.7", 80);

void both_directions_of_a_connection_have_one_path(void**) {
  assert_true(path_on_wire(client, proxy) == path_on_wire(proxy, client));
  wire::Connection c(client, proxy);
  const LayerPath opening = path_of(c.syn());
  assert_true(path_of(c.syn_ack()) == opening && opening == path_on_wire(client, proxy));
}

// Programs of different builds meet: another mix needs another chunk_record_magic.
void the_mix_is_fixed(void**) {
  const LayerPath path = path_on_wire(client, proxy);
  assert_true(path == 0x5013f8a47c0ea8c3U);
  assert_true(path_of_tls(path_of_tunnel(path, 13, 12)) == 0xbcee51be6ccf4557U);
}

void what_differs_has_another_path(void**) {
  const LayerPath path = path_on_wire(client, proxy);
  const std::set<LayerPath> all = {
      path,
      path_on_wire({client.address, 40001}, proxy),
      path_on_wire(client, {proxy.address, 40000}),
      path_on_wire({proxy.address, client.port}, {client.address, proxy.port}),
      path_on_wire({client.address.mapped(), client.port}, {proxy.address.mapped(), proxy.port}),
      path_of_tls(path),
      path_of_tls(path_of_tls(path)),
      path_of_tunnel(path, 0, 0),
      path_of_tunnel(path, 0, 12),
      path_of_tunnel(path, 12, 0),
      path_of_tunnel(path_of_tls(path), 12, 0),
      path_of_tunnel(path_of_tunnel(path, 12, 0), 12, 0),
      path_of_tls(path_of_tunnel(path, 12, 0)),
  };
  assert_int_equal(all.size(), 13);
}

// Two layers, both asked for by name, and TLS in the inner one with a tunnel of its own.
std::set<LayerPath> paths_of(const TrackerOptions& options, const char* known_as) {
  Run run(options);
  if (known_as != nullptr)
    run.tracker.names().record(Provenance::hosts_file, "proxy.example", *Address::parse(known_as));
  wire::Connection c(client, proxy);
  wire::Sender inside(c);
  put_opening(run, c);
  for (const char* name : {"proxy.example", "www.example.com"}) {
    run.put(c.say(End::client, "CONNECT "s + name + ":443 HTTP/1.1\r\n\r\n"));
    run.put(c.say(End::server, "HTTP/1.1 200 OK\r\n\r\n"));
  }
  run.put(c.say(End::client, "what TLS carries"));
  const VirtualPacket& carrier = run.conversations.at(options.first_id + 1).packets.back();
  Chunk chunk = inside.chunk(carrier.sender, carrier.receiver, "CONNECT 192.0.2.7:80 HTTP/1.1\r\n\r\n");
  chunk.parent = carrier.tunnel;
  chunk.layer = carrier.layer + 1;
  run.put(chunk);
  std::swap(chunk.sender, chunk.receiver);
  chunk.payload = bytes_of("HTTP/1.1 200 OK\r\n\r\n");
  run.put(chunk);
  std::set<LayerPath> paths;
  for (const auto& [tunnel, conversation] : run.conversations) {
    for (const VirtualPacket& packet : conversation.packets) {
      assert_true(packet.path == conversation.packets.front().path);
      assert_true(path_of(packet.as_segment()) == packet.path);
      paths.insert(packet.path);
    }
  }
  assert_int_equal(paths.size(), 3);
  return paths;
}

void ids_names_and_addresses_change_nothing(void**) {
  const auto plain = paths_of({}, nullptr);
  TrackerOptions options;
  options.first_id = 1000;
  options.synthetic4 = *Prefix::parse("10.99.0.0/16");
  assert_true(paths_of(options, nullptr) == plain);
  assert_true(paths_of(options, "203.0.113.9") == plain);
  assert_true(paths_of({}, "2001:db8::9") == plain);
}

// What TLS carried has numbers of our own making; they go by the path, too.
void numbers_of_decrypted_streams_go_by_the_path(void**) {
  const auto first = packetized_isn(path_on_wire(client, proxy), 1000, 7);
  assert_int_equal(first, packetized_isn(path_on_wire(proxy, client), 1000, 7));
  assert_int_not_equal(first, packetized_isn(path_on_wire(proxy, target), 1000, 7));
  assert_int_not_equal(first, packetized_isn(path_on_wire(client, proxy), 1001, 7));
  assert_int_not_equal(first, packetized_isn(path_on_wire(client, proxy), 1000, 8));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(both_directions_of_a_connection_have_one_path),
      cmocka_unit_test(the_mix_is_fixed),
      cmocka_unit_test(what_differs_has_another_path),
      cmocka_unit_test(ids_names_and_addresses_change_nothing),
      cmocka_unit_test(numbers_of_decrypted_streams_go_by_the_path),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
