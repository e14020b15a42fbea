// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which association a datagram belongs to, also among many, against a model; the ports of clients.
#include <algorithm>
#include <random>

#include "udp/associations.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;
using Ports = Associations::Ports;

namespace {

const Endpoint relay = wire::endpoint("10.0.0.1", 5000), elsewhere = wire::endpoint("203.0.113.4", 5000);
const Address host = *Address::parse("10.0.0.5");

Endpoint port_of_client(std::uint16_t port) {
  return {host, port};
}

ConnectionKey control_of(TunnelId id) {
  return ConnectionKey::of({host, static_cast<std::uint16_t>(id)}, relay, no_tunnel);
}

Association association_of(TunnelId id, const char* announced = "0.0.0.0", std::uint16_t port = 0) {
  return {id, 0, host, wire::endpoint(announced, port), relay, {}, control_of(id)};
}

TunnelId up(Associations& all, const Endpoint& client, const Endpoint& to = relay, unsigned layer = 0) {
  const auto match = all.find(client, to, layer, Ports::any_new);
  if (!match) return no_tunnel;
  assert_true(match->direction == Direction::from_client && match->client == client);
  return match->id;
}

TunnelId down(Associations& all, const Endpoint& client, const Endpoint& by = relay, unsigned layer = 0) {
  const auto match = all.find(by, client, layer, Ports::any_new);
  if (!match) return no_tunnel;
  assert_true(match->direction == Direction::from_server && match->client == client);
  return match->id;
}

void the_first_datagram_binds_a_port(void**) {
  Associations all;
  assert_int_equal(up(all, port_of_client(1)), no_tunnel);
  all.add(association_of(7));
  assert_int_equal(down(all, port_of_client(1)), no_tunnel);  // a relay cannot know it yet
  assert_false(all.find(port_of_client(1), relay, 0, Ports::known).has_value());
  assert_int_equal(up(all, port_of_client(1)), 7);
  assert_int_equal(down(all, port_of_client(1)), 7);
  assert_true(all.find(port_of_client(1), relay, 0, Ports::known).has_value());
  assert_int_equal(up(all, port_of_client(2)), 7);  // a client may use another port, too
  assert_int_equal(up(all, wire::endpoint("10.0.0.6", 1)), no_tunnel);
  assert_int_equal(up(all, port_of_client(1), wire::endpoint("10.0.0.1", 5001)), no_tunnel);
  all.remove(7);
  assert_int_equal(up(all, port_of_client(1)), no_tunnel);
  all.remove(7);
}

void an_announced_port_comes_first(void**) {
  Associations all;
  all.add(association_of(1, "10.0.0.5", 1111));
  all.add(association_of(2, "0.0.0.0", 2222));
  all.add(association_of(3));
  assert_int_equal(down(all, port_of_client(1111)), 1);  // the relay knows it, too
  assert_int_equal(up(all, port_of_client(2222)), 2);
  assert_int_equal(up(all, port_of_client(3333)), 3);
  assert_int_equal(up(all, port_of_client(1111)), 1);
}

void a_new_port_goes_to_the_latest_without_one(void**) {
  Associations all;
  all.add(association_of(1));
  all.add(association_of(2));
  assert_int_equal(up(all, port_of_client(10)), 2);
  assert_int_equal(up(all, port_of_client(11)), 1);
  assert_int_equal(up(all, port_of_client(12)), 2);  // all have one: the latest
  all.add(association_of(3));
  assert_int_equal(up(all, port_of_client(10)), 2);
  assert_int_equal(up(all, port_of_client(13)), 3);
  all.remove(2);
  assert_int_equal(down(all, port_of_client(10)), no_tunnel);
  assert_int_equal(down(all, port_of_client(11)), 1);
}

// v2ray announces the target of the first datagram.
void an_announcement_of_a_target_says_nothing(void**) {
  Associations all;
  all.add(association_of(1, "192.0.2.7", 53));
  assert_int_equal(down(all, port_of_client(53)), no_tunnel);
  assert_int_equal(up(all, port_of_client(4444)), 1);
  assert_int_equal(up(all, wire::endpoint("192.0.2.7", 53)), no_tunnel);  // a relay with one socket for both legs
  assert_int_equal(down(all, wire::endpoint("192.0.2.7", 53)), no_tunnel);
}

// RFC 1928 section 6 (udp_announced_other_address).
void a_client_may_announce_another_address(void**) {
  const Endpoint announced = wire::endpoint("10.88.1.14", 4444), other_port = wire::endpoint("10.88.1.14", 4445);
  for (const std::uint16_t port : {std::uint16_t{4444}, std::uint16_t{0}}) {
    Associations all;
    all.add(association_of(1, "10.88.1.14", port));
    assert_int_equal(down(all, announced), no_tunnel);  // the client speaks first: it may be a target after all
    assert_int_equal(up(all, wire::endpoint("10.88.1.15", 4444)), no_tunnel);
    assert_int_equal(up(all, announced), 1);
    assert_int_equal(down(all, announced), 1);
    assert_int_equal(up(all, other_port), port == 0 ? 1 : no_tunnel);
    assert_int_equal(up(all, wire::endpoint("::ffff:10.88.1.14", 4444)), 1);
    all.remove(1);
    assert_int_equal(up(all, announced), no_tunnel);
    assert_true(all.empty());
  }
}

// What one client announces is not taken from another one, whose own it is.
void an_announced_address_is_its_owners_first(void**) {
  const Endpoint announced = wire::endpoint("10.88.1.14", 4444);
  Associations all;
  Association owner = association_of(1);
  owner.client = announced.address;
  all.add(owner);
  all.add(association_of(2, "10.88.1.14", 4444));
  assert_int_equal(up(all, announced), 1);
  all.remove(1);
  assert_int_equal(up(all, announced), 2);
}

void a_relay_has_two_addresses(void**) {
  Associations all;
  Association both = association_of(1);
  both.elsewhere = elsewhere.address;
  all.add(both);
  assert_int_equal(up(all, port_of_client(1), elsewhere), 1);
  assert_int_equal(down(all, port_of_client(1), elsewhere), 1);
  assert_int_equal(down(all, port_of_client(1), relay), no_tunnel);
  assert_int_equal(up(all, port_of_client(1), relay), 1);
  all.remove(1);
  assert_int_equal(up(all, port_of_client(1), elsewhere), no_tunnel);
}

void layers_are_apart(void**) {
  Associations all;
  Association inner = association_of(1);
  inner.layer = 1;
  all.add(inner);
  assert_int_equal(up(all, port_of_client(1)), no_tunnel);
  assert_int_equal(up(all, port_of_client(1), relay, 1), 1);
  all.add(association_of(2));
  assert_int_equal(up(all, port_of_client(1)), 2);
}

void mapped_addresses_are_the_same(void**) {
  Associations all;
  all.add(association_of(1));
  const Endpoint mapped = wire::endpoint("::ffff:10.0.0.5", 9), mapped_relay = wire::endpoint("::ffff:10.0.0.1", 5000);
  assert_int_equal(up(all, mapped, mapped_relay), 1);
  assert_int_equal(down(all, port_of_client(9)), 1);
}

// ---------------------------------------------------------------- many

Endpoint many(std::uint32_t number, std::uint16_t port = 9) {
  Endpoint client{host, port};
  put32(client.address.octets.data(), 0x0a010000 + number);
  return client;
}

// v2ray: one relay port for all clients.
void a_relay_may_serve_any_number_of_clients(void**) {
  Associations all;
  for (TunnelId id = 0; id < 1000; ++id) {
    Association one = association_of(id);
    one.client = many(id).address;
    all.add(one);
  }
  for (TunnelId id = 0; id < 1000; ++id) {
    assert_int_equal(up(all, many(id)), id);
    assert_int_equal(down(all, many(id)), id);
  }
  for (TunnelId id = 0; id < 1000; id += 2) all.remove(id);
  for (TunnelId id = 0; id < 1000; ++id) {
    const TunnelId expected = id % 2 == 0 ? no_tunnel : id;
    assert_int_equal(down(all, many(id)), expected);
    assert_int_equal(up(all, many(id, 10)), expected);
  }
  assert_false(all.empty());
}

void a_client_may_have_any_number_of_associations(void**) {
  Associations all;
  for (std::uint16_t i = 0; i < 1000; ++i) all.add(association_of(i, i % 2 == 0 ? "0.0.0.0" : "10.0.0.5", 2000 + i));
  for (std::uint16_t i = 0; i < 1000; i += 2) assert_int_equal(down(all, port_of_client(2000 + i)), i);
  for (std::uint16_t i = 1; i < 1000; i += 2) assert_int_equal(up(all, port_of_client(2000 + i)), i);
  assert_int_equal(up(all, port_of_client(1)), 999);  // nobody announced it
  std::vector<std::uint16_t> order(1000);
  for (std::uint16_t i = 0; i < 1000; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(5));
  for (std::size_t gone = 0; gone < 1000; ++gone) {
    all.remove(order[gone]);
    assert_int_equal(down(all, port_of_client(2000 + order[gone])), no_tunnel);
    if (gone + 1 < 1000) assert_int_equal(down(all, port_of_client(2000 + order[gone + 1])), order[gone + 1]);
  }
  assert_true(all.empty());
}

void a_client_may_use_any_number_of_ports(void**) {
  Associations all;
  all.add(association_of(1));
  all.add(association_of(2));
  const auto owner = [](std::uint16_t port) { return port == 65534 ? 1 : 2; };  // the second one without a port
  for (std::uint16_t port = 65535; port > 0; --port) assert_int_equal(up(all, port_of_client(port)), owner(port));
  for (std::uint16_t port = 65535; port > 0; --port) assert_int_equal(down(all, port_of_client(port)), owner(port));
  assert_true(all.take_crowded().empty());
}

// What the rules say, word by word, without any index.
class Model {
 public:
  void add(const Association& association) { list_.push_back({association, false, false}); }
  void remove(TunnelId id) {
    std::erase_if(list_, [id](const Entry& entry) { return entry.association.id == id; });
    std::erase_if(bound_, [id](const auto& each) { return each.second == id; });
  }
  TunnelId find(const Endpoint& sender, const Endpoint& receiver, unsigned layer, Ports ports) {
    const TunnelId id = look(receiver, sender, layer, ports, Direction::from_client);
    return id != no_tunnel ? id : look(sender, receiver, layer, ports, Direction::from_server);
  }

 private:
  struct Entry {
    Association association;
    bool is_bound, is_at_home;
  };

  TunnelId look(const Endpoint& relay_end, const Endpoint& client, unsigned layer, Ports ports, Direction direction) {
    const ClientPort key{plain(relay_end), plain(client), static_cast<std::uint8_t>(layer)};
    const auto may_be = [&](const Entry& entry) {
      return is_there(entry.association, key) && reaches(entry, key.client);
    };
    if (std::none_of(list_.begin(), list_.end(), may_be)) return no_tunnel;
    if (const auto known = bound_.find(key); known != bound_.end()) return known->second;
    if (ports == Ports::known) return no_tunnel;
    Entry* best = nullptr;
    int most = 0;
    for (Entry& entry : list_) {
      if (!is_there(entry.association, key)) continue;
      const int fits = fitness(entry, key.client, direction);
      if (fits == 0 || fits < most) continue;
      best = &entry;  // of equals the latest
      most = fits;
    }
    if (best == nullptr) return no_tunnel;
    best->is_bound = true;
    best->is_at_home |= key.client.address == best->association.client.unmapped();
    return bound_[key] = best->association.id;
  }
  static Endpoint plain(const Endpoint& end) { return {end.address.unmapped(), end.port}; }
  static bool is_there(const Association& each, const ClientPort& key) {
    return (plain(each.relay) == key.relay ||
            (each.elsewhere && plain({*each.elsewhere, each.relay.port}) == key.relay)) &&
           each.layer == key.layer;
  }
  static bool is_own(const Association& each) {
    return each.announced.address.is_unspecified() || each.announced.address.unmapped() == each.client.unmapped();
  }
  static bool reaches(const Entry& entry, const Endpoint& client) {
    const Association& each = entry.association;
    if (client.address == each.client.unmapped()) return true;
    return !is_own(each) && !entry.is_at_home && client.address == each.announced.address.unmapped();
  }
  static int fitness(const Entry& entry, const Endpoint& client, Direction direction) {
    const Association& each = entry.association;
    const std::uint16_t announced = each.announced.port;
    if (!reaches(entry, client)) return 0;
    if (client.address != each.client.unmapped()) {
      if (direction == Direction::from_server) return 0;
      return announced != 0 && announced == client.port ? 2 : announced == 0 ? 1 : 0;
    }
    if (is_own(each) && announced != 0 && announced == client.port) return 5;
    if (direction == Direction::from_server) return 0;
    return (!is_own(each) || announced == 0) && !entry.is_bound ? 4 : 3;
  }

  std::vector<Entry> list_;
  std::map<ClientPort, TunnelId> bound_;
};

void all_rules_hold_at_once(void**) {
  std::mt19937 random(7);
  const auto one_of = [&random](const auto& list) { return list[random() % std::size(list)]; };
  const char* const hosts[] = {"10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "2001:db8::1"};
  const char* const said[] = {"0.0.0.0", "10.0.0.1", "::ffff:10.0.0.2", "192.0.2.7"};
  const std::uint16_t ports[] = {0, 1, 2, 3};
  std::size_t matches = 0;
  for (unsigned round = 0; round < 50; ++round) {
    Associations all;
    Model model;
    TunnelId next = 0;
    for (unsigned step = 0; step < 400; ++step) {
      if (random() % 8 == 0) {
        Association one;
        one.id = next++;
        one.layer = static_cast<unsigned>(random() % 2);
        one.client = *Address::parse(one_of(hosts));
        one.announced = wire::endpoint(one_of(said), one_of(ports));
        one.relay = wire::endpoint(one_of(hosts), one_of(ports));
        if (random() % 3 == 0) one.elsewhere = Address::parse(one_of(hosts));
        all.add(one);
        model.add(one);
      } else if (next > 0 && random() % 16 == 0) {
        const auto id = static_cast<TunnelId>(random() % next);
        all.remove(id);
        model.remove(id);
      }
      const Endpoint sender = wire::endpoint(one_of(hosts), one_of(ports)),
                     receiver = wire::endpoint(one_of(hosts), one_of(ports));
      const auto layer = static_cast<unsigned>(random() % 2);
      const Ports which = random() % 4 == 0 ? Ports::known : Ports::any_new;
      const auto match = all.find(sender, receiver, layer, which);
      assert_int_equal(match ? match->id : no_tunnel, model.find(sender, receiver, layer, which));
      matches += match ? 1U : 0U;
    }
  }
  assert_true(matches > 5000);
}

// ---------------------------------------------------------------- ports of clients

ClientPort numbered(std::uint32_t number) {
  return {relay, many(number), 0};
}

TunnelId owner_of(ClientPorts& ports, std::uint32_t number) {
  const PortUse* use = ports.find(numbered(number));
  return use == nullptr ? no_tunnel : use->id;
}

void ports_used_least_lately_are_forgotten(void**) {
  constexpr TunnelId most = 50, count = 1000;
  ClientPorts ports(most);
  std::vector<TunnelId> forgotten;
  for (TunnelId id = 0; id < count; ++id) {
    ports.set(numbered(id), {id});
    assert_int_equal(owner_of(ports, 0), 0);  // used all the time
    for (const auto& [port, use] : ports.take_forgotten()) forgotten.push_back(use.id);
  }
  std::sort(forgotten.begin(), forgotten.end());
  assert_true(std::adjacent_find(forgotten.begin(), forgotten.end()) == forgotten.end());
  assert_in_range(forgotten.size(), count - 2 * most, count - most);
  for (const TunnelId id : forgotten) assert_int_equal(owner_of(ports, id), no_tunnel);
  for (TunnelId id = count - most + 1; id < count; ++id) assert_int_equal(owner_of(ports, id), id);
}

// In a round, the one that is used next is always the one used least lately.
void as_many_ports_as_a_generation_holds_are_safe(void**) {
  ClientPorts ports(50);
  for (TunnelId id = 0; id < 50; ++id) ports.set(numbered(id), {id});
  for (TunnelId step = 0; step < 500; ++step) assert_int_equal(owner_of(ports, step % 50), step % 50);
  assert_true(ports.take_forgotten().empty());
}

void a_port_changes_hands(void**) {
  ClientPorts ports(2);
  ports.set(numbered(1), {1});
  ports.set(numbered(2), {2});  // both are elder now
  ports.set(numbered(1), {3});
  assert_int_equal(owner_of(ports, 1), 3);
  assert_int_equal(owner_of(ports, 2), 2);
  assert_true(ports.take_forgotten().empty());
}

// Whoever lost a port is told, if it is still there.
void a_crowd_is_told(void**) {
  Associations all(4);
  for (TunnelId id = 0; id < 4; ++id) {
    Association one = association_of(id);
    one.client = many(id).address;
    all.add(one);
    assert_int_equal(up(all, many(id)), id);
  }
  all.remove(2);
  assert_true(all.take_crowded().empty());
  for (std::uint16_t port = 100; port < 104; ++port) assert_int_equal(up(all, many(3, port)), 3);
  std::vector<ConnectionKey> crowded = all.take_crowded();
  assert_int_equal(crowded.size(), 3);
  for (const TunnelId id : {0U, 1U, 3U}) {
    assert_int_equal(std::count(crowded.begin(), crowded.end(), control_of(id)), 1);
  }
  assert_int_equal(down(all, many(0)), no_tunnel);  // forgotten
  assert_int_equal(up(all, many(0)), 0);
  assert_int_equal(down(all, many(0)), 0);
  assert_true(all.take_crowded().empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_first_datagram_binds_a_port),
      cmocka_unit_test(an_announced_port_comes_first),
      cmocka_unit_test(a_new_port_goes_to_the_latest_without_one),
      cmocka_unit_test(an_announcement_of_a_target_says_nothing),
      cmocka_unit_test(a_client_may_announce_another_address),
      cmocka_unit_test(an_announced_address_is_its_owners_first),
      cmocka_unit_test(a_relay_has_two_addresses),
      cmocka_unit_test(layers_are_apart),
      cmocka_unit_test(mapped_addresses_are_the_same),
      cmocka_unit_test(a_relay_may_serve_any_number_of_clients),
      cmocka_unit_test(a_client_may_have_any_number_of_associations),
      cmocka_unit_test(a_client_may_use_any_number_of_ports),
      cmocka_unit_test(all_rules_hold_at_once),
      cmocka_unit_test(ports_used_least_lately_are_forgotten),
      cmocka_unit_test(as_many_ports_as_a_generation_holds_are_safe),
      cmocka_unit_test(a_port_changes_hands),
      cmocka_unit_test(a_crowd_is_told),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
