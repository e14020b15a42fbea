// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the streaming readers on good, odd, cut and hostile files, and the way to the right reader.
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>
#include <thread>

#include "capture/digest.hpp"
#include "capture/pcapng_reader.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using namespace capture_test;
using unproxy::InputHash;
using unproxy::NameRecord;
using unproxy::open_capture;
using unproxy::Time;

namespace {

constexpr std::uint32_t micro = 0xa1b2c3d4, nano = 0xa1b23c4d;
constexpr ByteOrder little = ByteOrder::little, big = ByteOrder::big;

const std::string frame_a = "first frame of odd size";
const std::string frame_b = "second";

void pcap_variants(void**) {
  const Directory directory;
  for (const ByteOrder order : {little, big}) {
    for (const std::uint32_t magic : {micro, nano}) {
      // The upper bits of the link type tell of a frame check sequence and are not part of it.
      const std::string path = directory.file("a", pcap_header(order, magic, 0x24000001) +
                                                       pcap_record(order, 4'000'000'000U, 5, frame_a, 100) +
                                                       pcap_record(order, 1, 999'999, frame_b, 2));
      const Reading reading = read_file(path);
      assert_false(reading.damage.has_value());
      assert_int_equal(reading.interfaces.size(), 1);
      assert_int_equal(reading.interfaces[0].link_type, 1);
      assert_int_equal(reading.interfaces[0].snap_length, 65535);
      assert_int_equal(reading.packets.size(), 2);
      const Time unit = magic == micro ? 1000 : 1;
      assert_true(reading.packets[0].time == 4'000'000'000 * Time{1'000'000'000} + 5 * unit);
      assert_true(reading.packets[1].time == 1'000'000'000 + 999'999 * unit);
      assert_int_equal(reading.packets[1].number, 2);
      assert_true(reading.packets[0].bytes == frame_a);
      assert_true(reading.packets[1].bytes == frame_b);
      assert_int_equal(reading.packets[0].wire_length, 100);
      // more captured than there was on the wire: not less than what is there
      assert_int_equal(reading.packets[1].wire_length, frame_b.size());
      assert_int_equal(reading.position, std::filesystem::file_size(path));
    }
  }
}

std::string everything_in_pcapng() {
  const std::string nanoseconds = Builder().option(2, "eth0").option(9, "\x09").option(0, "").bytes();
  const std::string binary = Builder().option(9, "\x94").option(14, Builder().u64(100).bytes()).bytes();
  const std::string early = Builder(big).option(14, Builder(big).u64(static_cast<std::uint64_t>(-7)).bytes()).bytes();
  const std::string names = Builder()
                                .option(1, Builder().text(std::string("\x0a\0\0\x01", 4) + "a.example").u8(0).bytes())
                                .option(2, std::string("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                                               std::string("b.example\0c.example\0", 20))
                                .option(77, "unknown")
                                .option(0, "")
                                .bytes();
  return section() + interface_block(1, nanoseconds, 10) + interface_block(101, binary) +
         interface_block(113)                                                       // microseconds
         + enhanced_packet(0, 1'700'000'000'123'456'789, frame_a) +                 //
         block(10, Builder().u32(0x544c534b).u32(7).text("secrets").pad().bytes())  //
         + enhanced_packet(1, (std::uint64_t{5} << 20) + (1 << 19), frame_b)        // 5.5 s in units of 2^-20, + 100 s
         + block(4, names)                                                          //
         + block(3, Builder().u32(60).text(frame_a.substr(0, 10)).bytes())          // simple, cut to the snap length
         + block(2, Builder().u16(2).u16(9).u32(0).u32(3).u32(6).u32(6).text(frame_b).bytes())  // obsolete
         + block(0xbad, Builder().u32(12345).text("counts").bytes())                            //
         + block(5, Builder().u32(0).u64(1).bytes())                                            //
         + enhanced_packet(2, 4, "")                                                            //
         + section(big) + interface_block(1, early, 0, big) + enhanced_packet(0, 8'000'000, frame_b, big);
}

void check_everything(const Reading& reading) {
  assert_false(reading.damage.has_value());
  assert_int_equal(reading.interfaces.size(), 4);
  assert_string_equal(reading.interfaces[0].name.c_str(), "eth0");
  assert_int_equal(reading.interfaces[0].snap_length, 10);
  assert_int_equal(reading.interfaces[1].link_type, 101);
  assert_int_equal(reading.interfaces[2].link_type, 113);
  const std::vector<PacketCopy> expected = {{1, 1'700'000'000'123'456'789, 0, frame_a, 23},
                                            {2, 105'500'000'000, 1, frame_b, 6},
                                            {3, 0, 0, frame_a.substr(0, 10), 60},
                                            {4, 3000, 2, frame_b, 6},
                                            {6, 4000, 2, "", 0},
                                            {7, 1'000'000'000, 3, frame_b, 6}};
  assert_int_equal(reading.packets.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    assert_int_equal(reading.packets[i].number, expected[i].number);
    assert_true(reading.packets[i].time == expected[i].time);
    assert_int_equal(reading.packets[i].interface, expected[i].interface);
    assert_true(reading.packets[i].bytes == expected[i].bytes);
    assert_int_equal(reading.packets[i].wire_length, expected[i].wire_length);
  }
  // libwiretap tells the names of a block in the order of the block, or from 4.4 on the other way round.
  std::vector<std::string> names;
  for (const NameRecord& record : reading.names) names.push_back(record.address.text() + ' ' + record.name);
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected_names = {"10.0.0.1 a.example", "fd00::1 b.example", "fd00::1 c.example"};
  assert_true(names == expected_names);
  assert_int_equal(reading.secrets.size(), 1);
  assert_int_equal(reading.secrets[0].type, 0x544c534b);
  assert_int_equal(reading.secrets[0].data.size(), 7);
}

void pcapng_everything(void**) {
  const Directory directory;
  const std::string path = directory.file("a.pcapng", everything_in_pcapng());
  for (const std::size_t window : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{1} << 20}) {
    const Reading reading = read_file(path, window);
    check_everything(reading);
    assert_string_equal(reading.names[2].name.c_str(), "c.example");
  }
}

/// The lengths at which a pcapng file may end.
std::set<std::size_t> block_ends(const std::string& file) {
  std::set<std::size_t> ends;
  ByteOrder order = little;
  for (std::size_t at = 0; at < file.size();) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&file[at]);
    if (proxytunnel::get32(bytes) == 0x0a0d0d0a) order = bytes[8] == 0x1a ? big : little;
    at += unproxy::load32(bytes + 4, order);
    ends.insert(at);
  }
  return ends;
}

/// Reads each beginning of `file`. `whole` has the lengths at which nothing is cut.
void check_every_length(const std::string& file, const std::set<std::size_t>& whole, std::size_t window) {
  const Directory directory;
  const std::string path = directory.file("a", file);
  std::size_t most = 0;
  for (std::size_t length = 4; length <= file.size(); ++length) {
    const std::string cut = directory.file("cut", file.substr(0, length));
    const Reading reading = read_file(cut, window);
    assert_true(reading.packets.size() >= most);
    most = reading.packets.size();
    assert_int_equal(reading.damage.has_value(), whole.count(length) == 0);
    if (!reading.damage) continue;
    assert_true(contains(reading.damage->message, "cut short"));
    assert_true(contains(reading.damage->message, "offset " + std::to_string(reading.damage->offset)));
    assert_true(reading.damage->offset == 0 || whole.count(reading.damage->offset) == 1);
  }
  assert_int_equal(most, read_file(path).packets.size());
}

void cut_at_every_length(void**) {
  const std::string ng = everything_in_pcapng();
  const std::string header = pcap_header(big, micro);
  const std::string first = pcap_record(big, 1, 2, frame_a, 23), second = pcap_record(big, 2, 2, frame_b, 6);
  for (const std::size_t window : {std::size_t{5}, std::size_t{1} << 12}) {
    check_every_length(ng, block_ends(ng), window);
    check_every_length(header + first + second,
                       {header.size(), header.size() + first.size(), header.size() + first.size() + second.size()},
                       window);
  }
}

/// The damage of a file, behind one good packet.
std::string damage_behind(const std::string& good, const std::string& bad) {
  const Directory directory;
  const Reading reading = read_file(directory.file("a", good + bad));
  assert_int_equal(reading.packets.size(), 1);
  assert_true(reading.damage.has_value());
  assert_int_equal(reading.damage->offset, good.size());
  return reading.damage->message;
}

void absurd_pcap_is_damage(void**) {
  const std::string good = pcap_header(little, nano) + pcap_record(little, 1, 2, frame_a, 23);
  const auto claim = [](std::uint32_t size) { return Builder().u32(1).u32(2).u32(size).u32(size).text("x").bytes(); };
  assert_true(contains(damage_behind(good, claim(0xffffffff)), "packet 2 claims 4294967295"));
  assert_true(contains(damage_behind(good, claim(262145)), "packet 2 claims 262145"));
  assert_true(contains(damage_behind(good, claim(262144)), "cut short in the middle of packet 2"));
}

void absurd_pcapng_is_damage(void**) {
  const std::string good = section() + interface_block(1) + enhanced_packet(0, 1, frame_a);
  const auto head = [](std::uint32_t type, std::uint32_t size) { return Builder().u32(type).u32(size).bytes(); };
  assert_true(contains(damage_behind(good, head(6, 0)), "claims a length of 0"));
  assert_true(contains(damage_behind(good, head(6, 11) + "        "), "claims a length of 11"));
  assert_true(contains(damage_behind(good, head(6, 0xffffffff)), "claims a length of 4294967295"));
  assert_true(contains(damage_behind(good, head(6, 200 << 20)), "cut short"));
  assert_true(contains(damage_behind(good, head(0x7777, 200 << 20)), "cut short"));
  assert_true(contains(damage_behind(good, enhanced_packet(1, 1, frame_a)), "names interface 1"));
  assert_true(contains(damage_behind(good, enhanced_packet(0xffffffff, 1, frame_a)), "names interface 4294967295"));
  assert_true(contains(damage_behind(good, block(6, std::string(16, 0))), "too short"));
  assert_true(contains(damage_behind(good, block(3, "")), "too short"));
  assert_true(contains(damage_behind(good, block(3, Builder().u32(9).text("12345678").bytes())), "claims 9 captured"));
  assert_true(contains(damage_behind(good, block(1, "1234")), "too short"));
  assert_true(contains(damage_behind(good, enhanced_packet(0, 1, std::string(262145, 'x'))), "claims 262145"));
  std::string long_claim = enhanced_packet(0, 1, frame_a);
  long_claim[20] = 25;  // one more than the block has room for
  assert_true(contains(damage_behind(good, long_claim), "claims 25"));
  std::string mismatch = enhanced_packet(0, 1, frame_a);
  mismatch[mismatch.size() - 4] = 12;
  assert_true(contains(damage_behind(good, mismatch), "two lengths differ in packet 2"));
  assert_true(contains(damage_behind(good, block(0x7777, "abcd").substr(0, 12) + std::string(4, 9)), "lengths differ"));
  std::string no_magic = section();
  no_magic[8] = 0;
  assert_true(contains(damage_behind(good, no_magic), "byte-order magic"));
  std::string version = section();
  version[12] = 2;
  assert_true(contains(damage_behind(good, version), "version 2"));
  // A new section knows nothing of the interfaces of the one before.
  const std::string again = good + section();
  assert_true(contains(damage_behind(again, enhanced_packet(0, 1, frame_a)), "names interface 0"));
}

void large_packets_by_link_type(void**) {
  const Directory directory;
  const std::string usb(1 << 20, 'u'), ethernet(262144, 'e');
  const std::string path = directory.file("a", section() + interface_block(249) + interface_block(1) +
                                                   enhanced_packet(0, 1, usb) + enhanced_packet(1, 2, ethernet));
  const Reading reading = read_file(path, 1000);
  assert_false(reading.damage.has_value());
  assert_true(reading.packets[0].bytes == usb);
  assert_true(reading.packets[1].bytes == ethernet);
}

void odd_pcapng_is_read(void**) {
  const Directory directory;
  const std::string bad_options = Builder().option(2, "lo").u16(9).u16(500).u8(3).bytes();
  const std::string bad_resolution = Builder().option(9, "\x14").bytes(), large = Builder().option(9, "\xff").bytes();
  const std::string fine = Builder().option(9, "\x13").bytes();
  const std::string far = Builder().option(14, Builder().u64(std::numeric_limits<std::int64_t>::max()).bytes()).bytes();
  // the length leaves out the padding
  std::string unpadded = enhanced_packet(0, 7, frame_a);
  unpadded[4] = static_cast<char>(unpadded[4] - 1);
  unpadded[unpadded.size() - 4] = unpadded[4];
  const Reading reading = read_file(directory.file(
      "a", section() + interface_block(1, bad_options) + interface_block(1, bad_resolution) +
               interface_block(1, large) + interface_block(1, fine) + interface_block(1, far) +
               enhanced_packet(0, 1, frame_a) + enhanced_packet(1, 1, "") + enhanced_packet(2, 1, "") +
               enhanced_packet(3, 123'456'789'012'345'678, "") + enhanced_packet(4, 1, "") + unpadded + block(4, "\1") +
               block(4, Builder().u16(1).u16(3).text("abc").pad().u16(2).u16(999).bytes()) +
               block(10, Builder().u32(1).u32(0xffffffff).bytes()) + block(10, "")));
  assert_false(reading.damage.has_value());
  assert_string_equal(reading.interfaces[0].name.c_str(), "lo");
  assert_int_equal(reading.packets.size(), 6);
  assert_true(reading.packets[1].time == 1000);
  assert_true(reading.packets[2].time == 1000);
  assert_true(reading.packets[3].time == 12'345'678);
  assert_true(reading.packets[4].time == std::numeric_limits<Time>::max());
  assert_true(reading.packets[5].time == 7000);
  assert_true(reading.names.empty());
  assert_true(reading.secrets.empty());
}

void side_blocks_are_bounded(void**) {
  const Directory directory;
  const std::string address("\x0a\0\0\x01", 4);
  std::string names;
  for (int i = 0; i < 10000; ++i) names += std::string("n\0", 2);
  const std::string record = Builder().option(1, address + names).bytes();
  const std::string too_long = Builder().option(1, address + std::string(256, 'n') + '\0').bytes();
  std::string file = section() + block(4, too_long);
  for (int i = 0; i < 10; ++i) file += block(4, record);
  const std::string secrets = block(10, Builder().u32(1).u32(8 << 20).text(std::string(8 << 20, 's')).bytes());
  for (int i = 0; i < 9; ++i) file += secrets;
  const Reading reading = read_file(directory.file("a", file));
  assert_int_equal(reading.names.size(), unproxy::PendingBlocks::most_names);
  assert_int_equal(reading.secrets.size(), 7);
  assert_int_equal(reading.dropped.names, 10 * 10000 + 1 - reading.names.size());
  assert_int_equal(reading.dropped.secrets, 2);
}

void side_blocks_come_with_their_packets(void**) {
  const Directory directory;
  const auto reader = open_capture(directory.file("a", everything_in_pcapng()));
  assert_non_null(reader->next());
  assert_true(reader->take_secrets().empty());
  assert_non_null(reader->next());
  assert_int_equal(reader->take_secrets().size(), 1);
  assert_true(reader->take_secrets().empty());
  assert_non_null(reader->next());
  assert_int_equal(reader->take_names().size(), 3);
  assert_true(reader->take_names().empty());
}

void hash_is_of_the_whole_file(void**) {
  const Directory directory;
  assert_string_equal(unproxy::sha256_hex(proxytunnel::bytes_of("abc")).c_str(),
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // "behind the damage" is hashed, too
  const std::string file = everything_in_pcapng() + block(6, "") + std::string(100'000, 'z');
  for (const std::size_t window : {std::size_t{16}, std::size_t{1} << 20}) {
    InputHash hash;
    const auto reader = open_capture(directory.file("a", file), &hash, nullptr, window);
    assert_true(read_all(*reader).damage.has_value());
    assert_int_equal(hash.bytes(), file.size());
    assert_string_equal(hash.hex().c_str(), unproxy::sha256_hex(proxytunnel::bytes_of(file)).c_str());
  }
}

void unreadable_inputs(void**) {
  const Directory directory;
  const auto message = [](const std::string& path) { return error_of([&] { open_capture(path); }); };
  assert_true(contains(message(directory.file("empty", "")), "is empty"));
  assert_true(contains(message(directory.path("none")), "No such file"));
  assert_true(contains(message(directory.path("none")), directory.path("none")));
  assert_true(contains(message(directory.path("")), "is a directory"));
  assert_true(contains(message(directory.file("text", "just some words, nothing else\n")), "known format"));
  assert_true(contains(message(directory.file("short", "\xa1\xb2")), "short"));
  assert_true(contains(message(directory.file("crlf", "\n\r\r\n and so on, no pcapng")), "known format"));
  assert_true(contains(message(directory.file("json", "{\"a\": 1, \"b\": [1, 2, 3]}")), "no network packets"));
}

/// Standard input is `path` for the life of this object.
class StandardInput {
 public:
  explicit StandardInput(int file) : saved_(::dup(STDIN_FILENO)) { ::dup2(file, STDIN_FILENO); }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

/// Reads `contents` through a pipe on standard input.
Reading read_pipe(const std::string& contents, InputHash* hash) {
  int ends[2];
  assert_int_equal(::pipe(ends), 0);
  const StandardInput input(ends[0]);
  ::close(ends[0]);
  std::thread writer([&] {
    for (std::size_t at = 0; at < contents.size(); at += 100) {
      const std::string piece = contents.substr(at, 100);
      if (::write(ends[1], piece.data(), piece.size()) < 0) break;
    }
    ::close(ends[1]);
  });
  const Reading reading = read_all(*open_capture("-", hash));
  writer.join();
  return reading;
}

void standard_input(void**) {
  const Directory directory;
  const std::string path = directory.file("a", everything_in_pcapng());
  InputHash hash;
  check_everything(read_pipe(everything_in_pcapng(), &hash));
  assert_string_equal(hash.hex().c_str(), unproxy::sha256_hex(proxytunnel::bytes_of(contents_of(path))).c_str());
}

void gzip_by_wiretap(void**) {
  const Directory directory;
  const std::string path = directory.file("a.pcapng", everything_in_pcapng());
  assert_int_equal(std::system(("gzip -k " + path).c_str()), 0);
  const std::string compressed = contents_of(path + ".gz");
  InputHash hash;
  check_everything(read_all(*open_capture(path + ".gz", &hash)));
  assert_int_equal(hash.bytes(), compressed.size());
  assert_string_equal(hash.hex().c_str(), unproxy::sha256_hex(proxytunnel::bytes_of(compressed)).c_str());
  InputHash piped;
  check_everything(read_pipe(compressed, &piped));
  assert_string_equal(piped.hex().c_str(), hash.hex().c_str());
}

void damage_by_wiretap(void**) {
  const Directory directory;
  const std::string good = pcap_header(little, micro) + pcap_record(little, 1, 2, frame_a, 23);
  const std::string path = directory.file("a.pcap", good + good.substr(24, 20));
  assert_int_equal(std::system(("gzip " + path).c_str()), 0);
  const Reading reading = read_file(path + ".gz");
  assert_int_equal(reading.packets.size(), 1);
  assert_true(reading.damage.has_value());
  assert_true(contains(reading.damage->message, "behind packet 1"));
  assert_int_equal(reading.interfaces[0].link_type, 1);
}

void old_pcap_by_wiretap(void**) {
  const Directory directory;
  // Alexey Kuznetzov's records have an interface, a protocol and a packet type behind the lengths.
  const std::string modified =
      pcap_header(little, 0xa1b2cd34) +
      Builder().u32(1).u32(2).u32(6).u32(6).u32(1).u16(0x800).u8(0).u8(0).text(frame_b).bytes();
  assert_true(read_file(directory.file("modified", modified)).packets.at(0).bytes == frame_b);
  // Before version 2.3 the lengths were the other way round.
  std::string old = pcap_header(little, micro) + Builder().u32(1).u32(2).u32(60).u32(6).text(frame_b).bytes();
  old[6] = 2;
  const Reading reading = read_file(directory.file("old", old));
  assert_true(reading.packets.at(0).bytes == frame_b);
  assert_int_equal(reading.packets.at(0).wire_length, 60);
}

void raw_ip_by_wiretap(void**) {
  const Directory directory;
  for (const unsigned link_type : {12U, 101U}) {
    const std::string name = directory.path("raw" + std::to_string(link_type));
    const std::string record = pcap_record(little, 1, 2, frame_a, 23);
    assert_int_equal(std::system(("gzip " + directory.file("raw" + std::to_string(link_type),
                                                           pcap_header(little, micro, link_type) + record))
                                     .c_str()),
                     0);
    assert_int_equal(read_file(name + ".gz").interfaces.at(0).link_type, 101);
  }
}

void stop_ends_without_damage(void**) {
  int ends[2];
  assert_int_equal(::pipe(ends), 0);
  const StandardInput input(ends[0]);
  ::close(ends[0]);
  const std::string file = section() + interface_block(1) + enhanced_packet(0, 1, frame_a) + "half";
  assert_int_equal(::write(ends[1], file.data(), file.size()), file.size());
  unproxy::StopFlag stop{false};
  const auto reader = open_capture("-", nullptr, &stop);
  assert_non_null(reader->next());
  // The pipe stays open: only the flag can end this.
  std::thread stopper([&] {
    ::usleep(20'000);
    stop = true;
  });
  assert_null(reader->next());
  assert_false(reader->damage().has_value());
  stopper.join();
  ::close(ends[1]);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(pcap_variants),
      cmocka_unit_test(pcapng_everything),
      cmocka_unit_test(cut_at_every_length),
      cmocka_unit_test(absurd_pcap_is_damage),
      cmocka_unit_test(absurd_pcapng_is_damage),
      cmocka_unit_test(large_packets_by_link_type),
      cmocka_unit_test(odd_pcapng_is_read),
      cmocka_unit_test(side_blocks_are_bounded),
      cmocka_unit_test(side_blocks_come_with_their_packets),
      cmocka_unit_test(hash_is_of_the_whole_file),
      cmocka_unit_test(unreadable_inputs),
      cmocka_unit_test(standard_input),
      cmocka_unit_test(gzip_by_wiretap),
      cmocka_unit_test(damage_by_wiretap),
      cmocka_unit_test(old_pcap_by_wiretap),
      cmocka_unit_test(raw_ip_by_wiretap),
      cmocka_unit_test(stop_ends_without_damage),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
