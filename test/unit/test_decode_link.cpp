// SPDX-License-Identifier: GPL-2.0-or-later
// summary: every link type and stack of headers leads to its IP packet, and back through adapt().
#include <csetjmp>
#include "decode/link.hpp"
#include "test_decode_packets.hpp"

#include "unit.hpp"

namespace {

using namespace test_packets;
using proxytunnel::find_ip;
using proxytunnel::LinkFrame;
using proxytunnel::LinkHeader;
using proxytunnel::LinkHeaderRoom;
using proxytunnel::Reason;
namespace linktype = proxytunnel::linktype;

constexpr std::uint32_t ipv4_type = 0x0800, ipv6_type = 0x86dd;

Buffer packet_of(unsigned version, std::size_t payload = 10) {
  return version == 4 ? ipv4(tcp(payload)) : ipv6(tcp(payload));
}
Buffer label(std::uint32_t number, std::uint32_t bottom) {
  return be32(number << 12 | bottom << 8 | 64);
}
Buffer pppoe(std::size_t length) {
  return hex({0x11, 0, 0, 9}) + be16(static_cast<std::uint32_t>(length));
}
Buffer snap(std::uint32_t type, int organization = 0) {
  return hex({0xaa, 0xaa, 3, 0, 0, organization}) + be16(type);
}
Buffer sll(std::uint32_t type) {
  return be16(0) + be16(1) + be16(6) + filled(8, 2) + be16(type);
}
Buffer sll2(std::uint32_t type) {
  return be16(type) + be16(0) + be32(3) + be16(1) + hex({0, 6}) + filled(8, 2);
}
Buffer family(std::initializer_list<int> four) {
  return hex(four);
}

/// What becomes of a header when the packet behind it changes its version.
enum class Other : std::uint8_t { keeps_type, becomes_raw };

struct Case {
  const char* name;
  std::uint32_t link_type;
  Buffer header;  ///< for packet_of(version)
  unsigned version;
  std::uint32_t network = 0;
  Other other = Other::keeps_type;
};

std::vector<Case> ethernet_cases() {
  const std::size_t v4 = packet_of(4).size(), v6 = packet_of(6).size();
  const auto length = [](std::size_t size) { return ethernet(static_cast<std::uint32_t>(size)); };
  constexpr std::uint32_t type = linktype::ethernet;
  return {
      {"ethernet 4", type, ethernet(ipv4_type), 4},
      {"ethernet 6", type, ethernet(ipv6_type), 6},
      {"802.1Q", type, ethernet(0x8100) + be16(0xe005) + be16(ipv4_type), 4, 5},
      {"priority tag", type, ethernet(0x8100) + be16(0xe000) + be16(ipv4_type), 4, 0},
      {"802.1ad", type, ethernet(0x88a8) + be16(5) + be16(0x8100) + be16(6) + be16(ipv6_type), 6, 5 << 12 | 6},
      {"0x9100", type, ethernet(0x9100) + be16(0xfff) + be16(ipv6_type), 6, 0xfff},
      {"MPLS", type, ethernet(0x8847) + label(16, 1), 4},
      {"MPLS multicast, two labels", type, ethernet(0x8848) + label(16, 0) + label(17, 1), 6},
      {"explicit null", type, ethernet(0x8847) + label(0, 1), 4},
      {"VLAN, MPLS", type, ethernet(0x8100) + be16(8) + be16(0x8847) + label(3000, 1), 4, 8},
      {"PPPoE 4", type, ethernet(0x8864) + pppoe(2 + v4) + be16(0x21), 4},
      {"PPPoE 6", type, ethernet(0x8864) + pppoe(2 + v6) + be16(0x57), 6},
      {"PPPoE, compressed protocol", type, ethernet(0x8864) + pppoe(1 + v4) + hex({0x21}), 4},
      {"PPPoE, MPLS", type, ethernet(0x8864) + pppoe(6 + v4) + be16(0x281) + label(16, 1), 4},
      {"two VLANs, PPPoE", type,
       ethernet(0x88a8) + be16(1) + be16(0x8100) + be16(2) + be16(0x8864) + pppoe(2 + v6) + be16(0x57), 6, 1 << 12 | 2},
      {"802.3 SNAP", type, length(8 + v4) + snap(ipv4_type), 4},
      {"802.3 SNAP, Cisco", type, length(8 + v6) + snap(ipv6_type, 0xf8), 6},
      {"802.3 LLC", type, length(3 + v4) + hex({6, 6, 3}), 4, 0, Other::becomes_raw},
      {"VLAN, 802.3", type, ethernet(0x8100) + be16(3) + be16(static_cast<std::uint32_t>(8 + v4)) + snap(ipv4_type), 4,
       3},
      {"802.3 SNAP, VLAN", type, length(12 + v4) + snap(0x8100) + be16(3) + be16(ipv4_type), 4, 3},
      {"802.3 SNAP, PPPoE", type, length(16 + v4) + snap(0x8864) + pppoe(2 + v4) + be16(0x21), 4},
      {"16 VLANs", type, ethernet(0x8100) + 15 * (be16(0) + be16(0x8100)) + be16(7) + be16(ipv4_type), 4, 7},
  };
}

std::vector<Case> other_cases() {
  return {
      {"cooked 4", linktype::linux_sll, sll(ipv4_type), 4},
      {"cooked 6", linktype::linux_sll, sll(ipv6_type), 6},
      {"cooked VLAN", linktype::linux_sll, sll(0x8100) + be16(4) + be16(ipv4_type), 4, 4},
      {"cooked LLC", linktype::linux_sll, sll(4) + snap(ipv4_type), 4},
      {"cooked v2 4", linktype::linux_sll2, sll2(ipv4_type), 4},
      {"cooked v2 6", linktype::linux_sll2, sll2(ipv6_type), 6},
      {"cooked v2 VLAN", linktype::linux_sll2, sll2(0x8100) + be16(4) + be16(ipv6_type), 6, 4},
      {"cooked v2 MPLS", linktype::linux_sll2, sll2(0x8847) + label(99, 1), 4},
      {"cooked v2 PPPoE", linktype::linux_sll2, sll2(0x8864) + pppoe(2 + packet_of(4).size()) + be16(0x21), 4},
      {"NULL 4 little", linktype::null, family({2, 0, 0, 0}), 4},
      {"NULL 4 big", linktype::null, family({0, 0, 0, 2}), 4},
      {"NULL Linux 6 little", linktype::null, family({10, 0, 0, 0}), 6},
      {"NULL NetBSD 6 big", linktype::null, family({0, 0, 0, 24}), 6},
      {"NULL FreeBSD 6 little", linktype::null, family({28, 0, 0, 0}), 6},
      {"NULL Darwin 6 big", linktype::null, family({0, 0, 0, 30}), 6},
      {"LOOP 4", linktype::loop, family({0, 0, 0, 2}), 4},
      {"LOOP 6", linktype::loop, family({0, 0, 0, 24}), 6},
      {"PPP 4", linktype::ppp, hex({0xff, 3}) + be16(0x21), 4},
      {"PPP 6, compressed", linktype::ppp, hex({0x57}), 6},
      {"PPP MPLS", linktype::ppp_serial, hex({0xff, 3}) + be16(0x281) + label(16, 1), 4},
      {"PPPoE session", linktype::ppp_ether, pppoe(2 + packet_of(4).size()) + be16(0x21), 4},
      {"Cisco HDLC 4", linktype::c_hdlc, hex({0x0f, 0}) + be16(ipv4_type), 4},
      {"Cisco HDLC VLAN", linktype::c_hdlc, hex({0x8f, 0}) + be16(0x8100) + be16(4) + be16(ipv6_type), 6, 4},
      {"FDDI", linktype::fddi, hex({0x50}) + filled(12, 2) + snap(ipv4_type), 4},
      {"802.11", linktype::ieee802_11, hex({8, 2}) + filled(22, 0) + snap(ipv4_type), 4},
      {"802.11 QoS", linktype::ieee802_11, hex({0x88, 1}) + filled(24, 0) + snap(ipv6_type), 6},
      {"802.11 QoS, HT control", linktype::ieee802_11, hex({0x88, 0x81}) + filled(28, 0) + snap(ipv6_type), 6},
      {"802.11, four addresses", linktype::ieee802_11, hex({8, 3}) + filled(28, 0) + snap(ipv4_type), 4},
      {"RAW 4", linktype::raw, {}, 4, 0, Other::becomes_raw},
      {"RAW 6", linktype::raw, {}, 6, 0, Other::becomes_raw},
      {"IPV4", linktype::ipv4, {}, 4, 0, Other::becomes_raw},
      {"IPV6", linktype::ipv6, {}, 6, 0, Other::becomes_raw},
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = ethernet_cases();
  for (Case& each : other_cases()) cases.push_back(std::move(each));
  return cases;
}

void finds_ip(void**) {
  for (const Case& each : all_cases()) {
    const Buffer ip = packet_of(each.version);
    const Exact frame(each.header + ip);
    const LinkFrame found = find_ip(each.link_type, frame, static_cast<std::uint32_t>(each.header.size() + 900));
    if (found.reason != Reason::none) fail_msg("%s: %s", each.name, name_of(found.reason).data());
    if (!equal(found.header, each.header) || !equal(found.packet, ip)) fail_msg("%s: wrong bytes", each.name);
    if (found.wire_length != 900 || found.vlan != each.network) fail_msg("%s: wrong numbers", each.name);
  }
}

void raw_has_three_numbers(void**) {
  const Exact frame(packet_of(6));
  for (const std::uint32_t type : {linktype::raw_bsd, linktype::raw_openbsd, linktype::raw}) {
    assert_true(find_ip(type, frame, 1).reason == Reason::none);
    assert_int_equal(find_ip(type, frame, 1).wire_length, packet_of(6).size());
    LinkHeaderRoom room;
    assert_int_equal(proxytunnel::adapt({type, {}}, 6, 60, room).link_type, linktype::raw);
  }
}

void stays_inside_when_cut(void**) {
  for (const Case& each : all_cases()) {
    const Buffer frame = each.header + packet_of(each.version);
    if (!holds_at_every_cut(each.link_type, frame)) fail_msg("%s", each.name);
    for (std::size_t size = 0; size <= each.header.size(); ++size) {
      const LinkFrame found = find_ip(each.link_type, Exact(frame, size), static_cast<std::uint32_t>(frame.size()));
      if (found.reason != Reason::cut_short) fail_msg("%s cut at %zu", each.name, size);
      assert_true(found.header.empty() && found.packet.empty());
    }
  }
}

Reason reason_for(std::uint32_t link_type, const Buffer& frame) {
  return find_ip(link_type, Exact(frame), static_cast<std::uint32_t>(frame.size())).reason;
}

void refuses_what_is_not_ip(void**) {
  constexpr std::uint32_t type = linktype::ethernet;
  const Buffer ip = packet_of(4);
  const auto is_not_ip = [](std::uint32_t link_type, const Buffer& frame) {
    return reason_for(link_type, frame) == Reason::not_ip;
  };
  assert_true(is_not_ip(type, ethernet(0x0806) + ip));                             // ARP
  assert_true(is_not_ip(type, ethernet(ipv6_type) + ip));                          // a version that is another
  assert_true(is_not_ip(type, ethernet(ipv4_type) + hex({0x55}) + ip));            // and one that there is not
  assert_true(is_not_ip(type, ethernet(1501) + snap(ipv4_type) + ip));             // neither length nor type
  assert_true(is_not_ip(type, ethernet(60) + hex({0x42, 0x42, 3}) + ip));          // spanning tree
  assert_true(is_not_ip(type, ethernet(60) + hex({0xaa, 0xaa, 0}) + ip));          // not unnumbered
  assert_true(is_not_ip(type, ethernet(60) + snap(ipv4_type, 0x0c) + ip));         // another organization
  assert_true(is_not_ip(type, ethernet(0x8847) + label(16, 1) + be32(0) + ip));    // a control word
  assert_true(is_not_ip(type, ethernet(0x8863) + pppoe(60) + be16(0x21) + ip));    // PPPoE discovery
  assert_true(is_not_ip(type, ethernet(0x8864) + pppoe(60) + be16(0xc021) + ip));  // LCP
  assert_true(is_not_ip(type, ethernet(0x8864) + hex({0x11, 7}) + be32(0) + be16(0x21) + ip));
  assert_true(is_not_ip(linktype::linux_sll, sll(1) + ip));
  assert_true(is_not_ip(linktype::null, family({0, 0, 0, 7}) + ip));
  assert_true(is_not_ip(linktype::null, family({2, 0, 0, 2}) + ip));
  assert_true(is_not_ip(linktype::loop, family({2, 0, 0, 0}) + ip));  // LOOP has one byte order
  assert_true(is_not_ip(linktype::raw, hex({0})));
  assert_true(is_not_ip(linktype::ipv6, ip));
}

void refuses_what_is_too_deep_or_unknown(void**) {
  constexpr std::uint32_t type = linktype::ethernet;
  const Buffer ip = packet_of(4);
  const Buffer vlan = be16(1) + be16(0x8100);
  assert_true(reason_for(type, ethernet(0x8100) + 16 * vlan + be16(1) + be16(ipv4_type) + ip) ==
              Reason::too_many_headers);
  assert_true(reason_for(type, ethernet(0x8847) + 15 * label(16, 0) + label(16, 1) + ip) == Reason::none);
  assert_true(reason_for(type, ethernet(0x8847) + 16 * label(16, 0) + label(16, 1) + ip) == Reason::too_many_headers);
  assert_true(reason_for(type, ethernet(200) + snap(180) + snap(160) + snap(ipv4_type) + ip) ==
              Reason::too_many_headers);
  assert_true(reason_for(147, ethernet(ipv4_type) + ip) == Reason::unsupported_link_type);
}

LinkHeader adapted(const Case& each, Bytes header, unsigned version, LinkHeaderRoom& room) {
  return proxytunnel::adapt({each.link_type, header}, version, packet_of(version, 33).size(), room);
}

bool finds(const LinkHeader& header, const Buffer& ip, std::uint32_t network) {
  const Exact frame(Buffer(header.bytes.begin(), header.bytes.end()) + ip);
  const LinkFrame found = find_ip(header.link_type, frame, 0);
  return found.reason == Reason::none && equal(found.packet, ip) && found.vlan == network;
}

void adapts_there_and_back(void**) {
  for (const Case& each : all_cases()) {
    const Exact header(each.header);
    const unsigned other = 10 - each.version;
    LinkHeaderRoom room, second_room;
    const LinkHeader same = adapted(each, header, each.version, room);
    if (!finds(same, packet_of(each.version, 33), each.network)) fail_msg("%s: same version", each.name);
    const LinkHeader changed = adapted(each, header, other, room);
    if (!finds(changed, packet_of(other, 33), changed.bytes.empty() ? 0 : each.network)) fail_msg("%s", each.name);
    if (each.other == Other::becomes_raw) {
      if (changed.link_type != linktype::raw || !changed.bytes.empty()) fail_msg("%s: should be RAW", each.name);
      continue;
    }
    if (changed.link_type != each.link_type || changed.bytes.size() != each.header.size()) fail_msg("%s", each.name);
    if (changed.bytes.size() == 4 && each.version == 6) continue;  // an IPv6 family comes back as 30
    const Exact kept(changed.bytes);
    const LinkHeader back =
        proxytunnel::adapt({each.link_type, kept}, each.version, packet_of(each.version).size(), second_room);
    if (!equal(back.bytes, each.header)) fail_msg("%s: not the same again", each.name);
  }
}

void adapts_the_right_bytes(void**) {
  LinkHeaderRoom room;
  const auto is = [&](std::uint32_t type, const Buffer& before, unsigned version, std::size_t length,
                      const Buffer& after) {
    const LinkHeader header = proxytunnel::adapt({type, Exact(before)}, version, length, room);
    return header.link_type == type && header.bytes.data() == room.data() && equal(header.bytes, after);
  };
  constexpr std::uint32_t type = linktype::ethernet;
  assert_true(is(type, ethernet(ipv4_type), 6, 60, ethernet(ipv6_type)));
  assert_true(is(type, ethernet(0x8100) + be16(0x2005) + be16(ipv6_type), 4, 60,
                 ethernet(0x8100) + be16(0x2005) + be16(ipv4_type)));
  assert_true(is(type, ethernet(0x8864) + pppoe(1) + be16(0x21), 6, 500, ethernet(0x8864) + pppoe(502) + be16(0x57)));
  assert_true(is(type, ethernet(0x8864) + pppoe(1) + be16(0x281) + label(7, 1), 6, 500,
                 ethernet(0x8864) + pppoe(506) + be16(0x281) + label(7, 1)));
  assert_true(is(type, ethernet(50) + snap(ipv4_type), 6, 500, ethernet(508) + snap(ipv6_type)));
  assert_true(is(type, ethernet(50) + snap(0x8864) + pppoe(1) + be16(0x21), 4, 500,
                 ethernet(516) + snap(0x8864) + pppoe(502) + be16(0x21)));
  assert_true(is(linktype::linux_sll, sll(ipv4_type), 6, 60, sll(ipv6_type)));
  assert_true(is(linktype::linux_sll2, sll2(ipv4_type), 6, 60, sll2(ipv6_type)));
  assert_true(is(linktype::null, family({2, 0, 0, 0}), 6, 60, family({30, 0, 0, 0})));
  assert_true(is(linktype::null, family({0, 0, 0, 2}), 6, 60, family({0, 0, 0, 30})));
  assert_true(is(linktype::null, family({24, 0, 0, 0}), 4, 60, family({2, 0, 0, 0})));
  assert_true(is(linktype::loop, family({0, 0, 0, 28}), 4, 60, family({0, 0, 0, 2})));
}

void adapt_gives_back_what_fits(void**) {
  LinkHeaderRoom room;
  for (const Case& each : all_cases()) {
    const Exact header(each.header);
    const LinkHeader same =
        proxytunnel::adapt({each.link_type, header}, each.version, packet_of(each.version).size(), room);
    if (!equal(same.bytes, each.header) || same.link_type != each.link_type) fail_msg("%s", each.name);
  }
  const Exact plain(ethernet(ipv4_type));
  assert_ptr_equal(proxytunnel::adapt({linktype::ethernet, plain}, 4, 1500, room).bytes.data(), Bytes(plain).data());
  const Exact freebsd(family({0, 0, 0, 28}));
  assert_ptr_equal(proxytunnel::adapt({linktype::null, freebsd}, 6, 1500, room).bytes.data(), Bytes(freebsd).data());
  const Exact labelled(ethernet(0x8847) + label(16, 1));
  assert_ptr_equal(proxytunnel::adapt({linktype::ethernet, labelled}, 6, 1500, room).bytes.data(),
                   Bytes(labelled).data());
}

void adapt_falls_back_to_raw(void**) {
  LinkHeaderRoom room;
  const auto is_raw = [&](std::uint32_t type, const Buffer& header, unsigned version, std::size_t length) {
    const LinkHeader made = proxytunnel::adapt({type, Exact(header)}, version, length, room);
    return made.link_type == linktype::raw && made.bytes.empty();
  };
  constexpr std::uint32_t type = linktype::ethernet;
  assert_false(is_raw(type, ethernet(50) + snap(ipv4_type), 4, 1492));
  assert_true(is_raw(type, ethernet(50) + snap(ipv4_type), 4, 1493));  // 1501 would be no length any more
  assert_false(is_raw(type, ethernet(0x8864) + pppoe(1) + be16(0x21), 4, 65533));
  assert_true(is_raw(type, ethernet(0x8864) + pppoe(1) + be16(0x21), 4, 65534));
  assert_true(is_raw(type, ethernet(0x0806), 4, 60));
  assert_true(is_raw(type, ethernet(ipv4_type) + hex({0}), 4, 60));
  assert_true(is_raw(type, filled(13, 0), 4, 60));
  assert_true(is_raw(type, {}, 4, 60));
  assert_true(is_raw(type, ethernet(0x8100) + 200 * (be16(1) + be16(0x8100)), 4, 60));
  assert_true(is_raw(105, ethernet(ipv4_type), 4, 60));
}

void tcp_is_told_by_a_look_or_not_at_all(void**) {
  constexpr std::uint32_t type = linktype::ethernet;
  const auto is_tcp = [](std::uint32_t link, const Buffer& frame) { return proxytunnel::is_plainly_tcp(link, frame); };
  assert_true(is_tcp(type, ethernet(ipv4_type) + ipv4(tcp(0))) && is_tcp(type, ethernet(ipv6_type) + ipv6(tcp(0))));
  assert_false(is_tcp(linktype::raw, ipv4(tcp(0))));
  assert_false(is_tcp(type, ethernet(ipv6_type) + ipv4(tcp(0))));  // says IPv6 and is not
  for (const Buffer& packet : {ethernet(ipv4_type) + ipv4(tcp(0)), ethernet(ipv6_type) + ipv6(tcp(0))}) {
    constexpr std::size_t enough = 34;
    for (std::size_t size = 0; size < enough; ++size) {
      assert_false(is_tcp(type, Buffer(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size))));
    }
    Buffer other = packet;
    other[14 + (packet[14] >> 4 == 4 ? 9 : 6)] = 17;
    assert_false(is_tcp(type, other));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(finds_ip),
      cmocka_unit_test(raw_has_three_numbers),
      cmocka_unit_test(stays_inside_when_cut),
      cmocka_unit_test(refuses_what_is_not_ip),
      cmocka_unit_test(refuses_what_is_too_deep_or_unknown),
      cmocka_unit_test(adapts_there_and_back),
      cmocka_unit_test(adapts_the_right_bytes),
      cmocka_unit_test(adapt_gives_back_what_fits),
      cmocka_unit_test(adapt_falls_back_to_raw),
      cmocka_unit_test(tcp_is_told_by_a_look_or_not_at_all),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
