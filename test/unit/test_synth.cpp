// SPDX-License-Identifier: GPL-2.0-or-later
// summary: virtual headers: addresses and checksums after every kind of change, SACK, offload, wrong stays wrong.
#include <random>

#include "synth/translate.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;
using wire::End;

namespace {

const Endpoint client = wire::endpoint("10.0.0.5", 40000), proxy = wire::endpoint("10.0.0.1", 1080);
const Endpoint origin4 = wire::endpoint("198.18.7.9", 443), origin6 = wire::endpoint("fd00::2", 443);

bool ip_checksum_right(const VirtualPacket& packet) {
  return packet.ip_size == 40 || Sum::of(packet.header_bytes().first(20)).folded() == 0xffff;
}

std::uint16_t tcp_checksum(const VirtualPacket& packet) {
  return packet.as_segment().checksum();
}

std::uint16_t right_checksum(const VirtualPacket& packet) {
  const Bytes header = packet.as_segment().header;
  return wire::tcp_checksum(packet.sender, packet.receiver, {header.begin(), header.end()}, packet.payload);
}

Translation to(const Segment& segment, const Endpoint& origin, std::uint32_t cut = 0) {
  Translation change;
  change.sender = segment.sender;
  change.receiver = origin;
  if (!origin.address.is_v4()) change.sender.address = change.sender.address.mapped();
  change.cut = cut;
  change.sequence = segment.sequence() + cut;
  change.acknowledgment = segment.acknowledgment();
  return change;
}

void checksums_follow_every_change(void**) {
  std::mt19937 random(5);
  for (const Endpoint& origin : {origin4, origin6}) {
    for (std::uint32_t size = 0; size < 40; ++size) {
      for (std::uint32_t cut = 0; cut <= size; ++cut) {
        wire::Connection connection(client, proxy);
        std::string payload(size, '\0');
        for (char& byte : payload) byte = static_cast<char>(random());
        const Segment segment = connection.say(End::client, payload);
        VirtualPacket packet;
        translate(segment, to(segment, origin, cut), packet);
        assert_true(ip_checksum_right(packet));
        assert_int_equal(tcp_checksum(packet), right_checksum(packet));
        assert_int_equal(packet.length, size - cut);
        assert_int_equal(packet.as_segment().sequence(), segment.sequence() + cut);
      }
    }
  }
}

void what_was_wrong_stays_wrong(void**) {
  wire::Connection connection(client, proxy);
  Segment segment = connection.say(End::client, "hello, world");
  std::vector<std::uint8_t> damaged(segment.payload.begin(), segment.payload.end());
  damaged[5] ^= 0x40;
  segment.payload = damaged;
  segment.ip.checksum_error = 7;
  for (const std::uint32_t cut : {0U, 3U}) {
    VirtualPacket packet;
    translate(segment, to(segment, origin4, cut), packet);
    assert_int_not_equal(tcp_checksum(packet), right_checksum(packet));
    assert_false(ip_checksum_right(packet));
    Translation computed = to(segment, origin4, cut);
    computed.checksums = Checksums::compute;
    translate(segment, computed, packet);
    assert_int_equal(tcp_checksum(packet), right_checksum(packet));
    assert_true(ip_checksum_right(packet));
  }
}

// Cut by the snapshot length: the checksum stands for bytes that are not there, and follows all the same.
void a_checksum_follows_without_the_payload(void**) {
  wire::Connection connection(client, proxy);
  const Segment whole = connection.say(End::client, "a payload that is not captured to its end");
  Segment part = whole;
  part.payload = part.payload.first(10);
  VirtualPacket from_whole, from_part;
  translate(whole, to(whole, origin4, 7), from_whole);
  translate(part, to(part, origin4, 7), from_part);
  assert_int_equal(tcp_checksum(from_whole), tcp_checksum(from_part));
  assert_int_equal(from_part.payload.size(), 3);
  assert_int_equal(from_part.length, from_whole.length);
}

void what_was_left_to_the_card_is_computed(void**) {
  for (const bool with_length : {true, false}) {
    wire::Connection connection(client, proxy);
    Segment segment = connection.say(End::client, "left to the network card");
    std::vector<std::uint8_t> header(segment.header.begin(), segment.header.end());
    const auto length = static_cast<std::uint32_t>(header.size()) + segment.length;
    const Sum pseudo =
        Sum::of(client.address.bytes()) + Sum::of(proxy.address.bytes()) + Sum(6) + Sum(with_length ? length : 0);
    put16(header.data() + 16, pseudo.folded());
    segment.header = header;
    VirtualPacket packet;
    translate(segment, to(segment, origin4), packet);
    assert_int_equal(tcp_checksum(packet), right_checksum(packet));
  }
}

void sack_blocks_below_the_base_go(void**) {
  // NOP NOP SACK with three blocks: below, around and above 6000
  std::string options("\x01\x01\x05\x1a", 4);
  for (const std::uint32_t edge : {5000U, 5500U, 5900U, 6100U, 7000U, 7100U}) {
    std::uint8_t word[4];
    put32(word, edge);
    options.append(reinterpret_cast<const char*>(word), 4);
  }
  wire::Connection connection(client, proxy);
  const Segment segment = connection.make(End::client, tcp_flag::ack, "", options);
  Translation change = to(segment, origin4);
  change.sack = Translation::Sack{6000, std::nullopt, 0};
  VirtualPacket packet;
  translate(segment, change, packet);
  assert_int_equal(tcp_checksum(packet), right_checksum(packet));
  const Segment made = packet.as_segment();
  const Bytes left = made.options();
  assert_int_equal(left.size(), options.size());
  std::size_t at = 0;
  while (left[at] == 1) ++at;
  assert_int_equal(left[at], 5);
  assert_int_equal(left[at + 1], 18);
  assert_int_equal(get32(&left[at + 2]), 6000);
  assert_int_equal(get32(&left[at + 6]), 6100);
  assert_int_equal(get32(&left[at + 10]), 7000);
}

void large_segments_have_length_zero(void**) {
  wire::Connection connection(client, proxy);
  const Segment segment = connection.say(End::client, std::string(70000, 'x'));
  VirtualPacket packet;
  translate(segment, to(segment, origin4), packet);
  assert_int_equal(get16(packet.headers.data() + 2), 0);
  assert_int_equal(tcp_checksum(packet), right_checksum(packet));
}

void ip_fields_are_kept(void**) {
  wire::Connection connection(client, proxy);
  Segment segment = connection.say(End::client, "x");
  segment.ip = {4, 0xb8, 57, true, 0x1234, 0, 0};
  VirtualPacket packet;
  translate(segment, to(segment, origin4), packet);
  assert_int_equal(packet.headers[1], 0xb8);
  assert_int_equal(get16(packet.headers.data() + 4), 0x1234);
  assert_int_equal(packet.headers[6], 0x40);
  assert_int_equal(packet.headers[8], 57);
  translate(segment, to(segment, origin6), packet);
  assert_int_equal(get32(packet.headers.data()), 0x6b800000);
  assert_int_equal(packet.headers[7], 57);
}

void a_synthetic_syn_repeats_the_options(void**) {
  wire::Connection connection(client, proxy);
  const Segment syn = connection.syn();
  Opening opening;
  opening.sender = client;
  opening.receiver = origin4;
  opening.sequence = 77;
  opening.options = read_syn_options(syn);
  opening.window = opening.options.window;
  VirtualPacket packet;
  synthesize(opening, packet);
  assert_int_equal(tcp_checksum(packet), right_checksum(packet));
  assert_true(ip_checksum_right(packet));
  const SynOptions again = read_syn_options(packet.as_segment());
  assert_int_equal(again.mss, 1460);
  assert_int_equal(again.window_scale, 7);
  assert_true(again.sack_permitted);
  assert_int_equal(packet.as_segment().flags(), tcp_flag::syn);
  opening.kind = VirtualKind::ack;
  synthesize(opening, packet);
  assert_int_equal(packet.transport_size, 20);
  assert_int_equal(tcp_checksum(packet), right_checksum(packet));
}

void malformed_options_end_the_list(void**) {
  wire::Connection connection(client, proxy);
  for (const std::string_view options :
       {std::string_view("\x02\x00\x05\xb4", 4), std::string_view("\x02\x40\x05\xb4", 4),
        std::string_view("\x01\x01\x01\x02", 4)}) {
    const Segment syn = connection.make(End::client, tcp_flag::syn, "", options);
    assert_int_equal(read_syn_options(syn).mss, 0);
    Translation change = to(syn, origin4);
    change.sack = Translation::Sack{1, std::nullopt, 0};
    VirtualPacket packet;
    translate(syn, change, packet);
    assert_int_equal(packet.transport_size, 24);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(checksums_follow_every_change),
      cmocka_unit_test(what_was_wrong_stays_wrong),
      cmocka_unit_test(a_checksum_follows_without_the_payload),
      cmocka_unit_test(what_was_left_to_the_card_is_computed),
      cmocka_unit_test(sack_blocks_below_the_base_go),
      cmocka_unit_test(large_segments_have_length_zero),
      cmocka_unit_test(ip_fields_are_kept),
      cmocka_unit_test(a_synthetic_syn_repeats_the_options),
      cmocka_unit_test(malformed_options_end_the_list),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
