// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is written is read again as it was, and a file is there complete or not at all.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <limits>
#include <thread>

#include "capture/writer.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using namespace capture_test;
using proxytunnel::bytes_of;
using unproxy::Bytes;
using unproxy::CaptureWriter;
using unproxy::Format;
using unproxy::NameRecord;
using unproxy::OutputFile;
using unproxy::Time;
using unproxy::WriterIdentity;

namespace {

const WriterIdentity identity{"pcap-unproxy", "1.2.3", "virtual conversations of in.pcap"};
constexpr Time first_time = 1'700'000'000'123'456'789;

void write_packet(CaptureWriter& writer, Time time, std::uint32_t interface, const std::string& bytes,
                  std::string_view comment = "") {
  // in three pieces, of which the middle one is empty
  const std::string_view text = bytes;
  const std::array<Bytes, 3> pieces{bytes_of(text.substr(0, bytes.size() / 2)), Bytes(),
                                    bytes_of(text.substr(bytes.size() / 2))};
  writer.packet(time, interface, pieces, 60, 0x100000002, comment);
}

void write_sample(const std::string& path, Format format) {
  CaptureWriter writer(path, format, identity);
  const std::uint32_t ethernet = writer.interface_for(1, 262144, "eth0");
  const unproxy::Secrets secrets{0x544c534b, {'k', 'e', 'y', 's', '!'}};
  writer.secrets(secrets);
  write_packet(writer, first_time, ethernet, "an odd frame.", "comment");
  const std::vector<NameRecord> names{{proxytunnel::Address::parse("10.0.0.1").value(), "a.example"},
                                      {proxytunnel::Address::parse("fd00::1").value(), "b.example"}};
  writer.names(names);
  for (std::size_t size = 0; size < 9; ++size) {
    write_packet(writer, first_time + 1, writer.interface_for(1, 262144, "eth0"), std::string(size, 'x'),
                 std::string(size, 'c'));
  }
  writer.finish();
}

void pcapng_is_read_again(void**) {
  const Directory directory;
  write_sample(directory.path("a"), Format::pcapng);
  const Reading reading = read_file(directory.path("a"));
  assert_false(reading.damage.has_value());
  assert_int_equal(reading.interfaces.size(), 1);
  assert_int_equal(reading.interfaces[0].link_type, 1);
  assert_int_equal(reading.interfaces[0].snap_length, 262144);
  assert_string_equal(reading.interfaces[0].name.c_str(), "eth0");
  assert_int_equal(reading.packets.size(), 10);
  assert_true(reading.packets[0].time == first_time);
  assert_true(reading.packets[0].bytes == "an odd frame.");
  assert_int_equal(reading.packets[0].wire_length, 60);
  for (std::size_t i = 1; i < 10; ++i) assert_true(reading.packets[i].bytes == std::string(i - 1, 'x'));
  assert_int_equal(reading.names.size(), 2);
  assert_string_equal(reading.names[1].name.c_str(), "b.example");
  assert_string_equal(reading.names[1].address.text().c_str(), "fd00::1");
  assert_int_equal(reading.secrets.size(), 1);
  assert_int_equal(reading.secrets[0].data.size(), 5);
  assert_int_equal(reading.secrets[0].type, 0x544c534b);
}

void pcapng_options(void**) {
  const Directory directory;
  write_sample(directory.path("a"), Format::pcapng);
  const std::string file = contents_of(directory.path("a"));
  assert_true(contains(file, Builder().option(1, "virtual conversations of in.pcap").bytes()));
  assert_true(contains(file, Builder().option(4, "pcap-unproxy 1.2.3").bytes()));
  assert_true(contains(file, Builder().option(9, "\x09").bytes()));
  const std::string packet_id = Builder().u16(5).u16(8).u64(0x100000002).option(0, "").bytes();
  assert_true(
      contains(file, "an odd frame." + std::string(3, '\0') + Builder().option(1, "comment").bytes() + packet_id));
}

void pcapng_packet_without_options(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcapng, identity);
  const std::array<Bytes, 1> pieces{bytes_of("12345")};
  writer.packet(-5, writer.interface_for(1, 0, ""), pieces, 0, 0, "");
  writer.finish();
  const std::string file = contents_of(directory.path("a"));
  // the last block: 28 bytes, 5 padded to 8, the length
  assert_true(file.substr(file.size() - 40, 8) == Builder().u32(6).u32(40).bytes());
  const Reading reading = read_file(directory.path("a"));
  assert_true(reading.packets.at(0).time == 0);
  assert_int_equal(reading.packets.at(0).wire_length, 5);
}

void interfaces_are_described_once(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcapng, identity);
  assert_int_equal(writer.interface_for(1, 0, "eth0"), 0);
  assert_int_equal(writer.interface_for(1, 0, "eth1"), 1);
  assert_int_equal(writer.interface_for(101, 0, "eth0"), 2);
  assert_int_equal(writer.interface_for(1, 0, "eth0"), 0);
  assert_false(writer.single_link_type().has_value());
  writer.finish();
  assert_int_equal(read_file(directory.path("a")).interfaces.size(), 3);
}

void long_comments_are_cut(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcapng, identity);
  const std::uint32_t interface = writer.interface_for(1, 0, "");
  // The 65535th byte is the second half of a character.
  std::string comment = std::string(65534, 'c') + "\xc3\xa4 and more";
  write_packet(writer, 1, interface, "first", comment);
  write_packet(writer, 1, interface, "second");
  writer.finish();
  const Reading reading = read_file(directory.path("a"));
  assert_false(reading.damage.has_value());
  assert_true(reading.packets.at(1).bytes == "second");
  assert_true(contains(contents_of(directory.path("a")), Builder().u16(1).u16(65534).text("ccc").bytes()));
}

void pcap_is_read_again(void**) {
  const Directory directory;
  write_sample(directory.path("a"), Format::pcap);
  const std::string file = contents_of(directory.path("a"));
  assert_true(file.substr(0, 4) == Builder().u32(0xa1b23c4d).bytes());
  const Reading reading = read_file(directory.path("a"));
  assert_int_equal(reading.packets.size(), 10);
  assert_true(reading.packets[0].time == first_time);
  assert_true(reading.packets[0].bytes == "an odd frame.");
  assert_int_equal(reading.interfaces[0].link_type, 1);
}

void pcap_has_one_link_type(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcap, identity);
  assert_false(writer.single_link_type().has_value());
  assert_int_equal(writer.interface_for(113, 0, "x"), 0);
  assert_int_equal(writer.single_link_type().value(), 113);
  assert_int_equal(writer.interface_for(113, 0, "y"), 0);
  assert_true(contains(error_of([&] { writer.interface_for(1, 0, "x"); }), "one link type"));
}

void pcap_times_are_clamped(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcap, identity);
  const std::uint32_t interface = writer.interface_for(1, 0, "");
  write_packet(writer, std::numeric_limits<Time>::min(), interface, "x");
  write_packet(writer, std::numeric_limits<Time>::max(), interface, "x");
  writer.finish();
  const Reading reading = read_file(directory.path("a"));
  assert_true(reading.packets.at(0).time == 0);
  assert_true(reading.packets.at(1).time == 4'294'967'295'999'999'999);
}

void empty_captures_are_valid(void**) {
  const Directory directory;
  for (const Format format : {Format::pcapng, Format::pcap}) {
    CaptureWriter writer(directory.path("a"), format, identity);
    writer.finish();
    const Reading reading = read_file(directory.path("a"));
    assert_true(reading.packets.empty());
    assert_false(reading.damage.has_value());
  }
}

void same_calls_same_bytes(void**) {
  const Directory directory;
  write_sample(directory.path("a"), Format::pcapng);
  write_sample(directory.path("b"), Format::pcapng);
  assert_true(contents_of(directory.path("a")) == contents_of(directory.path("b")));
}

void many_packets_cross_the_buffer(void**) {
  const Directory directory;
  CaptureWriter writer(directory.path("a"), Format::pcapng, identity);
  const std::uint32_t interface = writer.interface_for(1, 0, "");
  for (int i = 0; i < 5000; ++i) write_packet(writer, i, interface, std::string(static_cast<std::size_t>(i), 'x'));
  writer.finish();
  const Reading reading = read_file(directory.path("a"), 4096);
  assert_int_equal(reading.packets.size(), 5000);
  for (std::size_t i = 0; i < 5000; ++i) assert_int_equal(reading.packets[i].bytes.size(), i);
}

void unfinished_files_vanish(void**) {
  const Directory directory;
  const std::string kept = directory.file("kept", "old");
  {
    OutputFile file(kept, 4);
    file.write(bytes_of("much more than the buffer holds"));
    assert_true(contents_of(kept) == "old");
  }
  assert_int_equal(directory.entries(), 1);
  assert_true(contents_of(kept) == "old");
  OutputFile file(kept, 4);
  for (int i = 0; i < 10; ++i) file.write(bytes_of("new"));
  file.finish();
  assert_int_equal(directory.entries(), 1);
  assert_int_equal(contents_of(kept).size(), 30);
}

void permissions_follow_the_umask(void**) {
  const Directory directory;
  const mode_t before = ::umask(027);
  OutputFile file(directory.path("a"));
  file.finish();
  ::umask(before);
  struct stat status {};
  assert_int_equal(::stat(directory.path("a").c_str(), &status), 0);
  assert_int_equal(status.st_mode & 0777, 0640);
}

void links_are_followed(void**) {
  const Directory directory;
  const std::string target = directory.file("target", "old");
  std::filesystem::create_symlink(target, directory.path("link"));
  OutputFile file(directory.path("link"));
  file.write(bytes_of("new"));
  file.finish();
  assert_true(std::filesystem::is_symlink(directory.path("link")));
  assert_true(contents_of(target) == "new");
}

void devices_and_pipes_are_written_directly(void**) {
  OutputFile null("/dev/null");
  null.write(bytes_of("x"));
  null.finish();
  assert_true(std::filesystem::is_character_file("/dev/null"));
  const Directory directory;
  const std::string fifo = directory.path("fifo");
  assert_int_equal(::mkfifo(fifo.c_str(), 0600), 0);
  std::string seen;
  std::thread listener([&] { seen = contents_of(fifo); });
  OutputFile file(fifo);
  file.write(bytes_of("through the pipe"));
  file.finish();
  listener.join();
  assert_true(seen == "through the pipe");
  assert_true(std::filesystem::is_fifo(fifo));
}

void failures_name_file_and_reason(void**) {
  const Directory directory;
  const auto writing = [](const std::string& path) {
    return error_of([&] {
      CaptureWriter writer(path, Format::pcapng, identity);
      writer.finish();
    });
  };
  assert_true(contains(writing("/dev/full"), "/dev/full: No space left"));
  assert_true(contains(writing(directory.path("none/a")), "No such file"));
  assert_true(contains(writing(directory.path("none/a")), directory.path("none/a")));
  assert_true(contains(writing(directory.path("")), "directory"));
  assert_int_equal(directory.entries(), 0);
}

void closed_pipe_is_an_error(void**) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  assert_int_equal(::pipe(ends), 0);
  const int saved = ::dup(STDOUT_FILENO);
  ::fflush(stdout);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[0]);
  ::close(ends[1]);
  const std::string message = error_of([] {
    OutputFile file("-");
    file.write(bytes_of("x"));
    file.finish();
  });
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  assert_true(contains(message, "standard output: Broken pipe"));
}

void same_file_is_recognized(void**) {
  const Directory directory;
  const std::string a = directory.file("a", "x"), b = directory.file("b", "x");
  std::filesystem::create_symlink(a, directory.path("link"));
  std::filesystem::create_hard_link(a, directory.path("hard"));
  assert_true(unproxy::same_file(a, a));
  assert_true(unproxy::same_file(a, directory.path("link")));
  assert_true(unproxy::same_file(directory.path("hard"), a));
  assert_false(unproxy::same_file(a, b));
  assert_false(unproxy::same_file(a, directory.path("none")));
  assert_false(unproxy::same_file("/dev/null", "/dev/null"));
  assert_false(unproxy::same_file(a, "-"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(pcapng_is_read_again),
      cmocka_unit_test(pcapng_options),
      cmocka_unit_test(pcapng_packet_without_options),
      cmocka_unit_test(interfaces_are_described_once),
      cmocka_unit_test(long_comments_are_cut),
      cmocka_unit_test(pcap_is_read_again),
      cmocka_unit_test(pcap_has_one_link_type),
      cmocka_unit_test(pcap_times_are_clamped),
      cmocka_unit_test(empty_captures_are_valid),
      cmocka_unit_test(same_calls_same_bytes),
      cmocka_unit_test(many_packets_cross_the_buffer),
      cmocka_unit_test(unfinished_files_vanish),
      cmocka_unit_test(permissions_follow_the_umask),
      cmocka_unit_test(links_are_followed),
      cmocka_unit_test(devices_and_pipes_are_written_directly),
      cmocka_unit_test(failures_name_file_and_reason),
      cmocka_unit_test(closed_pipe_is_an_error),
      cmocka_unit_test(same_file_is_recognized),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
