// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what stands before a link layer is passed over, and what wraps a packet is taken off, however deep.
#include <string>

#include "base/encapsulation.hpp"
#include "decode/decode.hpp"
#include "decode/innermost.hpp"
#include "decode/link.hpp"
#include "test_decode_packets.hpp"
#include "unit.hpp"

using namespace test_packets;

using proxytunnel::Decoded;
using proxytunnel::Decoder;
using proxytunnel::encapsulation_text;
using proxytunnel::find_ip;
using proxytunnel::LinkFrame;
using proxytunnel::Reason;
namespace linktype = proxytunnel::linktype;

namespace {

constexpr std::uint32_t v4 = 0x0800, v6 = 0x86dd;

Buffer packet() {
  return ipv4(tcp());
}
Buffer snap(std::uint32_t type) {
  return hex({0xaa, 0xaa, 3, 0, 0, 0}) + be16(type);
}
Buffer le16(std::uint32_t value) {
  return hex({static_cast<int>(value & 0xff), static_cast<int>(value >> 8)});
}
Buffer le32(std::uint32_t value) {
  return le16(value & 0xffff) + le16(value >> 16);
}
Buffer wifi() {
  return hex({8, 2}) + filled(22, 0) + snap(v4);
}
Buffer radiotap(std::uint32_t present, const Buffer& fields) {
  return hex({0, 0}) + le16(static_cast<std::uint32_t>(8 + fields.size())) + le32(present) + fields;
}
Buffer erf(int type, const Buffer& behind) {
  return filled(8, 1) + hex({type, 4}) + filled(6, 0) + behind;
}
Buffer attribute(std::uint32_t type, const Buffer& value) {
  const std::size_t size = 4 + value.size();
  return le16(static_cast<std::uint32_t>(size)) + le16(type) + value + filled((4 - size % 4) % 4, 0);
}

struct Before {
  const char* name;
  std::uint32_t link_type;
  Buffer before;  ///< of the capturing system
  Buffer header;  ///< of the link layer
  std::uint32_t own;
};

std::vector<Before> before_cases() {
  const Buffer ether = ethernet(v4), wlan = wifi(), none{};
  return {
      {"radiotap", 127, radiotap(0, none), wlan, 105},
      {"radiotap, time and flags", 127, radiotap(3, filled(8, 7) + hex({0x10, 0, 0, 0})), wlan, 105},
      {"radiotap, two words", 127, radiotap(0x80000002, le32(0) + hex({0})), wlan, 105},
      {"radiotap, padded", 127, radiotap(2, hex({0x20})), hex({0x88, 1}) + filled(24, 0) + filled(2, 9) + snap(v4),
       105},
      {"Prism", 119, be32(0x44) + le32(144) + filled(136, 5), wlan, 105},
      {"AVS", 163, be32(0x80211001) + be32(64) + filled(56, 5), wlan, 105},
      {"AVS as Prism", 119, be32(0x80211001) + be32(64) + filled(56, 5), wlan, 105},
      {"PPI, Ethernet", 192, hex({0, 0}) + le16(12) + le32(1) + filled(4, 5), ether, 1},
      {"PPI, 802.11", 192, hex({0, 0}) + le16(8) + le32(105), wlan, 105},
      {"ERF, Ethernet", 197, erf(2, hex({0, 0})), ether, 1},
      {"ERF, extensions", 197, erf(0x82, hex({0x83}) + filled(7, 0) + hex({3}) + filled(7, 0) + hex({0, 0})), ether, 1},
      {"ERF, HDLC", 197, erf(1, none), hex({0x0f, 0}) + be16(v4), 104},
      {"ERF, PPP", 197, erf(1, none), hex({0xff, 3}) + be16(0x21), 9},
      {"ERF, IPv4", 197, erf(22, none), none, 101},
      {"PPP with direction", 204, hex({1}), hex({0xff, 3}) + be16(0x21), 9},
      {"NFLOG", 239,
       hex({2, 0, 0, 0}) + attribute(1, be16(v4) + hex({1, 0})) + attribute(10, hex({'p', 0})) +
           le16(static_cast<std::uint32_t>(4 + packet().size())) + le16(9),
       none, 101},
      {"NFLOG, the other byte order", 239,
       hex({2, 0, 0, 0}) + be16(8) + be16(2) + be32(7) + be16(static_cast<std::uint32_t>(4 + packet().size())) +
           be16(9),
       none, 101},
  };
}

void what_stands_before_is_not_the_link_layer(void**) {
  for (const Before& each : before_cases()) {
    const Buffer frame = each.before + each.header + packet();
    const Exact exact(frame);
    const LinkFrame found = find_ip(each.link_type, exact, static_cast<std::uint32_t>(frame.size()));
    if (found.reason != Reason::none) fail_msg("%s: %s", each.name, name_of(found.reason).data());
    const bool is_right =
        found.link_type == each.own && equal(found.header, each.header) && equal(found.packet, packet());
    if (!is_right) fail_msg("%s", each.name);
    if (!holds_at_every_cut(each.link_type, frame)) fail_msg("%s, cut", each.name);
  }
}

void frames_that_cannot_be_read_have_their_reasons(void**) {
  const auto reason = [](std::uint32_t type, const Buffer& frame) {
    return find_ip(type, Exact(frame), static_cast<std::uint32_t>(frame.size())).reason;
  };
  const auto frame = [](int kind, int flags, int sequence) {
    return hex({kind, flags}) + filled(20, 0) + hex({sequence, 0}) + snap(v4) + packet();
  };
  assert_true(reason(105, frame(8, 0, 0x10)) == Reason::none);
  assert_true(reason(105, frame(8, 0x40, 0)) == Reason::encrypted);
  assert_true(reason(105, frame(8, 4, 0)) == Reason::fragment_cut_short);  // more fragments
  assert_true(reason(105, frame(8, 0, 1)) == Reason::fragment_cut_short);  // not the first one
  assert_true(reason(105, frame(0x80, 0, 0)) == Reason::not_ip);           // beacon
  assert_true(reason(105, frame(0x48, 0, 0)) == Reason::not_ip);           // no data
  assert_true(reason(105, hex({0x88, 0}) + filled(22, 0) + hex({0x80, 0}) + snap(v4) + packet()) ==
              Reason::encapsulated);                                                                 // aggregate
  assert_true(reason(127, hex({0, 0, 4, 0}) + filled(4, 0) + wifi() + packet()) == Reason::not_ip);  // too short
  assert_true(reason(192, hex({0, 0}) + le16(8) + le32(192) + wifi() + packet()) == Reason::not_ip);
  assert_true(reason(197, erf(3, {}) + packet()) == Reason::unsupported_link_type);  // ATM
  assert_true(reason(197, erf(0x82, 20 * (hex({0x83}) + filled(7, 0)))) == Reason::too_many_headers);
  assert_true(reason(239, hex({2, 0, 0, 0}) + le16(3) + le16(1) + packet()) == Reason::not_ip);
  assert_true(reason(9, be16(0xc021) + packet()) == Reason::not_ip);
  assert_true(reason(104, hex({0x0f, 0}) + be16(0x8035)) == Reason::not_ip);
  assert_true(reason(linktype::unknown, packet()) == Reason::unsupported_link_type);
}

Buffer in_ip(int protocol, const Buffer& payload) {
  return ipv4(payload, {.protocol = protocol});
}
Buffer in_udp(std::uint32_t port, const Buffer& payload) {
  return in_ip(17, be16(50000) + be16(port) + be16(static_cast<std::uint32_t>(8 + payload.size())) + be16(0) + payload);
}
Buffer gre(std::uint32_t flags, std::uint32_t type, const Buffer& behind) {
  return in_ip(47, be16(flags) + be16(type) + behind);
}

struct Around {
  const char* text;  ///< that names it
  Buffer outer;
  std::uint32_t own = linktype::raw;  ///< link type of the packet inside
};

std::vector<Around> around_cases() {
  const Buffer in = packet(), frame = ethernet(v4) + packet(), in6 = ipv6(tcp());
  constexpr std::uint32_t ether = linktype::ethernet;
  const Buffer routes = be16(0) + be16(0) + be16(2) + hex({0, 4}) + be32(1) + be32(0);
  return {
      {"ip", in_ip(4, in)},
      {"ip", in_ip(41, in6)},
      {"ip", ipv6(in, 4)},
      {"gre", gre(0, v4, in)},
      {"gre", gre(0, v6, in6)},
      {"gre 7", gre(0x2000, v4, be32(7) + in)},
      {"gre 7", gre(0xb000, v4, be32(0) + be32(7) + be32(1) + in)},
      {"gre 9", gre(0x6000, v4, be16(0) + be16(0) + be32(9) + be16(2) + hex({0, 4}) + be32(1) + be32(0) + in)},
      {"gre", gre(0x4000, v4, routes + in)},
      {"gre", gre(0, 0x6558, frame), ether},
      {"gre", gre(0, 0x8847, be32(16 << 12 | 0x100) + in)},
      {"gre", gre(0, 0x883e, in)},
      {"gre", gre(0, 0x883e, hex({0, 9, 9, 9}) + in)},
      {"gre 77", gre(0x3081, 0x880b, be16(40) + be16(77) + be32(1) + be32(2) + hex({0xff, 3}) + be16(0x21) + in), 9},
      {"erspan", gre(0, 0x88be, frame), ether},
      {"erspan 5", gre(0x1000, 0x88be, be32(1) + be32(0x10010000 | 5) + be32(3) + frame), ether},
      {"erspan 6", gre(0x1000, 0x22eb, be32(1) + be32(0x20010000 | 6) + be32(3) + be32(0) + frame), ether},
      {"erspan 6", gre(0x1000, 0x22eb, be32(1) + be32(0x20010000 | 6) + be32(3) + be32(1) + filled(8, 0) + frame),
       ether},
      {"erspan 6", gre(0x1000, 0x22eb, be32(1) + be32(0x20010000 | 6) + be32(3) + be32(2 << 10) + in)},
      {"vxlan 100", in_udp(4789, be32(0x08000000) + be32(100 << 8) + frame), ether},
      {"vxlan 100", in_udp(4789, be32(0x88000007) + be32(100 << 8) + frame), ether},
      {"vxlan 100", in_udp(8472, be32(0x08000000) + be32(100 << 8) + frame), ether},
      {"vxlan 8", in_udp(4790, be32(0x0c000001) + be32(8 << 8) + in)},
      {"vxlan 8", in_udp(4790, be32(0x0c000003) + be32(8 << 8) + frame), ether},
      {"geneve 11", in_udp(6081, be32(0x00006558) + be32(11 << 8) + frame), ether},
      {"geneve 11", in_udp(6081, be32(0x02000800) + be32(11 << 8) + filled(8, 1) + in)},
      {"gtp 99", in_udp(2152, be32(0x30ff0000) + be32(99) + in)},
      {"gtp 99", in_udp(2152, be32(0x32ff0000) + be32(99) + be32(1 << 16) + in)},
      {"gtp 99", in_udp(2152, be32(0x34ff0000) + be32(99) + be32(0x85) + hex({1, 0x10, 9, 0}) + in)},
      {"gtp 99", in_udp(2152, be32(0x30ff0000) + be32(99) + frame), ether},
  };
}

void what_wraps_a_packet_is_taken_off(void**) {
  for (const Around& each : around_cases()) {
    const Exact exact(each.outer);
    Decoder decoder;
    const Decoded& decoded = decode(decoder, linktype::raw, exact);
    if (decoded.kind != Decoded::Kind::tcp) fail_msg("%s: %s", each.text, name_of(decoded.reason).data());
    const std::string text = encapsulation_text(decoded.segment.frame.encapsulation);
    if (text != each.text) fail_msg("%s instead of %s", text.c_str(), each.text);
    const bool has_id = text.find(' ') != std::string::npos;
    if (has_id != (decoded.segment.frame.network != 0)) fail_msg("%s: network", each.text);
    if (decoded.link.link_type != each.own) fail_msg("%s: link type %u", each.text, decoded.link.link_type);
    assert_int_equal(decoded.segment.length, 10);
    if (!holds_at_every_cut(linktype::raw, each.outer)) fail_msg("%s, cut", each.text);
    // Where the plugin is asked, it finds the same.
    const std::uint8_t* const transport = decoded.segment.header.data();
    const std::array<Bytes, 1> sources{exact};
    const auto place = proxytunnel::place_of(linktype::raw, sources, transport);
    assert_true(place.encapsulation.network() == decoded.segment.frame.network);
    assert_true(equal(place.encapsulation.packed(), decoded.segment.frame.encapsulation));
  }
}

std::string around(const Buffer& outer) {
  Decoder decoder;
  const Exact exact(outer);
  const Decoded& decoded = decode(decoder, linktype::raw, exact);
  if (decoded.kind == Decoded::Kind::tcp) return encapsulation_text(decoded.segment.frame.encapsulation);
  return std::string(decoded.kind == Decoded::Kind::udp ? "udp" : name_of(decoded.reason));
}

void only_what_is_well_formed_wraps_anything(void**) {
  const Buffer in = packet(), frame = ethernet(v4) + packet();
  assert_string_equal(around(in_udp(4789, be32(0) + be32(100 << 8) + frame)).c_str(), "udp");           // no VNI
  assert_string_equal(around(in_udp(4789, be32(0x0b000000) + be32(100 << 8) + frame)).c_str(), "udp");  // unknown flags
  assert_string_equal(around(in_udp(4789, filled(3))).c_str(), "udp");
  assert_string_equal(around(in_udp(6081, be32(0x00000001) + be32(0) + in)).c_str(), "udp");  // a SOCKS5 datagram
  assert_string_equal(around(in_udp(6081, be32(0x40006558) + be32(0) + frame)).c_str(), "udp");
  assert_string_equal(around(in_udp(2152, be32(0x30010000) + be32(0) + in)).c_str(), "udp");  // echo request
  assert_string_equal(around(in_udp(2152, be32(0x34ff0000) + be32(9) + be32(0x85) + hex({0, 0, 0, 0}) + in)).c_str(),
                      "encapsulated");  // an extension header of no size
  assert_string_equal(around(in_udp(4788, be32(0x08000000) + be32(100 << 8) + frame)).c_str(), "udp");
  assert_string_equal(around(gre(0, 0x1234, in)).c_str(), "encapsulated");
  assert_string_equal(around(gre(7, v4, in)).c_str(), "encapsulated");
  assert_string_equal(around(gre(0, 0x6558, ethernet(0x0806) + in)).c_str(), "not-ip");
  assert_string_equal(around(gre(0x1000, 0x22eb, be32(1) + be32(0x30000000) + be32(0) + be32(0) + frame)).c_str(),
                      "encapsulated");
  assert_string_equal(around(in_ip(4, filled(20, 0x10))).c_str(), "not-ip");
}

void goes_as_deep_as_it_says_and_no_deeper(void**) {
  Buffer eight = packet();
  for (int i = 0; i < 8; ++i) eight = in_ip(4, eight);
  assert_string_equal(around(eight).c_str(), "ip, ip, ip, ip, ip, ip, ip, ip");
  assert_string_equal(around(in_ip(4, eight)).c_str(), "too-many-headers");
}

proxytunnel::NetworkId network_of(const Buffer& outer) {
  Decoder decoder;
  const Exact exact(outer);
  return decode(decoder, linktype::raw, exact).segment.frame.network;
}

void networks_differ_by_what_names_them(void**) {
  const auto vxlan = [](std::uint32_t vni, const Buffer& in) {
    return in_udp(4789, be32(0x08000000) + be32(vni << 8) + ethernet(v4) + in);
  };
  const auto key = [](std::uint32_t id, const Buffer& in) { return gre(0x2000, v4, be32(id) + in); };
  const std::vector<proxytunnel::NetworkId> all = {
      network_of(vxlan(1, packet())),         network_of(vxlan(2, packet())),         network_of(key(1, packet())),
      network_of(vxlan(1, key(2, packet()))), network_of(key(2, vxlan(1, packet()))), network_of(packet()),
      network_of(vxlan(0, packet()))};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) assert_true(all[i] != all[k]);
  }
  // What has no identifier is no other network than without it.
  assert_true(network_of(in_ip(4, packet())) == 0);
  assert_true(network_of(in_ip(4, vxlan(1, packet()))) == all[0]);
}

void outer_fragments_are_put_together(void**) {
  const Buffer whole = be16(50000) + be16(4789) + be16(static_cast<std::uint32_t>(8 + 8 + 14 + packet().size())) +
                       be16(0) + be32(0x08000000) + be32(100 << 8) + ethernet(v4) + packet();
  const Buffer first(whole.begin(), whole.begin() + 48), second(whole.begin() + 48, whole.end());
  const Exact one(ipv4(first, {.protocol = 17, .flags_and_offset = 0x2000}));
  const Exact two(ipv4(second, {.protocol = 17, .flags_and_offset = 6}));
  Decoder decoder;
  assert_true(decode(decoder, linktype::raw, one).reason == Reason::fragment);
  const Decoded& decoded = decode(decoder, linktype::raw, two);
  assert_true(decoded.kind == Decoded::Kind::tcp);
  assert_string_equal(encapsulation_text(decoded.segment.frame.encapsulation).c_str(), "vxlan 100");
  assert_true(equal(decoded.link.bytes, ethernet(v4)));
  // The plugin has the datagram from Wireshark.
  const std::array<Bytes, 2> sources{two, Bytes(whole)};
  const std::uint8_t* const transport = whole.data() + whole.size() - tcp().size();
  const auto place = proxytunnel::place_of(linktype::raw, sources, transport);
  assert_string_equal(encapsulation_text(place.encapsulation.packed()).c_str(), "vxlan 100");
  const auto outer = proxytunnel::place_of(linktype::raw, sources, whole.data());
  assert_true(outer.encapsulation.packed().empty());
  const auto nowhere = proxytunnel::place_of(linktype::raw, std::span(sources).first(1), transport);
  assert_true(nowhere.encapsulation.packed().empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_stands_before_is_not_the_link_layer),
      cmocka_unit_test(frames_that_cannot_be_read_have_their_reasons),
      cmocka_unit_test(what_wraps_a_packet_is_taken_off),
      cmocka_unit_test(only_what_is_well_formed_wraps_anything),
      cmocka_unit_test(goes_as_deep_as_it_says_and_no_deeper),
      cmocka_unit_test(networks_differ_by_what_names_them),
      cmocka_unit_test(outer_fragments_are_put_together),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
