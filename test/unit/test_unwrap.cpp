// SPDX-License-Identifier: GPL-2.0-or-later
// summary: virtual datagrams: addresses, lengths and checksums after every kind of change.
#include <random>

#include "synth/unwrap.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;

namespace {

const Endpoint client = wire::endpoint("10.0.0.5", 50000), relay = wire::endpoint("10.0.0.1", 5000);
const Endpoint client6 = wire::endpoint("fd00::5", 50000), relay6 = wire::endpoint("fd00::1", 5000);
const Endpoint origin4 = wire::endpoint("192.0.2.7", 53), origin6 = wire::endpoint("2001:db8::7", 443);

struct Case {
  explicit Case(const Endpoint& from, const Endpoint& to, const std::string& payload, std::uint32_t cut)
      : connection(from, to), sender(connection), datagram(sender.datagram(from, to, payload)) {
    change.cut = cut;
  }
  VirtualPacket shown_to(const Endpoint& origin) {
    change.sender = datagram.sender;
    change.receiver = origin;
    if (!origin.address.is_v4()) change.sender.address = change.sender.address.mapped();
    if (origin.address.is_v4()) change.sender.address = client.address;
    VirtualPacket packet;
    unwrap(datagram, change, packet);
    return packet;
  }

  wire::Connection connection;
  wire::Sender sender;
  Datagram datagram;
  Unwrapping change;
};

std::uint16_t checksum_of(const VirtualPacket& packet) {
  return packet.as_datagram().checksum;
}

std::uint16_t right_checksum(const VirtualPacket& packet) {
  return wire::udp_checksum(packet.sender, packet.receiver, packet.payload);
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

void checksums_follow_every_change(void**) {
  std::mt19937 random(11);
  for (const auto& [from, to] : {std::pair(client, relay), std::pair(client6, relay6)}) {
    for (const Endpoint& origin : {origin4, origin6}) {
      for (std::uint32_t size = 0; size < 40; ++size) {
        for (std::uint32_t cut = 0; cut <= size; ++cut) {
          const std::string payload = random_text(random, size);
          Case one(from, to, payload, cut);
          const VirtualPacket packet = one.shown_to(origin);
          assert_int_equal(checksum_of(packet), right_checksum(packet));
          assert_string_equal(std::string(text_of(packet.payload)).c_str(), payload.substr(cut).c_str());
          assert_int_equal(packet.length, size - cut);
        }
      }
    }
  }
}

void headers_say_what_is_shown(void**) {
  Case one(client, relay, "headpayload", 4);
  one.datagram.ip.hop_limit = 33;
  one.datagram.ip.identification = 0x1234;
  one.datagram.ip.dont_fragment = true;
  const VirtualPacket packet = one.shown_to(origin4);
  const std::uint8_t expected[] = {0x45, 0, 0, 35,  0x12, 0x34, 0x40, 0,    33,   17, 0,  0, 10,
                                   0,    0, 5, 192, 0,    2,    7,    0xc3, 0x50, 0,  53, 0, 15};
  const Bytes header = packet.header_bytes();
  assert_int_equal(header.size(), 28);
  for (std::size_t i = 0; i < sizeof expected; ++i) {
    if (i != 10 && i != 11) assert_int_equal(header[i], expected[i]);
  }
  assert_int_equal(Sum::of(header.first(20)).folded(), 0xffff);
  const VirtualPacket six = one.shown_to(origin6);
  assert_int_equal(six.header_bytes().size(), 48);
  assert_int_equal(get16(&six.headers[4]), 15);
  assert_int_equal(six.headers[6], 17);
  assert_int_equal(six.headers[7], 33);
  assert_int_equal(get16(&six.headers[44]), 15);
}

void what_was_wrong_stays_wrong(void**) {
  for (const std::uint32_t cut : {4U, 5U}) {
    Case one(client, relay, "header and payload", cut);
    const std::uint16_t right = checksum_of(one.shown_to(origin4));
    one.datagram.checksum = static_cast<std::uint16_t>(one.datagram.checksum ^ 0x0101U);
    const VirtualPacket wrong = one.shown_to(origin4);
    assert_true(checksum_of(wrong) != right);
    one.change.checksums = Checksums::compute;
    assert_int_equal(checksum_of(one.shown_to(origin4)), right);
  }
}

void what_was_left_out_stays_out_but_for_ipv6(void**) {
  Case one(client, relay, "header and payload", 5);
  one.datagram.checksum = 0;
  assert_int_equal(checksum_of(one.shown_to(origin4)), 0);
  const VirtualPacket six = one.shown_to(origin6);
  assert_int_equal(checksum_of(six), right_checksum(six));
  one.change.checksums = Checksums::compute;
  const VirtualPacket computed = one.shown_to(origin4);
  assert_int_equal(checksum_of(computed), right_checksum(computed));
}

void what_was_left_to_the_card_is_computed(void**) {
  Case one(client, relay, "header and payload", 5);
  one.datagram.checksum = wire::pseudo_sum(client, relay, 17, 8 + 18).folded();
  const VirtualPacket packet = one.shown_to(origin4);
  assert_int_equal(checksum_of(packet), right_checksum(packet));
}

void the_checksum_covers_what_was_not_captured(void**) {
  for (const std::uint32_t cut : {4U, 5U}) {
    const std::string payload = "header and payload";
    Case one(client, relay, payload, cut);
    one.datagram.payload = one.datagram.payload.first(9);
    const VirtualPacket packet = one.shown_to(origin4);
    assert_int_equal(packet.payload.size(), 9 - cut);
    assert_int_equal(packet.length, payload.size() - cut);
    assert_int_equal(checksum_of(packet), wire::udp_checksum(client, origin4, bytes_of(payload.substr(cut))));
  }
}

// 0 would say that there is no checksum (RFC 768).
void a_checksum_of_zero_is_written_as_ones(void**) {
  std::string payload(6, '\0');
  const std::uint16_t sum = wire::udp_checksum(client, origin4, bytes_of(payload.substr(4)));
  payload[4] = static_cast<char>(sum >> 8);
  payload[5] = static_cast<char>(sum);
  Case one(client, relay, payload, 4);
  assert_int_equal(checksum_of(one.shown_to(origin4)), 0xffff);
}

void a_header_cut_by_the_capture_leaves_nothing(void**) {
  Case one(client, relay, "header and payload", 10);
  one.datagram.payload = one.datagram.payload.first(6);
  const VirtualPacket packet = one.shown_to(origin4);
  assert_true(packet.payload.empty());
  assert_int_equal(packet.length, 8);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(checksums_follow_every_change),
      cmocka_unit_test(headers_say_what_is_shown),
      cmocka_unit_test(what_was_wrong_stays_wrong),
      cmocka_unit_test(what_was_left_out_stays_out_but_for_ipv6),
      cmocka_unit_test(what_was_left_to_the_card_is_computed),
      cmocka_unit_test(the_checksum_covers_what_was_not_captured),
      cmocka_unit_test(a_checksum_of_zero_is_written_as_ones),
      cmocka_unit_test(a_header_cut_by_the_capture_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
