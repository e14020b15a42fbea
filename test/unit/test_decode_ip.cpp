// SPDX-License-Identifier: GPL-2.0-or-later
// summary: IP, TCP and UDP headers as captures show them: offload, snapshot lengths, padding, options, extensions.
#include "decode/decode.hpp"
#include "decode/ip.hpp"
#include "test_decode_packets.hpp"

#include "unit.hpp"

namespace {

using namespace test_packets;
using proxytunnel::Address;
using proxytunnel::Datagram;
using proxytunnel::Decoded;
using proxytunnel::Decoder;
using proxytunnel::Reason;
using proxytunnel::Segment;
using Kind = proxytunnel::Decoded::Kind;
namespace linktype = proxytunnel::linktype;

/// One RAW packet decoded; keeps what the result views.
class Raw {
 public:
  explicit Raw(const Buffer& packet, std::size_t wire_length = 0)
      : bytes_(packet), decoded_(decode(decoder_, linktype::raw, bytes_, wire_length)) {}
  Raw(const Buffer& packet, std::size_t captured, std::size_t wire_length)
      : bytes_(packet, captured), decoded_(decode(decoder_, linktype::raw, bytes_, wire_length)) {}

  [[nodiscard]] Reason reason() const { return decoded_.reason; }
  /// A segment of this many bytes, of which so many were captured.
  [[nodiscard]] bool is_tcp(std::size_t length, std::size_t captured) const {
    return decoded_.kind == Kind::tcp && reason() == Reason::none && segment().length == length &&
           segment().payload.size() == captured && segment().sender.port == 40000 && segment().receiver.port == 1080 &&
           std::all_of(segment().payload.begin(), segment().payload.end(), [](auto byte) { return byte == 'x'; });
  }
  [[nodiscard]] bool is_tcp(std::size_t length) const { return is_tcp(length, length); }
  [[nodiscard]] bool is_udp(std::size_t length, std::size_t captured) const {
    return decoded_.kind == Kind::udp && reason() == Reason::none && datagram().length == length &&
           datagram().payload.size() == captured && datagram().sender.port == 5000 && datagram().receiver.port == 53;
  }
  [[nodiscard]] const Segment& segment() const { return decoded_.segment; }
  [[nodiscard]] const Datagram& datagram() const { return decoded_.datagram; }

 private:
  Decoder decoder_;
  Exact bytes_;
  const Decoded& decoded_;
};

void fills_in_a_segment(void**) {
  const Exact frame(ethernet(0x8100) + be16(5) + be16(0x800) + ipv4(tcp(10, be32(0x01010101))) + filled(6, 0));
  Decoder decoder;
  const Decoded& decoded = decode(decoder, linktype::ethernet, frame, 0, 99);
  assert_true(decoded.kind == Kind::tcp && decoded.reason == Reason::none);
  assert_int_equal(decoded.link.bytes.size(), 18);
  const Segment& segment = decoded.segment;
  assert_string_equal(segment.sender.text().c_str(), "10.0.0.1:40000");
  assert_string_equal(segment.receiver.text().c_str(), "10.0.0.2:1080");
  assert_int_equal(segment.frame.number, 7);
  assert_int_equal(segment.frame.time, 99);
  assert_int_equal(segment.frame.vlan, 5);
  assert_true(segment.frame.envelope.empty() && segment.parent == proxytunnel::no_tunnel);
  assert_int_equal(segment.sequence(), 1000);
  assert_int_equal(segment.acknowledgment(), 2000);
  assert_int_equal(segment.flags(), 0x18);
  assert_int_equal(segment.options().size(), 4);
  assert_int_equal(segment.length, 10);
  assert_int_equal(segment.ip.version, 4);
  assert_int_equal(segment.ip.traffic_class, 0x2e);
  assert_int_equal(segment.ip.hop_limit, 63);
  assert_int_equal(segment.ip.identification, 0x1234);
  assert_true(segment.ip.dont_fragment);
  assert_int_equal(segment.ip.checksum_error, 0);
}

void fills_in_ipv6_fields(void**) {
  const Raw raw(ipv6(tcp()));
  assert_true(raw.is_tcp(10));
  assert_string_equal(raw.segment().sender.text().c_str(), "[fd00::1]:40000");
  assert_string_equal(raw.segment().receiver.text().c_str(), "[fd00::2]:1080");
  assert_int_equal(raw.segment().ip.version, 6);
  assert_int_equal(raw.segment().ip.traffic_class, 0x2e);
  assert_int_equal(raw.segment().ip.flow_label, 0x12345);
  assert_int_equal(raw.segment().ip.hop_limit, 62);
}

void fills_in_a_datagram(void**) {
  const Raw raw(ipv4(udp(), {.protocol = 17}));
  assert_true(raw.is_udp(10, 10));
  assert_int_equal(raw.datagram().checksum, 0x1234);
  assert_int_equal(raw.datagram().frame.number, 7);
  assert_string_equal(raw.datagram().sender.text().c_str(), "10.0.0.1:5000");
}

void nothing_stays_from_the_packet_before(void**) {
  Decoder decoder;
  const Exact first(ethernet(0x86dd) + ipv6(tcp())), second(ethernet(0x806) + filled(40)),
      third(ethernet(0x800) + ipv4(tcp(3)));
  assert_true(decode(decoder, linktype::ethernet, first).kind == Kind::tcp);
  const Decoded& arp = decode(decoder, linktype::ethernet, second);
  assert_true(arp.kind == Kind::other && arp.reason == Reason::not_ip && arp.link.bytes.empty());
  const Decoded& tcp4 = decode(decoder, linktype::ethernet, third);
  assert_int_equal(tcp4.segment.ip.flow_label, 0);
  assert_string_equal(tcp4.segment.sender.text().c_str(), "10.0.0.1:40000");
  assert_true(tcp4.segment.sender.address == *Address::parse("10.0.0.1"));
}

void ipv4_lengths(void**) {
  assert_true(Raw(ipv4(tcp(0)) + filled(6, 0)).is_tcp(0));              // Ethernet padding
  assert_true(Raw(ipv4(tcp(2000), {.total_length = 0})).is_tcp(2000));  // segmentation offload
  assert_true(Raw(ipv4(tcp(70000), {.total_length = 0}), 500, 70040).is_tcp(70000, 460));
  assert_true(Raw(ipv4(tcp(100)), 60, 140).is_tcp(100, 20));  // snapshot length
  assert_true(Raw(ipv4(tcp(100)), 40, 140).is_tcp(100, 0));
  assert_true(Raw(ipv4(tcp(10)) + filled(4), 45, 54).is_tcp(10, 5));  // cut, and a trailer besides
  assert_true(Raw(ipv4(tcp(10), {.total_length = 500})).is_tcp(10));  // more than the frame has
  assert_true(Raw(ipv4(tcp(10), {.total_length = 45})).is_tcp(5));
  assert_true(Raw(ipv4(tcp(7), {.options = be32(0x01010101) + be32(0)})).is_tcp(7));
  assert_true(Raw(ipv4(tcp(7), {.options = filled(40, 1)})).is_tcp(7));
  assert_true(Raw(ipv4(tcp()), 39, 50).reason() == Reason::cut_short);
  assert_true(Raw(ipv4(tcp()), 19, 50).reason() == Reason::cut_short);
  assert_true(Raw(ipv4(tcp(), {.options = filled(8, 1)}), 24, 58).reason() == Reason::cut_short);
  assert_true(Raw(ipv4(tcp(), {.total_length = 19})).reason() == Reason::malformed_ip);
  assert_true(Raw(ipv4(tcp(), {.total_length = 23, .options = filled(4, 1)})).reason() == Reason::malformed_ip);
  assert_true(Raw(hex({0x44}) + filled(60, 0)).reason() == Reason::malformed_ip);
  assert_true(Raw(ipv4({}), 12, 12).reason() == Reason::malformed_ip);
}

void ipv4_checksum(void**) {
  assert_int_equal(Raw(ipv4(tcp(), {.checksum_off_by = 1})).segment().ip.checksum_error, 1);
  assert_int_equal(Raw(ipv4(tcp(), {.checksum_off_by = 0x100})).segment().ip.checksum_error, 0x100);
  assert_int_equal(Raw(ipv4(tcp(), {.checksum_off_by = -1})).segment().ip.checksum_error, 0xfffe);
  assert_int_equal(Raw(ipv4(tcp(), {.options = filled(8, 1), .checksum_off_by = 3})).segment().ip.checksum_error, 3);
  Buffer left_to_the_card = ipv4(tcp());
  left_to_the_card[10] = left_to_the_card[11] = 0;
  assert_int_equal(Raw(left_to_the_card).segment().ip.checksum_error, 0);
}

void ipv6_lengths(void**) {
  assert_true(Raw(ipv6(tcp(0)) + filled(9, 0)).is_tcp(0));
  assert_true(Raw(ipv6(tcp(3000), 6, 0)).is_tcp(3000));  // segmentation offload
  assert_true(Raw(ipv6(tcp(100)), 70, 160).is_tcp(100, 10));
  assert_true(Raw(ipv6(tcp(10), 6, 500)).is_tcp(10));
  assert_true(Raw(ipv6(tcp(10), 6, 25)).is_tcp(5));
  assert_true(Raw(ipv6(tcp()), 39, 70).reason() == Reason::cut_short);
  assert_true(Raw(ipv6({}), 39, 39).reason() == Reason::malformed_ip);
  assert_true(Raw(ipv6({}, 6, 0)).reason() == Reason::malformed_tcp);
  const auto jumbo = [](std::uint32_t length) { return hex({6, 0, 0xc2, 4}) + be32(length); };
  assert_true(Raw(ipv6(jumbo(8 + 20 + 70000) + tcp(70000), 0, 0) + filled(5)).is_tcp(70000));
  const Buffer behind_padding = hex({6, 1, 0, 1, 3, 0, 0, 0, 0, 0, 0xc2, 4}) + be32(16 + 20 + 66000);
  assert_true(Raw(ipv6(behind_padding + tcp(66000), 0, 0) + filled(5)).is_tcp(66000));
}

void ipv6_extension_headers(void**) {
  const Buffer options = hex({6, 1}) + filled(14, 0);
  for (const int header : {0, 60, 135, 139, 140, 43}) {
    assert_true(Raw(ipv6(options + tcp(), header)).is_tcp(10));
    assert_true(Raw(ipv6(options + tcp(), header), 55, 86).reason() == Reason::cut_short);
    assert_true(Raw(ipv6(options, header), 55, 55).reason() == Reason::malformed_ip);
  }
  const Buffer authentication = hex({6, 4}) + filled(22, 0);
  assert_true(Raw(ipv6(authentication + tcp(), 51)).is_tcp(10));
  assert_true(Raw(ipv4(authentication + tcp(), {.protocol = 51})).is_tcp(10));
  const Buffer to_next = hex({60, 0}) + filled(6, 0);
  assert_true(Raw(ipv6(15 * to_next + hex({6, 0}) + filled(6, 0) + tcp(), 60)).is_tcp(10));
  assert_true(Raw(ipv6(16 * to_next + hex({6, 0}) + filled(6, 0) + tcp(), 60)).reason() == Reason::too_many_headers);
  assert_true(Raw(ipv6(hex({6, 0}) + filled(6, 0) + tcp(), 44)).is_tcp(10));  // a fragment that is all (RFC 6946)
  assert_true(Raw(ipv6(hex({59, 0}) + filled(6, 0), 60)).reason() == Reason::other_protocol);
  assert_true(Raw(ipv6(tcp(), 59)).reason() == Reason::other_protocol);
  assert_true(Raw(ipv4(options + tcp(), {.protocol = 60})).reason() == Reason::other_protocol);
}

void routing_header_names_the_receiver(void**) {
  const Buffer last = hex({0xfd}) + filled(15, 9), via = hex({0xfd}) + filled(15, 8);
  const auto receiver = [&](int type, int left, const Buffer& addresses) {
    const Buffer header = hex({6, static_cast<int>(addresses.size() / 8), type, left, 0, 0, 0, 0}) + addresses;
    const Raw raw(ipv6(header + tcp(), 43));
    assert_true(raw.is_tcp(10));
    return raw.segment().receiver.address;
  };
  const Address on_the_way = *Address::parse("fd00::2");
  assert_true(receiver(0, 2, via + last) == Address::from(last));
  assert_true(receiver(0, 0, via + last) == on_the_way);
  assert_true(receiver(2, 1, last) == Address::from(last));
  assert_true(receiver(4, 1, last + via) == Address::from(last));
  assert_true(receiver(4, 0, last + via) == on_the_way);
  assert_true(receiver(4, 1, {}) == on_the_way);
  assert_true(receiver(99, 1, last) == on_the_way);
}

void tcp_header_must_be_whole(void**) {
  const auto with_words = [](int words) {
    Buffer segment = tcp(0, filled(8, 1));
    segment[12] = static_cast<std::uint8_t>(words << 4);
    return ipv4(segment);
  };
  assert_true(Raw(with_words(4)).reason() == Reason::malformed_tcp);
  assert_true(Raw(with_words(7)).reason() == Reason::none);
  assert_true(Raw(with_words(8)).reason() == Reason::malformed_tcp);
  assert_true(Raw(with_words(7), 47, 48).reason() == Reason::cut_short);
  assert_true(Raw(ipv4(tcp(), {.total_length = 39})).reason() == Reason::malformed_tcp);
}

void udp_lengths(void**) {
  const auto v4 = [](const Buffer& datagram) { return ipv4(datagram, {.protocol = 17}); };
  assert_true(Raw(v4(udp_of_length(8, 10))).is_udp(0, 0));
  assert_true(Raw(v4(udp_of_length(12, 10))).is_udp(4, 4));
  assert_true(Raw(v4(udp_of_length(99, 10))).is_udp(10, 10));
  assert_true(Raw(v4(udp(50)), 40, 78).is_udp(50, 12));
  assert_true(Raw(v4(udp(50)), 28, 78).is_udp(50, 0));
  assert_true(Raw(v4(udp_of_length(12, 50)), 30, 78).is_udp(4, 2));
  assert_true(Raw(v4(udp(50)), 27, 78).reason() == Reason::cut_short);
  assert_true(Raw(v4(udp_of_length(7, 10))).reason() == Reason::malformed_udp);
  assert_true(Raw(v4(udp_of_length(0, 10))).reason() == Reason::malformed_udp);
  assert_true(Raw(ipv6(udp_of_length(0, 10), 17)).is_udp(10, 10));  // a jumbogram
  assert_true(Raw(v4(filled(7))).reason() == Reason::malformed_udp);
}

void other_protocols_have_their_reasons(void**) {
  const Buffer quoted = filled(8, 0) + ipv4(tcp());
  assert_true(Raw(ipv4(quoted, {.protocol = 1})).reason() == Reason::other_protocol);
  assert_true(Raw(ipv6(quoted, 58)).reason() == Reason::other_protocol);
  assert_true(Raw(ipv4(ipv4(tcp()), {.protocol = 50})).reason() == Reason::other_protocol);
  assert_string_equal(name_of(Reason::none).data(), "none");
  assert_string_equal(name_of(Reason::fragment_limit).data(), "fragment-limit");
  assert_string_equal(name_of(Reason::cut_short).data(), "cut-short");
}

void stays_inside_when_cut(void**) {
  const Buffer options = hex({6, 1}) + filled(14, 0);
  const Buffer jumbo = hex({60, 0, 0xc2, 4}) + be32(200);
  const std::vector<Buffer> packets{
      ipv4(tcp(12, filled(40, 1))),
      ipv4(tcp(), {.total_length = 0}),
      ipv4(tcp(), {.total_length = 900, .options = filled(40, 1)}),
      ipv4(udp(), {.protocol = 17}),
      ipv4(hex({6, 4}) + filled(22, 0) + tcp(), {.protocol = 51}),
      ipv6(tcp(12, filled(40, 1))),
      ipv6(udp(), 17),
      ipv6(options + tcp(), 43),
      ipv6(jumbo + options + tcp(), 0, 0),
      ipv6(hex({6, 0, 0, 0, 0, 0, 0, 1}) + tcp(), 44),
      ipv6(hex({6, 0, 0, 1, 0, 0, 0, 1}) + tcp(), 44),
      ipv6(hex({6, 2, 0, 1, 0, 0, 0, 0}) + filled(16, 7) + tcp(), 43),
      ipv6(hex({6, 0xff}) + filled(100, 1), 0, 0),
  };
  for (const Buffer& packet : packets) {
    assert_true(holds_at_every_cut(linktype::raw, packet));
    assert_true(holds_at_every_cut(linktype::ethernet, ethernet((packet[0] >> 4) == 4 ? 0x800 : 0x86dd) + packet));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(fills_in_a_segment),
      cmocka_unit_test(fills_in_ipv6_fields),
      cmocka_unit_test(fills_in_a_datagram),
      cmocka_unit_test(nothing_stays_from_the_packet_before),
      cmocka_unit_test(ipv4_lengths),
      cmocka_unit_test(ipv4_checksum),
      cmocka_unit_test(ipv6_lengths),
      cmocka_unit_test(ipv6_extension_headers),
      cmocka_unit_test(routing_header_names_the_receiver),
      cmocka_unit_test(tcp_header_must_be_whole),
      cmocka_unit_test(udp_lengths),
      cmocka_unit_test(other_protocols_have_their_reasons),
      cmocka_unit_test(stays_inside_when_cut),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
