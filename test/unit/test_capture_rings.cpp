// SPDX-License-Identifier: GPL-2.0-or-later
// summary: rings of output files: names, whatever the time; what each file begins with.
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <limits>
#include <set>

#include "capture/capture_files.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using namespace capture_test;
using proxytunnel::Address;
using proxytunnel::bytes_of;
using unproxy::Bytes;
using unproxy::CaptureFiles;
using unproxy::Format;
using unproxy::Ring;
using unproxy::Time;

namespace {

constexpr Time second = 1'000'000'000, never = std::numeric_limits<Time>::max();

void assert_name(const std::string& path, std::uint64_t number, Time time, const std::string& expected) {
  assert_string_equal(unproxy::ring_name(path, number, time).c_str(), expected.c_str());
}

void names_are_written_once_until_there_are_too_many(void**) {
  const auto address = *Address::parse("192.0.2.1"), another = *Address::parse("2001:db8::1");
  unproxy::WrittenNames names(3);
  assert_true(names.add(address, "b") && names.add(address, "a") && names.add(another, "a"));
  assert_false(names.add(address, "a") || names.add(address, "b") || names.add(another, "a"));
  assert_true(names.of(address) == std::set<std::string>({"a", "b"}));
  assert_true(names.of(*Address::parse("192.0.2.2")).empty());
  assert_true(names.add(another, "c"));  // all others are forgotten
  assert_true(names.of(address).empty() && names.of(another).size() == 1);
  assert_true(names.add(address, "a"));
}

void names_are_those_of_dumpcap(void**) {
  assert_name("out.pcapng", 1, 1'795'685'400 * second, "out_00001_20261126093000.pcapng");
  assert_name("a.b/out", 99999, 0, "a.b/out_99999_19700101000000");
  assert_name("out.x.pcap", 100000, second - 1, "out.x_00000_19700101000000.pcap");
  assert_name("out.", 2, -second, "out_00002_19691231235959.");
  assert_false(unproxy::ring_name("out", 3, never).empty());
  assert_false(unproxy::ring_name("out", 3, -never - 1).empty());
}

CaptureFiles files_in(const Directory& directory, const Ring& ring) {
  return {directory.path("out.pcapng"), Format::pcapng, {"pcap-unproxy", "1.2.3", "in.pcap"}, ring};
}

void write_packet(CaptureFiles& files, Time time, const char* address, std::uint32_t interface = 0) {
  const std::array<Bytes, 1> pieces{bytes_of("0123456789")};
  const std::array<Address, 1> ends{Address::parse(address).value()};
  files.packet(time, interface, pieces, 10, 1, "", ends);
}

Reading read_kept(const CaptureFiles& files, std::size_t index) {
  return read_file(files.kept().at(index));
}

void each_file_is_complete(void**) {
  const Directory directory;
  Ring ring;
  ring.packets = 2;
  CaptureFiles files = files_in(directory, ring);
  assert_int_equal(files.interface_for(1, 0, "eth0"), 0);
  files.secrets({0x544c534b, {'k'}});
  files.name({Address::parse("10.0.0.1").value(), "one.example"});
  write_packet(files, second, "10.0.0.1");
  files.name({Address::parse("10.0.0.1").value(), "again.example"});
  files.name({Address::parse("10.0.0.2").value(), "two.example"});
  write_packet(files, second, "10.0.0.1");  // full
  assert_int_equal(files.interface_for(101, 0, "eth0"), 1);
  assert_int_equal(files.interface_for(1, 0, "eth0"), 0);
  write_packet(files, second, "10.0.0.2", 1);
  files.finish();
  assert_int_equal(files.files(), 2);
  const Reading first = read_kept(files, 0), last = read_kept(files, 1);
  assert_int_equal(first.packets.size(), 2);
  assert_int_equal(first.interfaces.size(), 1);
  assert_int_equal(first.names.size(), 2);
  assert_int_equal(first.secrets.size(), 1);
  assert_int_equal(last.packets.size(), 1);
  assert_int_equal(last.interfaces.size(), 2);
  assert_int_equal(last.names.size(), 1);
  assert_string_equal(last.names[0].name.c_str(), "two.example");
  assert_int_equal(last.secrets.size(), 1);
}

void time_may_be_anything(void**) {
  const Directory directory;
  Ring ring;
  ring.duration = 10 * second;
  CaptureFiles files = files_in(directory, ring);
  files.interface_for(1, 0, "eth0");
  write_packet(files, -never - 1, "10.0.0.1");
  write_packet(files, 0, "10.0.0.1");
  write_packet(files, 10 * second - 1, "10.0.0.1");
  write_packet(files, 5 * second, "10.0.0.1");  // time runs backwards
  write_packet(files, never, "10.0.0.1");
  write_packet(files, never, "10.0.0.1");
  files.idle(never);
  files.finish();
  assert_int_equal(files.files(), 3);
  assert_int_equal(read_kept(files, 1).packets.size(), 3);
}

void a_file_whose_time_is_over_ends(void**) {
  const Directory directory;
  Ring ring;
  ring.duration = 10 * second;
  CaptureFiles files = files_in(directory, ring);
  files.interface_for(1, 0, "eth0");
  files.idle(0);
  write_packet(files, second, "10.0.0.1");
  files.idle(10 * second);
  assert_true(files.kept().empty());
  files.idle(11 * second);
  assert_int_equal(files.kept().size(), 1);
  files.idle(100 * second);
  files.finish();
  assert_int_equal(files.files(), 1);
}

void the_oldest_are_removed(void**) {
  const Directory directory;
  Ring ring;
  ring.packets = 1;
  ring.files = 2;
  CaptureFiles files = files_in(directory, ring);
  files.interface_for(1, 0, "eth0");
  for (Time time = 1; time <= 5; ++time) write_packet(files, time * second, "10.0.0.1");
  std::filesystem::remove(files.kept().front());  // by somebody else
  write_packet(files, 6 * second, "10.0.0.1");
  files.finish();
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path(""))) {
    there.insert(entry.path().filename().string());
  }
  const std::set<std::string> expected = {"out_00005_19700101000005.pcapng", "out_00006_19700101000006.pcapng"};
  assert_true(there == expected);
}

}  // namespace

int main() {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const CMUnitTest tests[] = {
      cmocka_unit_test(names_are_written_once_until_there_are_too_many),
      cmocka_unit_test(names_are_those_of_dumpcap),
      cmocka_unit_test(each_file_is_complete),
      cmocka_unit_test(time_may_be_anything),
      cmocka_unit_test(a_file_whose_time_is_over_ends),
      cmocka_unit_test(the_oldest_are_removed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
