// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the keyed hashes: published vectors, keys that collided once, and that no result depends on the key.
// spec: "SipHash: a fast short-input PRF", appendix A, and the vectors published with it
#include <array>
#include <cstring>

#include "base/connection_key.hpp"
#include "base/layer_path.hpp"
#include "base/siphash.hpp"
#include "synth/packetize.hpp"
#include "tracker_run.hpp"

using namespace tracker_run;

namespace {

std::array<std::uint8_t, 64> counted_bytes() {
  std::array<std::uint8_t, 64> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

HashKey counted_key() {
  const auto bytes = counted_bytes();
  return HashKey::from(Bytes(bytes).first<16>());
}

// Of the bytes 0, 1, 2 ..., each one longer than the one before.
void published_vectors(void**) {
  const std::uint64_t two_four[] = {
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
      0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
      0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
      0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
  };
  const auto bytes = counted_bytes();
  for (std::size_t size = 0; size < 16; ++size) {
    assert_true((siphash(counted_key(), Bytes(bytes).first(size)) == two_four[size]));
  }
  assert_true((siphash(counted_key(), Bytes(bytes).first(63)) == 0x958a324ceb064572));
}

// ---------------------------------------------------------------- keys made to collide

constexpr std::uint64_t multiplier = 0x9E3779B97F4A7C15U;

// What tables used before: a step that anyone can undo.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * multiplier;
  return hash ^ hash >> 32;
}

// Two words, of which the second one undoes what the first one did.
Address colliding_address(std::uint64_t number) {
  const std::uint64_t first = 0x20 | number << 8, second = mixed(41 * multiplier, first) ^ 0x1234;
  Address address;
  address.version = 6;
  std::memcpy(address.octets.data(), &first, 8);
  std::memcpy(&address.octets[8], &second, 8);
  assert_true(mixed(mixed(41 * multiplier, first), second) == mixed(0, 0x1234));
  return address;
}

std::size_t fullest_slot(const HashKey& key, const std::vector<ConnectionKey>& connections) {
  std::vector<std::size_t> slots(4096);
  const TableHash table(key);
  for (const ConnectionKey& each : connections) ++slots[each.hash(table) >> 52];
  return *std::max_element(slots.begin(), slots.end());
}

void prepared_collisions_are_none(void**) {
  std::vector<ConnectionKey> connections;
  const Endpoint server = wire::endpoint("ff00::1", 80);
  for (std::uint64_t i = 0; i < 4096; ++i) {
    connections.push_back(ConnectionKey::of({colliding_address(i), 1}, server, no_tunnel));
  }
  for (std::uint64_t i = 0; i < 8; ++i) assert_in_range(fullest_slot({i, ~i}, connections), 1, 16);
}

// What differs in one place only, as scans and clients of one network do, is spread as anything else is.
void neighbours_are_spread(void**) {
  std::vector<ConnectionKey> ports, hosts, high_bits, parents;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const Endpoint server = wire::endpoint("198.51.100.1", 443), client = wire::endpoint("10.0.0.1", 1234);
    Address host = client.address, high = wire::endpoint("2001:db8::", 0).address;
    host.octets[2] = static_cast<std::uint8_t>(i >> 8);
    host.octets[3] = static_cast<std::uint8_t>(i);
    high.octets[0] = static_cast<std::uint8_t>(i >> 4);
    high.octets[1] = static_cast<std::uint8_t>(i << 4);
    ports.push_back(ConnectionKey::of({client.address, static_cast<std::uint16_t>(i + 1024)}, server, no_tunnel));
    hosts.push_back(ConnectionKey::of({host, 1234}, server, no_tunnel));
    high_bits.push_back(ConnectionKey::of({high, 1234}, server, no_tunnel));
    parents.push_back(ConnectionKey::of(client, server, i));
  }
  for (const auto& connections : {ports, hosts, high_bits, parents}) {
    for (std::uint64_t i = 0; i < 256; ++i) assert_in_range(fullest_slot({i, ~i}, connections), 1, 16);
  }
}

// Every part of a connection's key counts, and so does each half of the hash's.
void every_part_counts(void**) {
  const Endpoint one = wire::endpoint("10.0.0.1", 1), two = wire::endpoint("10.0.0.2", 2);
  const Endpoint six = wire::endpoint("a00:1::", 1);  // the octets of 10.0.0.1 and zeros
  const std::vector<ConnectionKey> connections = {
      {one, two, 3, false},
      {one, two, 3, true},
      {one, two, 4, false},
      {two, one, 3, false},
      {six, two, 3, false},
      {one, six, 3, false},
      {six, six, 3, false},
      {one, one, 3, false},
      {{one.address, 2}, two, 3, false},
      {wire::endpoint("a00:1::1", 1), two, 3, false},
  };
  const TableHash table(counted_key());
  for (const ConnectionKey& each : connections) {
    for (const ConnectionKey& another : connections) {
      assert_int_equal(each.hash(table) == another.hash(table), &each == &another);
    }
  }
  const auto of_first = [&](const HashKey& key) { return connections[0].hash(TableHash(key)); };
  assert_true(of_first({1, 0}) != of_first({0, 0}) && of_first({0, 1}) != of_first({0, 0}));
}

// The order of addresses is that of their octets, whatever is compared at once.
void addresses_have_one_order(void**) {
  const char* const ascending[] = {
      "0.0.0.0",  "::",       "::1",   "::1:0:0:0", "0:0:0:1::",   "1:0:0:2::",  "9.255.0.0", "10.0.0.0",
      "10.0.0.1", "10.1.0.0", "a80::", "ff00::1",   "ff00::1:0:0", "ff00:0:1::", "255.0.0.0"};
  std::vector<Address> addresses;
  for (const char* text : ascending) addresses.push_back(*Address::parse(text));
  for (const Address& one : addresses) {
    for (const Address& another : addresses) {
      const auto of_octets = std::pair(one.octets, one.version) <=> std::pair(another.octets, another.version);
      assert_true((one <=> another) == of_octets);
      assert_int_equal(one == another, of_octets == 0);
    }
  }
}

// ---------------------------------------------------------------- results

// Part of what is exported: a change of this number is a change of the output.
void made_up_sequence_numbers_are_the_same_in_every_run(void**) {
  assert_int_equal(packetized_isn(path_on_wire(client, proxy), 0x01020304, 5), 0xf525cae1);
}

// Everything that came out, in order.
std::string told(const Run& run) {
  std::string all;
  for (const auto& [id, conversation] : run.conversations) {
    for (std::size_t i = 0; i < conversation.packets.size(); ++i) {
      const VirtualPacket& packet = conversation.packets[i];
      all += std::to_string(id) + " " + std::to_string(packet.frame.number) + " ";
      all += text_of(packet.header_bytes());
      all += conversation.payloads[i] + "\n";
    }
  }
  for (const Attempt& attempt : run.ended) {
    all += std::to_string(attempt.id) + " " + attempt.client.text() + " " +
           (attempt.origin ? attempt.origin->endpoint.text() : "") + "\n";
  }
  for (const auto& [kind, frame] : run.messages) {
    all += std::to_string(static_cast<int>(kind)) + " " + std::to_string(frame) + "\n";
  }
  return all;
}

// More connections than are tracked at once, half of them to the same origin, every third one closed.
std::string told_with(const HashKey& key) {
  TrackerOptions options;
  options.hash_key = key;
  options.connections = 64;
  Run run(options);
  std::uint64_t frame = 0;
  for (std::uint16_t i = 0; i < 300; ++i) {
    wire::Connection c({client.address, static_cast<std::uint16_t>(20000 + i)}, proxy, i * 1000U);
    c.frame = frame;
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    const std::string name = i % 2 == 0 ? "example.com" : "host" + std::to_string(i) + ".test";
    run.put(c.say(End::client, "\x05\x01\x00\x03"s + static_cast<char>(name.size()) + name + "\x00\x50"s));
    run.put(c.say(End::server, reply));
    run.put(c.say(End::client, "payload " + std::to_string(i)));
    if (i % 3 == 0) run.put(c.rst(End::server));
    frame = c.frame;
  }
  Outcome last;
  while (run.tracker.finish(last)) run.take(last);  // not sorted
  return told(run);
}

void no_result_depends_on_the_key(void**) {
  const std::string one = told_with({1, 2});
  assert_true(one.find("payload 299") != std::string::npos);
  assert_true(one == told_with({0xfedcba9876543210U, 0}));
  assert_true(one == told_with({}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(published_vectors),
      cmocka_unit_test(prepared_collisions_are_none),
      cmocka_unit_test(neighbours_are_spread),
      cmocka_unit_test(every_part_counts),
      cmocka_unit_test(addresses_have_one_order),
      cmocka_unit_test(made_up_sequence_numbers_are_the_same_in_every_run),
      cmocka_unit_test(no_result_depends_on_the_key),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
