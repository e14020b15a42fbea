// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fragments become whole datagrams, in any order, with overlaps and copies, within bounds.
#include "decode/decode.hpp"
#include "decode/fragments.hpp"
#include "decode/limits.hpp"
#include "test_decode_packets.hpp"

#include "unit.hpp"

namespace {

using namespace test_packets;
using proxytunnel::Decoded;
using proxytunnel::Decoder;
using proxytunnel::Fragment;
using proxytunnel::FragmentKey;
using proxytunnel::FragmentTable;
using proxytunnel::Reason;
using proxytunnel::Time;
using Kind = proxytunnel::Decoded::Kind;
using Outcome = FragmentTable::Outcome;
namespace limits = proxytunnel::decode_limits;
namespace linktype = proxytunnel::linktype;

constexpr Time second = 1'000'000'000;

struct Part {
  std::uint32_t offset = 0;
  Buffer bytes;
  bool more = true;
};

FragmentKey key_of(std::uint32_t identification) {
  FragmentKey key;
  key.identification = identification;
  key.protocol = 17;
  return key;
}
Outcome add(FragmentTable& table, const Part& part, std::uint32_t identification = 1, Time now = 0) {
  const Exact bytes(part.bytes);
  return table.add(key_of(identification), {part.offset, part.more, 17, bytes}, now);
}
/// The datagram that the last of these parts completes; empty if one before completes it, or none does.
Buffer whole(const std::vector<Part>& parts) {
  FragmentTable table;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool complete = add(table, parts[i]) == Outcome::complete;
    if (complete != (i + 1 == parts.size())) return {};
  }
  assert_int_equal(table.unfinished(), 0);
  assert_int_equal(table.protocol(), 17);
  return {table.datagram().begin(), table.datagram().end()};
}

void every_order_gives_the_same(void**) {
  const std::vector<Part> parts{
      {0, filled(8, 'a')}, {8, filled(16, 'b')}, {24, filled(8, 'c')}, {32, filled(3, 'd'), false}};
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    std::vector<Part> shuffled;
    for (const std::size_t at : order) shuffled.push_back(parts[at]);
    assert_true(whole(shuffled) == filled(8, 'a') + filled(16, 'b') + filled(8, 'c') + filled(3, 'd'));
  } while (std::next_permutation(order.begin(), order.end()));
}

void overlaps_are_as_wireshark_has_them(void**) {
  // The one that begins first wins, whenever it was captured.
  assert_true(whole({{0, filled(16, 'a')}, {8, filled(16, 'b'), false}}) == filled(16, 'a') + filled(8, 'b'));
  assert_true(whole({{8, filled(16, 'b'), false}, {0, filled(16, 'a')}}) == filled(16, 'a') + filled(8, 'b'));
  // Of two that begin together: the one captured first, and from the other what is longer.
  assert_true(whole({{0, filled(8, 'a')}, {0, filled(16, 'b')}, {16, filled(1, 'c'), false}}) ==
              filled(8, 'a') + filled(8, 'b') + filled(1, 'c'));
  // A later one in the middle of others that had met already.
  assert_true(whole({{0, filled(16, 'a')}, {16, filled(16, 'b')}, {8, filled(16, 'c')}, {32, filled(1, 'd'), false}}) ==
              filled(16, 'a') + filled(8, 'c') + filled(8, 'b') + filled(1, 'd'));
  // Bytes behind the end that the first last fragment set are not part of it.
  assert_true(whole({{8, filled(8, 'b'), false}, {8, filled(40, 'c')}, {0, filled(8, 'a')}}) ==
              filled(8, 'a') + filled(8, 'b'));
  assert_true(whole({{8, filled(8, 'b'), false}, {16, filled(8, 'c'), false}, {0, filled(8, 'a')}}) ==
              filled(8, 'a') + filled(8, 'b'));
}

void copies_change_nothing(void**) {
  FragmentTable table;
  for (int i = 0; i < 1000; ++i) assert_true(add(table, {0, filled(8, 'a')}) == Outcome::waiting);
  assert_true(add(table, {16, filled(8, 'c'), false}) == Outcome::waiting);
  assert_true(add(table, {16, filled(8, 'x'), false}) == Outcome::waiting);
  assert_true(add(table, {8, filled(8, 'b')}) == Outcome::complete);
  assert_true(equal(table.datagram(), filled(8, 'a') + filled(8, 'b') + filled(8, 'c')));
  // The copy of a last fragment that says it is the last tells the end.
  assert_true(add(table, {8, filled(8, 'b')}, 2) == Outcome::waiting);
  assert_true(add(table, {8, filled(8, 'x'), false}, 2) == Outcome::waiting);
  assert_true(add(table, {0, filled(8, 'a')}, 2) == Outcome::complete);
  assert_true(equal(table.datagram(), filled(8, 'a') + filled(8, 'b')));
}

void datagrams_are_kept_apart(void**) {
  FragmentTable table;
  FragmentKey key = key_of(1);
  const Exact bytes(filled(8));
  const Fragment first{0, true, 17, bytes}, last{8, false, 17, bytes};
  assert_true(table.add(key, first, 0) == Outcome::waiting);
  for (const auto change : {+[](FragmentKey& k) { k.identification = 2; }, +[](FragmentKey& k) { k.protocol = 6; },
                            +[](FragmentKey& k) { k.network = 5; }, +[](FragmentKey& k) { k.sender.octets[3] = 1; },
                            +[](FragmentKey& k) { k.receiver.octets[0] = 1; }}) {
    FragmentKey other = key;
    change(other);
    assert_true(table.add(other, last, 0) == Outcome::waiting);
  }
  assert_int_equal(table.unfinished(), 6);
  assert_true(table.add(key, last, 0) == Outcome::complete);
  assert_int_equal(table.unfinished(), 5);
}

void refuses_what_cannot_be(void**) {
  FragmentTable table;
  assert_true(add(table, {0, {}}) == Outcome::malformed);
  assert_true(add(table, {65528, filled(8), false}) == Outcome::malformed);
  assert_true(add(table, {0, filled(65536)}) == Outcome::malformed);
  assert_int_equal(table.unfinished(), 0);
  assert_true(whole({{65528, filled(7, 'b'), false}, {0, filled(65528, 'a')}}) == filled(65528, 'a') + filled(7, 'b'));
}

void waits_a_minute(void**) {
  FragmentTable table;
  const Part first{0, filled(8)}, last{8, filled(8), false};
  assert_true(add(table, first, 1, 0) == Outcome::waiting);
  assert_true(add(table, last, 1, 60 * second) == Outcome::complete);
  assert_true(add(table, first, 1, 0) == Outcome::waiting);
  assert_true(add(table, last, 1, 60 * second + 1) == Outcome::waiting);  // the first part is gone; this one waits
  assert_int_equal(table.unfinished(), 2);
  assert_true(add(table, first, 1, 61 * second) == Outcome::complete);
  assert_int_equal(table.unfinished(), 1);
}

void time_may_jump(void**) {
  FragmentTable table;
  const Part first{0, filled(8)}, last{8, filled(8), false};
  constexpr Time earliest = std::numeric_limits<Time>::min(), latest = std::numeric_limits<Time>::max();
  assert_true(add(table, first, 1, latest) == Outcome::waiting);
  assert_true(add(table, first, 2, earliest) == Outcome::waiting);  // behind one that does not expire
  assert_true(add(table, last, 1, 0) == Outcome::complete);
  assert_true(add(table, last, 2, latest) == Outcome::waiting);
  assert_int_equal(table.unfinished(), 2);
  assert_true(add(table, first, 3, latest) == Outcome::waiting);
  assert_true(add(table, first, 4, 0) == Outcome::waiting);
  assert_true(add(table, last, 4, 61 * second) == Outcome::waiting);  // too old itself, although not the oldest
}

void one_datagram_is_bounded(void**) {
  FragmentTable table;
  for (std::uint32_t i = 0; i < limits::fragments_per_datagram; ++i) {
    assert_true(add(table, {i * 16, filled(8)}) == Outcome::waiting);
  }
  assert_true(add(table, {4096, filled(8)}) == Outcome::over_limit);
  assert_int_equal(table.unfinished(), 1);
  Outcome outcome = Outcome::waiting;
  std::size_t kept = 0;
  for (std::uint32_t i = 1; outcome == Outcome::waiting; ++i, ++kept) outcome = add(table, {8 * i, filled(60000)}, 2);
  assert_true(outcome == Outcome::over_limit);
  assert_int_equal(kept, limits::fragment_bytes_per_datagram / 60000 + 1);
}

void the_oldest_goes_first(void**) {
  FragmentTable table;
  constexpr std::uint32_t most = limits::fragmented_datagrams;
  for (std::uint32_t id = 0; id <= most; ++id) assert_true(add(table, {0, filled(8)}, id) == Outcome::waiting);
  const Part last{8, filled(8), false};
  assert_true(add(table, last, most) == Outcome::complete);
  assert_true(add(table, last, 1) == Outcome::complete);
  assert_true(add(table, last, 0) == Outcome::waiting);
  assert_int_equal(table.unfinished(), 1 + most - 2 + 1);
}

void all_bytes_are_bounded(void**) {
  FragmentTable table;
  constexpr std::uint32_t most = limits::fragment_bytes / 32768;
  for (std::uint32_t id = 0; id <= most; ++id) assert_true(add(table, {0, filled(32768)}, id) == Outcome::waiting);
  const Part last{32768, filled(8), false};
  assert_true(add(table, last, 0) == Outcome::waiting);
  assert_true(add(table, last, most) == Outcome::complete);
}

/// A UDP datagram of 8 + `payload` bytes in fragments of `step` bytes.
std::vector<Buffer> fragmented(unsigned version, const Buffer& datagram, std::size_t step, int protocol = 17) {
  std::vector<Buffer> packets;
  for (std::size_t at = 0; at < datagram.size(); at += step) {
    const auto begin = datagram.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t size = std::min(step, datagram.size() - at);
    const Buffer part(begin, begin + static_cast<std::ptrdiff_t>(size));
    const bool more = at + size < datagram.size();
    const auto offset = static_cast<std::uint32_t>(at);
    packets.push_back(version == 4
                          ? ipv4(part, {.protocol = protocol, .flags_and_offset = (more ? 0x2000U : 0U) | offset / 8})
                          : ipv6(hex({protocol, 0}) + be16(offset | (more ? 1U : 0U)) + be32(77) + part, 44));
  }
  return packets;
}

void decoder_puts_them_together(void**) {
  for (const unsigned version : {4U, 6U}) {
    Decoder decoder;
    std::vector<Buffer> packets = fragmented(version, udp(1000), 400);
    std::reverse(packets.begin(), packets.end());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const Exact frame(ethernet(version == 4 ? 0x800 : 0x86dd) + packets[i] + filled(20, 0));
      const Decoded& decoded = decode(decoder, linktype::ethernet, frame, 0, 5);
      assert_int_equal(decoded.link.bytes.size(), 14);
      if (i + 1 < packets.size()) {
        assert_true(decoded.kind == Kind::other && decoded.reason == Reason::fragment);
        continue;
      }
      assert_true(decoded.kind == Kind::udp && decoded.reason == Reason::none);
      assert_int_equal(decoded.datagram.length, 1000);
      assert_true(equal(decoded.datagram.payload, filled(1000, 'y')));
      assert_int_equal(decoded.datagram.frame.number, 7);
      assert_int_equal(decoded.datagram.frame.time, 5);
      assert_int_equal(decoded.datagram.ip.version, version);
    }
    assert_int_equal(decoder.unfinished_datagrams(), 0);
  }
}

void decoder_reads_extensions_in_fragments(void**) {
  Decoder decoder;
  const Buffer segment = hex({6, 0}) + filled(6, 0) + tcp(100);
  Reason reason = Reason::none;
  for (const Buffer& packet : fragmented(6, segment, 64, 60))
    reason = decode(decoder, linktype::raw, Exact(packet)).reason;
  assert_true(reason == Reason::none);
  // A fragment header inside of what fragments made is nothing that a sender makes.
  const Buffer again = hex({17, 0, 0, 1}) + be32(5) + udp(100);
  for (const Buffer& packet : fragmented(6, again, 64, 44))
    reason = decode(decoder, linktype::raw, Exact(packet)).reason;
  assert_true(reason == Reason::malformed_ip);
  // A TCP header is not complete in what the fragments make.
  for (const Buffer& packet : fragmented(4, filled(16, 0), 8, 6)) {
    reason = decode(decoder, linktype::raw, Exact(packet)).reason;
  }
  assert_true(reason == Reason::malformed_tcp);
}

void decoder_needs_whole_fragments(void**) {
  Decoder decoder;
  const std::vector<Buffer> packets = fragmented(4, udp(100), 64);
  const auto reason = [&](const Buffer& packet, std::size_t captured, std::size_t wire_length) {
    return decode(decoder, linktype::raw, Exact(packet, captured), wire_length).reason;
  };
  assert_true(reason(packets[0], 60, 84) == Reason::fragment_cut_short);
  assert_true(reason(packets[0], 60, 60) == Reason::fragment_cut_short);  // the frame hides that it was cut
  assert_true(reason(packets[1], packets[1].size(), 0) == Reason::fragment);
  assert_true(reason(packets[0], 84, 84) == Reason::none);
  const std::vector<Buffer> packets6 = fragmented(6, udp(100), 64);
  assert_true(reason(packets6[0], 90, 90) == Reason::fragment_cut_short);
}

void decoder_keeps_no_other_protocols(void**) {
  Decoder decoder;
  for (const unsigned version : {4U, 6U}) {
    for (const Buffer& packet : fragmented(version, filled(100), 64, 1)) {
      assert_true(decode(decoder, linktype::raw, Exact(packet)).reason == Reason::other_protocol);
    }
  }
  assert_int_equal(decoder.unfinished_datagrams(), 0);
}

void decoder_names_the_limit(void**) {
  Decoder decoder;
  Reason reason = Reason::fragment;
  for (std::uint32_t i = 0; i <= limits::fragments_per_datagram; ++i) {
    assert_true(reason == Reason::fragment);
    const Ipv4 with{.protocol = 17, .flags_and_offset = 0x2000 | i * 2};
    reason = decode(decoder, linktype::raw, Exact(ipv4(filled(8), with))).reason;
  }
  assert_true(reason == Reason::fragment_limit);
  const Buffer beyond = ipv4(filled(8), {.protocol = 17, .flags_and_offset = 0x1fff});
  assert_true(decode(decoder, linktype::raw, Exact(beyond)).reason == Reason::malformed_ip);
}

void stays_inside_when_cut(void**) {
  for (const unsigned version : {4U, 6U}) {
    for (const Buffer& packet : fragmented(version, udp(40), 16)) {
      assert_true(holds_at_every_cut(linktype::raw, packet));
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_order_gives_the_same),
      cmocka_unit_test(overlaps_are_as_wireshark_has_them),
      cmocka_unit_test(copies_change_nothing),
      cmocka_unit_test(datagrams_are_kept_apart),
      cmocka_unit_test(refuses_what_cannot_be),
      cmocka_unit_test(waits_a_minute),
      cmocka_unit_test(time_may_jump),
      cmocka_unit_test(one_datagram_is_bounded),
      cmocka_unit_test(the_oldest_goes_first),
      cmocka_unit_test(all_bytes_are_bounded),
      cmocka_unit_test(decoder_puts_them_together),
      cmocka_unit_test(decoder_reads_extensions_in_fragments),
      cmocka_unit_test(decoder_needs_whole_fragments),
      cmocka_unit_test(decoder_keeps_no_other_protocols),
      cmocka_unit_test(decoder_names_the_limit),
      cmocka_unit_test(stays_inside_when_cut),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
